import { requireGroups } from '../data/dataset.js';
import { ZERO } from '../neurons/perturb.js';
import { selectInLayer } from '../neurons/select.js';
import { type GivenOf, resolveSettings } from '../settings/setting.js';
import type { PlannedSet } from './compareWithRandom.js';
import { measureSets } from './measureSets.js';
import { effectOn, type GroupOutcome } from './outcomes.js';
import type { LayerEntry, TraceStructuredResult } from './results.js';
import { type SessionOptions, traceAlone, type TraceSession } from './traceSession.js';
import { TRACE_SETTINGS } from './traceSettings.js';

/** Settings of a structured trace; defaults are the protocol's. */
type StructuredChoices = GivenOf<(typeof TRACE_SETTINGS)['structured']>;

export interface TraceStructuredOptions extends SessionOptions, StructuredChoices {}

/**
 * Structured tracing (article, Fig. 7): for each layer, criterion and group, zeroes the layer's top-k neurons for that
 * group and measures that group's accuracy, margin and loss against random neurons. Writes `results/trace-structured.json`.
 *
 * @throws `NEURONS_INVALID` when no layer has enough neurons, `USAGE` for options out of range, and what
 *   `TraceSession.open` throws
 */
export async function traceStructured(options: TraceStructuredOptions): Promise<TraceStructuredResult> {
  return traceAlone(TRACE_SETTINGS.structured, options, traceStructuredIn);
}

/** The same in an open session, whose scores are shared with its other traces. */
export async function traceStructuredIn(
  session: TraceSession,
  options: StructuredChoices,
): Promise<TraceStructuredResult> {
  const { dataset } = session;
  const settings = resolveSettings(TRACE_SETTINGS.structured, session.settings.protocol, options);
  const { criteria, topK, split } = settings;
  const measured = session.groupsIn(split);
  const groups = session.groupsIn('train').filter((group) => measured.includes(group));
  if (groups.length === 0) requireGroups(dataset, ['train', split]);
  const layers = session.unitLayers;
  session.requireTopK(criteria, topK, { from: 'layer' });

  const planned: (Pick<LayerEntry, 'criterion' | 'layer' | 'group' | 'k' | 'neurons'> & PlannedSet)[] = [];
  for (const criterion of criteria) {
    for (const group of groups) {
      const scores = await session.scores(criterion, group);
      for (const { name: layer } of session.candidates(criterion)) {
        for (const k of topK) {
          const neurons = selectInLayer(scores, layers, layer, k);
          planned.push({ criterion, layer, group, k, neurons, perturbation: ZERO, groups: [group] });
        }
      }
    }
  }
  const { sets, recorded } = await measureSets(session, planned, settings, { task: 'zeroed layers' });
  const entries = sets.map((set): LayerEntry => {
    const { criterion, layer, group, k, neurons, comparisons } = set;
    const outcome = set.outcomes[0]?.[group] as GroupOutcome;
    const { lost, gained } = outcome;
    const { accuracy, change, ...effect } = effectOn([outcome]);
    return { criterion, layer, group, k, neurons, accuracy, change, lost, gained, ...effect, comparisons };
  });
  const result: TraceStructuredResult = {
    kind: 'trace-structured',
    ...recorded,
    perturbation: 'zero',
    layers: layers.map(({ name }) => name),
    entries,
  };
  await session.record(result);
  return result;
}
