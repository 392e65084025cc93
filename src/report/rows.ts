import { comparisonName, OUTCOMES } from '../experiments/outcomes.js';
import type { Interval } from '../metrics/intervals.js';
import { type NeuronPlace, placeText } from '../neurons/neuron.js';
import { NULL_NAMES } from '../neurons/nulls.js';
import type { FigureRow } from './figure.js';
import type { AdjustedTest, Tests } from './traces/tests.js';

export function boundColumns(name: string, interval: Interval | null | undefined): FigureRow {
  return { [`${name}Low`]: interval?.[0] ?? null, [`${name}High`]: interval?.[1] ?? null };
}

/** The columns of a number and its interval. */
export function estimateColumns(
  name: string,
  value: number | null | undefined,
  interval: Interval | null | undefined,
): FigureRow {
  return { [name]: value ?? null, ...boundColumns(name, interval) };
}

export function neuronColumn(neurons: readonly NeuronPlace[]): string {
  return neurons.map(placeText).join(' ');
}

/**
 * The columns of the comparisons with random neurons: for each null and outcome the change beyond the mean of the draws, and the
 * p-values, two-sided and for a drop, raw and adjusted by Holm; of accuracies also the draws, their mean and their middle 95 %.
 */
export function randomColumns(tests: Tests<AdjustedTest>): FigureRow {
  const columns = NULL_NAMES.flatMap((null_) =>
    OUTCOMES.map((outcome) => {
      const test = tests[null_]?.[outcome];
      const name = comparisonName(null_, outcome);
      const ofDraws = {
        [`${name}Mean`]: test?.mean ?? null,
        ...boundColumns(name, test?.interval),
        [`${name}Draws`]: test?.draws ?? null,
      };
      return {
        ...(outcome === 'accuracy' ? ofDraws : {}),
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
