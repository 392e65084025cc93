import type { GroupAccuracies } from '../metrics/groups.js';
import type { SelectedCheckpoint } from './ermSettings.js';

/** Returns the validation accuracy that selects an epoch. The average and the class-balanced one need no group labels. */
export function selectionScore(
  select: SelectedCheckpoint,
  { correct, total, average, worstGroupAccuracy }: GroupAccuracies,
  numSpurious: number,
): number {
  if (select === 'best-average') return average;
  if (select !== 'best-class-balanced') return worstGroupAccuracy;
  const ofClass = (counts: readonly number[], y: number): number =>
    counts.slice(y * numSpurious, (y + 1) * numSpurious).reduce((sum, count) => sum + count, 0);
  const classes = Array.from({ length: total.length / numSpurious }, (_, y) => y);
  const shares = classes.map((y) => ofClass(correct, y) / ofClass(total, y));
  return shares.reduce((sum, value) => sum + value, 0) / shares.length;
}

export function selectionWords(select: SelectedCheckpoint | undefined): string {
  if (select === 'best-average') return 'validation average accuracy';
  return select === 'best-class-balanced'
    ? 'class-balanced validation accuracy'
    : 'validation worst-group accuracy';
}
