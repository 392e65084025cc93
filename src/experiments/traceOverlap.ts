import { SpurmemError } from '../errors.js';
import { CRITERIA } from '../neurons/neuron.js';
import { fractionToCount } from '../neurons/select.js';
import type { OverlapEntry, TraceOverlapResult } from './results.js';
import { TraceSession, type SessionOptions } from './traceSession.js';

export interface TraceOverlapOptions extends SessionOptions {
  /** Share of all neurons to choose; article: 0.0001. Of a small network that is one neuron. */
  readonly fraction: number;
}

/**
 * How the two criteria agree (article, Fig. 3): the percentile rank of one criterion's top neurons under the other, for
 * each group. Writes `results/trace-overlap.json`.
 *
 * @throws `USAGE` when the fraction is not in (0, 1]
 */
export async function traceOverlap(options: TraceOverlapOptions): Promise<TraceOverlapResult> {
  requireFraction(options.fraction); // Before the long work.
  using session = await TraceSession.open(options);
  return await traceOverlapIn(session, options);
}

/** The same in an open session, whose scores are shared with its other traces. */
export async function traceOverlapIn(
  session: TraceSession,
  { fraction }: Pick<TraceOverlapOptions, 'fraction'>,
): Promise<TraceOverlapResult> {
  requireFraction(fraction);
  const count = fractionToCount(fraction, session.numNeurons);
  const entries: OverlapEntry[] = [];
  for (const group of session.dataset.groupNames.keys()) {
    for (const [chosenBy, rankedBy] of [CRITERIA, CRITERIA.toReversed()] as [
      OverlapEntry['chosenBy'],
      OverlapEntry['rankedBy'],
    ][]) {
      const sorted = (await session.scores(rankedBy, group)).toSorted();
      const ranking = await session.scores(rankedBy, group);
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

function requireFraction(fraction: number): void {
  if (fraction > 0 && fraction <= 1) return;
  throw new SpurmemError(
    'USAGE',
    `--fraction is ${fraction}, which selects ${fraction > 1 ? 'more neurons than there are' : 'nothing'}: it takes a share above 0 and at most 1.`,
  );
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
