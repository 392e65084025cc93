import { median } from '../metrics/statistics.js';
import type { CriterionName } from '../neurons/criteria.js';
import type { Neuron } from '../neurons/neuron.js';
import { fractionToCount } from '../neurons/select.js';
import { type GivenOf, resolveSettings } from '../settings/setting.js';
import { type OverlapEntry, RANK_BIN, type TraceOverlapResult } from './results.js';
import { type SessionOptions, traceAlone, type TraceSession } from './traceSession.js';
import { TRACE_SETTINGS } from './traceSettings.js';

/** Settings of an overlap; defaults are the protocol's. */
type OverlapChoices = GivenOf<(typeof TRACE_SETTINGS)['overlap']>;

export interface TraceOverlapOptions extends SessionOptions, OverlapChoices {}

/**
 * Measures how criteria agree (article, Fig. 3): the percentile rank of each criterion's top neurons under each other one, for
 * each group, in every reading (`RANK_READINGS`). Writes `results/trace-overlap.json`.
 *
 * @throws `USAGE` for options out of range, and what `TraceSession.open` throws
 */
export async function traceOverlap(options: TraceOverlapOptions): Promise<TraceOverlapResult> {
  return traceAlone(TRACE_SETTINGS.overlap, options, traceOverlapIn);
}

/** Like `traceOverlap`, in an open session, whose traces share their scores. */
export async function traceOverlapIn(
  session: TraceSession,
  options: OverlapChoices,
): Promise<TraceOverlapResult> {
  const { criteria, fraction } = resolveSettings(TRACE_SETTINGS.overlap, session.settings.protocol, options);
  const count = fractionToCount(fraction, session.numNeurons);
  session.requireTopK(criteria, [count], { parameter: 'fraction' });
  const entries: OverlapEntry[] = [];
  for (const group of session.groupsIn('train')) {
    for (const rankedBy of criteria) {
      const rank = await ranksOf(session, rankedBy, group);
      for (const chosenBy of criteria) {
        if (chosenBy === rankedBy) continue;
        const chosen = await session.select(chosenBy, group, count);
        entries.push(...rank(chosen).map((ranks) => ({ ...ranks, group, chosenBy, rankedBy })));
      }
    }
  }
  const result: TraceOverlapResult = {
    kind: 'trace-overlap',
    ...session.header,
    criteria,
    fraction,
    count,
    entries,
  };
  await session.record(result);
  return result;
}

type Ranks = Pick<OverlapEntry, 'reading' | 'neurons' | 'counts'>;

/** Returns a function that ranks neurons under a criterion in every reading that it has; if single weights are the unit, two coincide. */
async function ranksOf(
  session: TraceSession,
  rankedBy: CriterionName,
  group: number,
): Promise<(chosen: readonly Neuron[]) => Ranks[]> {
  const scores = await session.scores(rankedBy, group);
  const sorted = scores.toSorted();
  const sortedLayers = new Map<string, Float32Array>();
  const ofLayer = ({ layer }: Neuron): Float32Array => {
    const known = sortedLayers.get(layer) ?? session.ofLayer(scores, layer).toSorted();
    sortedLayers.set(layer, known);
    return known;
  };
  const hasWeights = session.unit === 'neuron' && session.criterion(rankedBy).neuronsOnly !== true;
  const weights = hasWeights ? await session.weightScores(rankedBy, group) : undefined;
  const sortedWeights = weights?.toSorted();
  return (chosen) => {
    const ranked = (reading: 'model' | 'layer', among: (neuron: Neuron) => Float32Array): Ranks => ({
      reading,
      neurons: chosen.map((neuron) => {
        const score = scores[session.position(neuron)] as number;
        return { ...neuron, percentile: percentile(among(neuron), score) };
      }),
    });
    const readings = [ranked('model', () => sorted), ranked('layer', ofLayer)];
    if (weights && sortedWeights) readings.push(rankedWeights(session, chosen, weights, sortedWeights));
    return readings;
  };
}

function rankedWeights(
  session: TraceSession,
  chosen: readonly Neuron[],
  weights: Float32Array,
  sorted: Float32Array,
): Ranks {
  const counts = new Array<number>(100 / RANK_BIN).fill(0);
  const neurons = chosen.map((neuron) => {
    const ranks = Array.from(session.weightsOf(weights, neuron), (score) => percentile(sorted, score));
    for (const rank of ranks) {
      const bin = Math.min(counts.length - 1, Math.floor(rank / RANK_BIN));
      counts[bin] = (counts[bin] as number) + 1;
    }
    return { ...neuron, percentile: median(ranks) };
  });
  return { reading: 'weights', neurons, counts };
}

/** Returns the share of ascending values that are at most `value`, in percent, by bisection. */
function percentile(ascending: Float32Array, value: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return (100 * low) / ascending.length;
}
