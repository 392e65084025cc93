import type { GroupAccuracies } from '../metrics/groups.js';
import type { SelectedCheckpoint } from './ermSettings.js';
import type { TrainingProgress } from './results.js';

/** Returns the validation accuracy that selects an epoch. Those by average and by class need no group labels. */
export function selectionScore(
  select: SelectedCheckpoint,
  { correct, total, average, worstGroupAccuracy }: GroupAccuracies,
  numSpurious: number,
): number {
  if (select === 'best-average') return average;
  if (select !== 'best-class-balanced' && select !== 'best-worst-class') return worstGroupAccuracy;
  const ofClass = (counts: readonly number[], y: number): number =>
    counts.slice(y * numSpurious, (y + 1) * numSpurious).reduce((sum, count) => sum + count, 0);
  const classes = Array.from({ length: total.length / numSpurious }, (_, y) => y).filter(
    (y) => ofClass(total, y) > 0,
  );
  const shares = classes.map((y) => ofClass(correct, y) / ofClass(total, y));
  if (select === 'best-worst-class') return Math.min(...shares);
  return shares.reduce((sum, value) => sum + value, 0) / shares.length;
}

/** Returns whether an epoch is better than the best one before it. Ties: the first epoch wins, except at 0, where the best average does: a worst group that is never right tells no epochs apart. */
export function isBest(
  score: number,
  average: number,
  { bestScore, bestEpoch, metrics }: Pick<TrainingProgress, 'bestScore' | 'bestEpoch' | 'metrics'>,
): boolean {
  if (score !== 0 || bestScore !== 0) return score > bestScore;
  return average > (metrics.find(({ epoch }) => epoch === bestEpoch)?.val.average ?? -1);
}

/** Names the accuracy that selected an epoch whose score is `score`. */
export function selectionWords(select: SelectedCheckpoint | undefined, score?: number): string {
  const worst = select === 'best-worst-class' ? 'worst-class' : 'worst-group';
  if (score === 0) {
    return `validation average accuracy, as the ${worst.replace('-', ' ')} is right in no epoch`;
  }
  if (select === 'best-average') return 'validation average accuracy';
  return select === 'best-class-balanced'
    ? 'class-balanced validation accuracy'
    : `validation ${worst} accuracy`;
}
