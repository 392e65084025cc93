import { comparisonName, OUTCOMES, type Outcome } from '../../experiments/outcomes.js';
import type { NullDistribution } from '../../experiments/results.js';
import type { Interval } from '../../metrics/intervals.js';
import type { Neuron } from '../../neurons/neuron.js';
import { NULL_NAMES, type NullName } from '../../neurons/nulls.js';
import type { FigureRow } from '../figure.js';
import type { AdjustedTest } from '../views/nulls.js';

/** The columns of an interval. */
export function boundColumns(name: string, interval: Interval | undefined): FigureRow {
  return { [`${name}Low`]: interval?.[0] ?? null, [`${name}High`]: interval?.[1] ?? null };
}

/**
 * The columns of the comparisons with random neurons: for each null and outcome the change beyond the mean of the draws, and the
 * p-values, two-sided and for a drop, raw and adjusted by Holm; of accuracies also the draws, their mean and their middle 95 %. A
 * column's name begins with the null's: `sameLayersAccuracyP`.
 */
export function randomColumns(
  testOf: (null_: NullName, outcome: Outcome) => NullDistribution | undefined,
  adjusted: ReadonlyMap<NullDistribution, AdjustedTest>,
): FigureRow {
  const columns = NULL_NAMES.flatMap((null_) =>
    OUTCOMES.map((outcome) => {
      const test = testOf(null_, outcome);
      const corrected = test && adjusted.get(test);
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
        [`${name}PHolm`]: corrected?.pValue ?? null,
        [`${name}PDrop`]: test?.pDrop ?? null,
        [`${name}PDropHolm`]: corrected?.pDrop ?? null,
      };
    }),
  );
  return Object.assign({}, ...columns) as FigureRow;
}

/** Neurons as one text. */
export function neuronColumn(neurons: readonly Neuron[]): string {
  return neurons.map(({ layer, index }) => `${layer}[${index}]`).join(' ');
}
