import { fractionToCount } from '../neurons/select.js';
import { checkSettings, resolveSettings, type GivenOf } from '../settings/setting.js';
import type { OverlapEntry, TraceOverlapResult } from './results.js';
import { TraceSession, type SessionOptions } from './traceSession.js';
import { TRACE_SETTINGS } from './traceSettings.js';

type OverlapChoices = GivenOf<(typeof TRACE_SETTINGS)['overlap']>;

export interface TraceOverlapOptions extends SessionOptions, OverlapChoices {}

/**
 * How the criteria agree (article, Fig. 3): the percentile rank of each criterion's top neurons under each other one, for
 * each group. Writes `results/trace-overlap.json`.
 *
 * @throws `USAGE` for options out of range, and what `TraceSession.open` throws
 */
export async function traceOverlap(options: TraceOverlapOptions): Promise<TraceOverlapResult> {
  checkSettings(TRACE_SETTINGS.overlap, options); // Before the long work.
  using session = await TraceSession.open(options);
  return await traceOverlapIn(session, options);
}

/** The same in an open session, whose scores are shared with its other traces. */
export async function traceOverlapIn(
  session: TraceSession,
  options: OverlapChoices,
): Promise<TraceOverlapResult> {
  const { criteria, fraction } = resolveSettings(TRACE_SETTINGS.overlap, session.settings.protocol, options);
  const count = fractionToCount(fraction, session.numNeurons);
  const pairs = criteria.flatMap((chosenBy) =>
    criteria.filter((rankedBy) => rankedBy !== chosenBy).map((rankedBy) => ({ chosenBy, rankedBy })),
  );
  const entries: OverlapEntry[] = [];
  for (const group of session.dataset.groupNames.keys()) {
    for (const { chosenBy, rankedBy } of pairs) {
      const ranking = await session.scores(rankedBy, group);
      const sorted = ranking.toSorted();
      const neurons = (await session.select(chosenBy, group, count)).map((neuron) => {
        const score = ranking[session.position(neuron)] as number;
        return { ...neuron, percentile: (100 * countAtMost(sorted, score)) / sorted.length };
      });
      entries.push({ group, chosenBy, rankedBy, neurons });
    }
  }
  const result: TraceOverlapResult = {
    kind: 'trace-overlap',
    ...session.header,
    fraction,
    count,
    entries,
  };
  await session.folder.locked(() => session.folder.writeResult(result.kind, result));
  return result;
}

/** How many values of an ascending array are at most `limit`, by bisection. */
function countAtMost(ascending: Float32Array, limit: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] as number) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
