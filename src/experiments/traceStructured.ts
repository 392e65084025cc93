import { requireGroups } from '../data/dataset.js';
import type { Split } from '../data/split.js';
import type { Criterion } from '../neurons/neuron.js';
import { maskNeurons } from '../neurons/perturb.js';
import { selectInLayer } from '../neurons/select.js';
import { evaluateVariants, type GroupOutcome } from './evaluateVariants.js';
import type { LayerEntry, TraceStructuredResult } from './results.js';
import { TraceSession, type SessionOptions } from './traceSession.js';

export interface TraceStructuredOptions extends SessionOptions {
  readonly criteria: readonly Criterion[];
  /** Neurons to zero in each layer. */
  readonly topK: readonly number[];
  readonly split?: Split | undefined;
}

/**
 * Structured tracing (article, Fig. 7): for each layer, criterion and group, zeroes the layer's top-k neurons for that
 * group and measures that group's accuracy. Writes `results/trace-structured.json`.
 */
export async function traceStructured(options: TraceStructuredOptions): Promise<TraceStructuredResult> {
  using session = await TraceSession.open(options);
  const { dataset, model, unit } = session;
  const split = options.split ?? 'train';
  requireGroups(dataset, [split]);
  const layers = session.unitLayers;

  const planned: Pick<LayerEntry, 'criterion' | 'layer' | 'group' | 'k' | 'neurons'>[] = [];
  for (const criterion of options.criteria) {
    for (const group of dataset.groupNames.keys()) {
      const scores = await session.scores(criterion, group);
      for (const { name: layer } of layers) {
        for (const k of options.topK) {
          planned.push({ criterion, layer, group, k, neurons: selectInLayer(scores, layers, layer, k) });
        }
      }
    }
  }
  const { baseline, variants, cost } = await evaluateVariants(
    model,
    session.loader,
    dataset.splits[split],
    planned.map(({ neurons, group }) => ({ ...maskNeurons(neurons, unit), groups: [group] })),
    { ...session.job, task: 'zeroed layers' },
  );
  const entries = planned.map((plan, i): LayerEntry => {
    const { correct, total, lost, gained } = variants[i]?.[plan.group] as GroupOutcome;
    const accuracy = correct / total;
    return { ...plan, accuracy, change: accuracy - (baseline.accuracy[plan.group] as number), lost, gained };
  });
  const result: TraceStructuredResult = {
    kind: 'trace-structured',
    ...session.header,
    split,
    baseline,
    cost,
    perturbation: 'zero',
    layers: layers.map(({ name }) => name),
    entries,
  };
  await session.folder.locked(() => session.folder.writeResult(result.kind, result));
  return result;
}
