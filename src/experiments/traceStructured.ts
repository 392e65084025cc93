import { requireGroups } from '../data/dataset.js';
import type { Split } from '../data/split.js';
import { accuracyInterval, changeInterval } from '../metrics/bootstrap.js';
import type { Criterion } from '../neurons/neuron.js';
import { maskNeurons, ZERO } from '../neurons/perturb.js';
import { selectInLayer } from '../neurons/select.js';
import { DEFAULT_CONTROLS, compareWithRandom, requireControls, type ControlOptions } from './controls.js';
import { changeOf, evaluateVariants, type GroupOutcome } from './evaluateVariants.js';
import type { LayerEntry, TraceStructuredResult } from './results.js';
import { TraceSession, type SessionOptions } from './traceSession.js';

export interface TraceStructuredOptions extends SessionOptions {
  readonly criteria: readonly Criterion[];
  /** Neurons to zero in each layer. */
  readonly topK: readonly number[];
  readonly split?: Split | undefined;
  /** Default: 100 random draws on 128 examples a group. */
  readonly controls?: Partial<ControlOptions> | undefined;
}

/**
 * Structured tracing (article, Fig. 7): for each layer, criterion and group, zeroes the layer's top-k neurons for that
 * group and measures that group's accuracy, beside random neurons of the layer. Writes `results/trace-structured.json`.
 *
 * @throws `NEURONS_INVALID` when no layer has so many neurons, `USAGE` for options out of range, and what
 *   `TraceSession.open` throws
 */
export async function traceStructured(options: TraceStructuredOptions): Promise<TraceStructuredResult> {
  using session = await TraceSession.open(options);
  return await traceStructuredIn(session, options);
}

/** The same in an open session, whose scores are shared with its other traces. */
export async function traceStructuredIn(
  session: TraceSession,
  options: Omit<TraceStructuredOptions, keyof SessionOptions>,
): Promise<TraceStructuredResult> {
  const { dataset, model, unit } = session;
  const split = options.split ?? 'train';
  requireGroups(dataset, [split]);
  const layers = session.unitLayers;
  session.requireTopK(options.criteria, options.topK, 'layer');
  const controlOptions = { ...DEFAULT_CONTROLS, ...options.controls };
  requireControls(controlOptions);

  const planned: Pick<LayerEntry, 'criterion' | 'layer' | 'group' | 'k' | 'neurons'>[] = [];
  for (const criterion of options.criteria) {
    for (const group of dataset.groupNames.keys()) {
      const scores = await session.scores(criterion, group);
      for (const { name: layer } of session.candidates(criterion)) {
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
  const controls = await compareWithRandom(
    session,
    dataset.splits[split],
    planned.map(({ neurons, group }) => ({ neurons, groups: [group], perturbation: ZERO })),
    controlOptions,
  );
  const entries = planned.map((plan, i): LayerEntry => {
    const { group } = plan;
    const outcome = variants[i]?.[group] as GroupOutcome;
    return {
      ...plan,
      accuracy: outcome.correct / outcome.total,
      change: changeOf(outcome),
      lost: outcome.lost,
      gained: outcome.gained,
      accuracyInterval: accuracyInterval(outcome.correct, outcome.total),
      changeInterval: changeInterval(outcome),
      controls: controls?.distributions[i]?.[group] ?? null,
    };
  });
  const result: TraceStructuredResult = {
    kind: 'trace-structured',
    ...session.header,
    split,
    baseline,
    cost,
    controls: controls?.header ?? null,
    perturbation: 'zero',
    layers: layers.map(({ name }) => name),
    entries,
  };
  await session.folder.locked(() => session.folder.writeResult(result.kind, result));
  return result;
}
