import { stringify } from 'csv-stringify/sync';
import type { GroupAccuracies } from '../metrics/groups.js';
import type { EpochMetrics } from './results.js';

/**
 * Epochs as CSV, a line each: losses, accuracies as fractions by group, and the parts of a loss that has several. What an epoch
 * lacks is empty.
 */
export function epochsTable(epochs: readonly EpochMetrics[], groupNames: readonly string[]): string {
  const terms = [...new Set(epochs.flatMap(({ lossTerms = {} }) => Object.keys(lossTerms)))];
  const lines = epochs.map(({ epoch, lr, trainLoss, train, valLoss, val, best, seconds, lossTerms }) => ({
    epoch,
    lr,
    trainLoss,
    ...Object.fromEntries(terms.map((term) => [`${term}Loss`, lossTerms?.[term]])),
    valLoss,
    ...columns('train', train, groupNames),
    ...columns('val', val, groupNames),
    best: Number(best),
    seconds,
  }));
  return stringify(lines, { header: true });
}

/** `valWorstGroup`, `valAverage`, and `val pullover, digit 1` for each group. */
function columns(
  split: string,
  { worstGroupAccuracy, average, accuracy }: GroupAccuracies,
  groupNames: readonly string[],
): Record<string, number | undefined> {
  return {
    [`${split}WorstGroup`]: worstGroupAccuracy,
    [`${split}Average`]: average,
    // An epoch that draws no example of a group has no accuracy of it.
    ...Object.fromEntries(
      groupNames.map((name, group) => [
        `${split} ${name}`,
        Number.isFinite(accuracy[group]) ? accuracy[group] : undefined,
      ]),
    ),
  };
}
