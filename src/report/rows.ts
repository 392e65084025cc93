import { comparisonName, OUTCOMES } from '../experiments/outcomes.js';
import type { Interval } from '../metrics/intervals.js';
import type { Neuron } from '../neurons/neuron.js';
import { NULL_NAMES } from '../neurons/nulls.js';
import type { FigureRow } from './figure.js';
import type { AdjustedTest, Tests } from './traces/tests.js';

/** The columns of an interval. */
export function boundColumns(name: string, interval: Interval | null | undefined): FigureRow {
  return { [`${name}Low`]: interval?.[0] ?? null, [`${name}High`]: interval?.[1] ?? null };
}

/** Neurons as one text. */
export function neuronColumn(neurons: readonly Neuron[]): string {
  return neurons.map(({ layer, index }) => `${layer}[${index}]`).join(' ');
}

/** Changes of mean margin and mean loss, with their intervals. */
interface MarginAndLoss {
  readonly margin?: number | undefined;
  readonly marginInterval?: Interval | undefined;
  readonly loss?: number | undefined;
  readonly lossInterval?: Interval | undefined;
}

/** The columns of changes of margin and loss. */
export function marginColumns({ margin, marginInterval, loss, lossInterval }: MarginAndLoss): FigureRow {
  return {
    marginChange: margin ?? null,
    ...boundColumns('marginChange', marginInterval),
    lossChange: loss ?? null,
    ...boundColumns('lossChange', lossInterval),
  };
}

/**
 * The columns of the comparisons with random neurons: for each null and outcome the change beyond the mean of the draws, and the
 * p-values, two-sided and for a drop, raw and adjusted by Holm; of accuracies also the draws, their mean and their middle 95 %. A
 * column's name begins with the null's: `sameLayersAccuracyP`.
 */
export function randomColumns(tests: Tests<AdjustedTest>): FigureRow {
  const columns = NULL_NAMES.flatMap((null_) =>
    OUTCOMES.map((outcome) => {
      const test = tests[null_]?.[outcome];
      const name = comparisonName(null_, outcome);
      return {
        ...(outcome === 'accuracy'
          ? {
              [`${name}Mean`]: test?.mean ?? null,
              ...boundColumns(name, test?.interval),
              [`${name}Draws`]: test?.draws ?? null,
            }
          : {}),
        [`${name}Excess`]: test === undefined ? null : test.change - test.mean,
        [`${name}P`]: test?.pValue ?? null,
        [`${name}PHolm`]: test?.pHolm ?? null,
        [`${name}PDrop`]: test?.pDrop ?? null,
        [`${name}PDropHolm`]: test?.pDropHolm ?? null,
      };
    }),
  );
  return Object.assign({}, ...columns) as FigureRow;
}
