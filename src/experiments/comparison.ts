import type { GroupAccuracies } from '../metrics/groups.js';

/** One of the runs that are set side by side. */
export interface ComparedRun {
  readonly title: string;
  /** The run's folder. */
  readonly run: string;
  /** Epochs of training that its weights have seen, those of the run that it started from included. */
  readonly epochs: number;
  readonly val: GroupAccuracies;
  readonly test: GroupAccuracies;
  /** What the row shows, in one sentence. */
  readonly shows: string;
}

/** `results/comparison.json`: ways on from one run, side by side; the first one is what the others are compared with. */
export interface ComparisonResult {
  readonly kind: 'comparison';
  readonly runs: readonly ComparedRun[];
}
