import { BatchLoader } from '../data/batches.js';
import { groupCounts, loadDataset, requireGroups } from '../data/dataset.js';
import { SpurmemError } from '../errors.js';
import { evaluate } from '../metrics/evaluate.js';
import { weightsFingerprint } from '../models/fingerprint.js';
import { Model } from '../models/model.js';
import { loadWeights } from '../models/weights.js';
import { native } from '../native/addon.js';
import { resolveDevice, setThreads } from '../native/device.js';
import type { Criterion, Neuron } from '../neurons/neuron.js';
import { maskNeurons } from '../neurons/perturb.js';
import { gradientScores, magnitudeScores, worstSamples, type ScoredExample } from '../neurons/score.js';
import { selectTopK } from '../neurons/select.js';
import type { JobOptions } from '../progress.js';
import { openRun, type RunFolder } from '../train/runFolder.js';
import { evaluateVariants } from './evaluateVariants.js';
import type { TraceEntry, TraceUnstructuredResult } from './results.js';

/** Article, Methods: the gradient's source. */
export const GRADIENT_SOURCE = { worst: 256, drawn: 128 } as const;

export interface TraceOptions extends JobOptions {
  /** A run that `trainErm` finished. */
  readonly run: string;
  /** The dataset's folder; by default the one that the run was trained on. */
  readonly data?: string | undefined;
  readonly criteria: readonly Criterion[];
  /** Numbers of neurons to remove; article: 1, 2, 3. */
  readonly topK: readonly number[];
  readonly seed: number;
  readonly device: string;
  readonly threads: number;
  readonly batchSize?: number | undefined;
}

/**
 * Unstructured tracing (article, Fig. 2): for each criterion and group, zeroes the top-k neurons of the whole model and
 * measures every group's training accuracy. Writes `results/trace-unstructured.json`.
 */
export async function traceUnstructured(options: TraceOptions): Promise<TraceUnstructuredResult> {
  const { folder, config, environment } = await openRun(options.run);
  const device = resolveDevice(options.device);
  await setThreads(options.threads);
  const dataset = await loadDataset(options.data ?? environment.data);
  requireSameDataset(config.dataset.fingerprint, dataset, folder);
  requireGroups(dataset, ['train']);
  using loader = await BatchLoader.open(dataset, { ...options, device });
  using model = await Model.create({
    arch: config.arch,
    numClasses: dataset.numClasses,
    generator: new (native().Generator)(config.seed),
    device,
  });
  await loadWeights(model, folder.best);

  const { layers } = model.description;
  const most = Math.max(...options.topK);
  const indices = dataset.splits.train;
  const job = { ...options, batchSize: options.batchSize ?? config.batchSize };
  const magnitude = await magnitudeScores(model);
  selectTopK(magnitude, layers, most); // Fails before the long work when k exceeds the neurons.

  // A generator of its own: the samples drawn do not depend on the architecture.
  const generator = new (native().Generator)(options.seed);
  const before = await evaluate(model, loader, indices, { ...job, task: 'losses' });
  const selections: { criterion: Criterion; group: number; neurons: Neuron[] }[] = [];
  for (const criterion of options.criteria) {
    for (const group of groupCounts(dataset, 'train').keys()) {
      const scores =
        criterion === 'magnitude'
          ? magnitude
          : await gradientScores(
              model,
              loader,
              worstSamples(ofGroup(dataset, indices, before.losses, group), {
                ...GRADIENT_SOURCE,
                generator,
              }),
              job,
            );
      selections.push({ criterion, group, neurons: selectTopK(scores, layers, most) });
    }
  }

  const planned = selections.flatMap(({ criterion, group, neurons }) =>
    options.topK.map((k) => ({ criterion, group, k, neurons: neurons.slice(0, k) })),
  );
  const { baseline, variants } = await evaluateVariants(
    model,
    loader,
    indices,
    planned.map(({ neurons }) => maskNeurons(neurons)),
    { ...job, task: 'zeroed variants' },
  );
  const entries = planned.map((plan, i): TraceEntry => {
    const accuracies = variants[i];
    if (!accuracies) throw new RangeError('A variant was not evaluated');
    const change = accuracies.accuracy.map((value, group) => value - (baseline.accuracy[group] as number));
    return { ...plan, accuracies, change };
  });
  const result: TraceUnstructuredResult = {
    kind: 'trace-unstructured',
    checkpoint: await weightsFingerprint(folder.best),
    split: 'train',
    perturbation: 'zero',
    numNeurons: model.numNeurons,
    gradientSource: { ...GRADIENT_SOURCE, seed: options.seed },
    baseline,
    entries,
  };
  await folder.locked(() => folder.writeResult('trace-unstructured', result));
  return result;
}

/** The examples of one group with their losses. */
function ofGroup(
  { groups }: { readonly groups: Int32Array },
  indices: Int32Array,
  losses: Float32Array,
  group: number,
): ScoredExample[] {
  return Array.from(indices, (index, position) => ({ index, loss: losses[position] as number })).filter(
    ({ index }) => groups[index] === group,
  );
}

function requireSameDataset(
  fingerprint: string,
  dataset: { readonly folder: string; readonly fingerprint: string },
  folder: RunFolder,
): void {
  if (dataset.fingerprint === fingerprint) return;
  throw new SpurmemError(
    'DATASET_INVALID',
    `${dataset.folder} is not the dataset that ${folder.path} was trained on (its table or dataset.json differs). ` +
      'Name the right folder with --data, or train on this one.',
  );
}
