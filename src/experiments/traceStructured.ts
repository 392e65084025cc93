import { requireGroups } from '../data/dataset.js';
import { accuracyInterval, changeInterval, meanInterval } from '../metrics/intervals.js';
import { maskNeurons, ZERO } from '../neurons/perturb.js';
import { selectInLayer } from '../neurons/select.js';
import { resolveSettings, type GivenOf } from '../settings/setting.js';
import { compareWithRandom, mostRandomEvaluations } from './controls.js';
import { evaluateVariants } from './evaluateVariants.js';
import { changeOf, type GroupOutcome } from './outcomes.js';
import type { LayerEntry, TraceStructuredResult } from './results.js';
import { measuredExamples } from './samples.js';
import { checkTraceOptions, TraceSession, type SessionOptions } from './traceSession.js';
import { TRACE_SETTINGS } from './traceSettings.js';

/** What a structured trace may be told; defaults are the protocol's. */
type StructuredChoices = GivenOf<(typeof TRACE_SETTINGS)['structured']>;

export interface TraceStructuredOptions extends SessionOptions, StructuredChoices {}

/**
 * Structured tracing (article, Fig. 7): for each layer, criterion and group, zeroes the layer's top-k neurons for that
 * group and measures that group's accuracy, margin and loss, beside random neurons. Writes `results/trace-structured.json`.
 *
 * @throws `NEURONS_INVALID` when no layer has so many neurons, `USAGE` for options out of range, and what
 *   `TraceSession.open` throws
 */
export async function traceStructured(options: TraceStructuredOptions): Promise<TraceStructuredResult> {
  checkTraceOptions(TRACE_SETTINGS.structured, options);
  using session = await TraceSession.open(options);
  return await traceStructuredIn(session, options);
}

/** The same in an open session, whose scores are shared with its other traces. */
export async function traceStructuredIn(
  session: TraceSession,
  options: StructuredChoices,
): Promise<TraceStructuredResult> {
  const { dataset, model, unit } = session;
  const { criteria, topK, split, samples, ...controls } = resolveSettings(
    TRACE_SETTINGS.structured,
    session.settings.protocol,
    options,
  );
  requireGroups(dataset, [split]);
  const layers = session.unitLayers;
  session.requireTopK(criteria, topK, 'layer');

  const planned: Pick<LayerEntry, 'criterion' | 'layer' | 'group' | 'k' | 'neurons'>[] = [];
  for (const criterion of criteria) {
    for (const group of dataset.groupNames.keys()) {
      const scores = await session.scores(criterion, group);
      for (const { name: layer } of session.candidates(criterion)) {
        for (const k of topK) {
          planned.push({ criterion, layer, group, k, neurons: selectInLayer(scores, layers, layer, k) });
        }
      }
    }
  }
  const indices = measuredExamples(dataset, dataset.splits[split], samples, session.seed);
  const sizes = dataset.groupNames.map(
    (_, g) => indices.filter((index) => dataset.groups[index] === g).length,
  );
  session.options.onPlan?.({
    settings: { ...session.settings, criteria, topK, split, samples, ...controls },
    examples: indices.length,
    evaluations: planned.reduce((sum, { group }) => sum + (sizes[group] ?? 0), indices.length),
    randomEvaluations: mostRandomEvaluations(
      planned.map(({ neurons }) => ({ neurons, perturbation: ZERO })),
      indices.length,
      controls,
    ),
  });
  const { baseline, variants, cost } = await evaluateVariants(
    model,
    session.loader,
    indices,
    planned.map(({ neurons, group }) => ({ ...maskNeurons(neurons, unit), groups: [group] })),
    { ...session.job, task: 'zeroed layers' },
  );
  const compared = await compareWithRandom(
    session,
    indices,
    planned.map(({ neurons, group }, i) => ({
      ...{ neurons, groups: [group], perturbation: ZERO },
      outcomes: [variants[i] ?? []],
    })),
    controls,
  );
  const entries = planned.map((plan, i): LayerEntry => {
    const { group } = plan;
    const outcome = variants[i]?.[group] as GroupOutcome;
    return {
      ...plan,
      accuracy: outcome.correct / outcome.total,
      change: changeOf(outcome, 'accuracy'),
      lost: outcome.lost,
      gained: outcome.gained,
      accuracyInterval: accuracyInterval(outcome.correct, outcome.total),
      changeInterval: changeInterval(outcome),
      margin: outcome.margin.mean,
      marginInterval: meanInterval(outcome.margin),
      loss: outcome.loss.mean,
      lossInterval: meanInterval(outcome.loss),
      controls: compared?.comparisons[i] ?? null,
    };
  });
  const result: TraceStructuredResult = {
    kind: 'trace-structured',
    ...session.header,
    split,
    samples,
    baseline,
    cost,
    controls: compared?.header ?? null,
    perturbation: 'zero',
    layers: layers.map(({ name }) => name),
    entries,
  };
  await session.folder.record(result.kind, result);
  return result;
}
