import type { TraceOverlapResult } from '../../experiments/results.js';
import { accuracyEstimate } from '../../metrics/intervals.js';
import { fixed } from '../format.js';
import { directions, RIGHTMOST, rightmost, type Direction } from '../views/overlap.js';
import { range } from './words.js';

/** What would lie in the two rightmost bins under no relation. */
const BY_CHANCE = 1 - RIGHTMOST / 100;

/** Whether one criterion's top neurons rank high under the other (article, Fig. 3), of the readings whose ranks are neurons'. */
export function overlapVerdict(overlap: TraceOverlapResult): string[] {
  return directions(overlap)
    .filter(({ reading }) => reading !== 'weights')
    .map((direction) => {
      const { part, whole } = rightmost(direction.entries);
      // Groups may share neurons, which are then not told twice.
      const distinct = distinctNeurons(direction);
      const { value, interval } = accuracyEstimate((distinct * part) / whole, distinct);
      const among = direction.reading === 'layer' ? 'of their layer' : 'of the model';
      const compared =
        interval[0] > BY_CHANCE
          ? 'more than'
          : interval[1] < BY_CHANCE
            ? 'fewer than'
            : 'not shown to differ from';
      return (
        `Of the neurons with the largest ${direction.chosenBy}, ${fixed(100 * value, 1)} % rank among the highest ${fixed(100 * BY_CHANCE, 0)} % ` +
        `${among} by ${direction.rankedBy} (${range(interval)} over ${distinct} distinct neurons): ${compared} the ${fixed(100 * BY_CHANCE, 0)} % of no relation.`
      );
    });
}

function distinctNeurons({ entries }: Direction): number {
  return new Set(entries.flatMap(({ neurons }) => neurons.map(({ layer, index }) => `${layer}[${index}]`)))
    .size;
}
