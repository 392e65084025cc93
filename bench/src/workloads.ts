import type { SideSettings } from './case.js';
import type { Workload, WorkloadPlace } from './workload.js';

type Prepare = (settings: never, place: WorkloadPlace) => Promise<Workload>;

/** Workloads by name, each loaded only in the process that runs it. */
const WORKLOADS: Readonly<Record<string, () => Promise<Prepare>>> = {
  command: async () => (await import('./workloads/command.js')).command,
  pipeline: async () => (await import('./workloads/pipeline.js')).pipeline,
  'first-epoch': async () => (await import('./workloads/epochs.js')).firstEpoch,
  'later-epoch': async () => (await import('./workloads/epochs.js')).laterEpochs,
  'later-finetuning-epoch': async () => (await import('./workloads/epochs.js')).laterFinetuningEpochs,
  'released-trace': async () => (await import('./workloads/traces.js')).releasedTrace,
  forward: async () => (await import('./workloads/compute.js')).forward,
  'erm-step': async () => (await import('./workloads/compute.js')).ermStep,
  'finetune-step': async () => (await import('./workloads/finetune.js')).finetuneStep,
  'neuron-norms': async () => (await import('./workloads/compute.js')).neuronNorms,
  'variants-together': async () => (await import('./workloads/variants.js')).variantsTogether,
  'variants-alone': async () => (await import('./workloads/variants.js')).variantsAlone,
};

/** Prepares a workload; its settings are those that a case gave it. */
export async function prepareWorkload(
  name: string,
  settings: SideSettings,
  place: WorkloadPlace,
): Promise<Workload> {
  const load = WORKLOADS[name];
  if (load === undefined) throw new RangeError(`There is no workload ${name}`);
  const prepare = await load();
  return prepare(settings as never, place);
}
