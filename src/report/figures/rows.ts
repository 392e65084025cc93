import type { NullDistribution } from '../../experiments/results.js';
import type { Interval } from '../../metrics/intervals.js';
import type { Neuron } from '../../neurons/neuron.js';
import type { FigureRow } from '../figure.js';

/** The columns of an interval. */
export function boundColumns(name: string, interval: Interval | undefined): FigureRow {
  return { [`${name}Low`]: interval?.[0] ?? null, [`${name}High`]: interval?.[1] ?? null };
}

/** The columns of the comparison with random neurons. */
export function randomColumns(controls: NullDistribution | null | undefined): FigureRow {
  return {
    randomMean: controls?.mean ?? null,
    randomLow: controls?.interval[0] ?? null,
    randomHigh: controls?.interval[1] ?? null,
    pValue: controls?.pValue ?? null,
  };
}

/** Neurons as one text. */
export function neuronColumn(neurons: readonly Neuron[]): string {
  return neurons.map(({ layer, index }) => `${layer}[${index}]`).join(' ');
}
