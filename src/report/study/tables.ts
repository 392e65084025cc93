import type { StudyDifference, StudyResult } from '../../experiments/study.js';
import type { SeedSummary } from '../../metrics/seeds.js';
import {
  fixed,
  MISSING,
  percentRange,
  points,
  pointsRange,
  probability,
  probabilityPair,
} from '../format.js';
import { numbers, type Table } from '../table.js';

/** The columns of a difference after its mean. */
const DIFFERENCE = ['95 % interval', 'p, sign flips', 'p, t', 'equivalent'] as const;

/** A row a setting: accuracies over seeds in percent, and the paired difference from the reference in points. */
export function studyTable({ rows, reference, equivalence }: StudyResult): Table {
  return {
    caption: `Worst-group accuracy over seeds in percent: mean ± standard deviation, 95 % interval of the mean by Student’s t. Differences in points, paired by seed: p by a sign-flip test and by a paired t-test, two-sided, in brackets after Holm’s correction.${equivalenceNote(equivalence)}`,
    columns: numbers(
      'setting',
      'seeds',
      'validation worst group',
      'test worst group',
      '95 % interval',
      'test average',
      `test worst group minus ${reference}`,
      ...DIFFERENCE,
    ),
    rows: rows.map((row) => [
      row.arm,
      String(row.seeds.length),
      meanStd(row.valWorstGroupAccuracy),
      meanStd(row.testWorstGroupAccuracy),
      percentRange(row.testWorstGroupAccuracy.interval),
      meanStd(row.testAverage),
      ...differenceCells(row.difference),
    ]),
  };
}

/** The focused arm minus every other arm; undefined for a study without a focus. */
export function focusTable({ focus, equivalence }: StudyResult): Table | undefined {
  return (
    focus && {
      caption: `What ${focus.arm} gains over each of the others, in points, paired by seed.${equivalenceNote(equivalence)}`,
      columns: numbers(`${focus.arm} minus`, 'test worst group', ...DIFFERENCE),
      rows: focus.against.map(({ arm, difference }) => [arm, ...differenceCells(difference)]),
    }
  );
}

/** The rows of a study's CSV, one a seed. */
export function studyRows({ rows }: Pick<StudyResult, 'rows'>): Record<string, string | number>[] {
  return rows.flatMap(({ arm, seeds }) =>
    seeds.map(({ testAccuracy, ...outcome }) => ({
      arm,
      ...outcome,
      ...Object.fromEntries(testAccuracy.map((accuracy, group) => [`testAccuracyG${group}`, accuracy])),
    })),
  );
}

function meanStd({ mean, std }: SeedSummary): string {
  return std === null ? fixed(100 * mean, 1) : `${fixed(100 * mean, 1)} ± ${fixed(100 * std, 1)}`;
}

function differenceCells(difference: StudyDifference | null): string[] {
  if (!difference) return ['', ...DIFFERENCE.map(() => '')];
  const { mean, interval, pValue, pValueHolm, signFlip, signFlipHolm, equivalence } = difference;
  return [
    points(mean),
    pointsRange(interval),
    probabilityPair(signFlip?.pValue, signFlipHolm),
    probabilityPair(pValue, pValueHolm),
    equivalence
      ? `${equivalence.equivalent ? 'yes' : 'no'} (p = ${probability(equivalence.pValue)})`
      : MISSING,
  ];
}

function equivalenceNote(margin: number | null): string {
  return margin === null
    ? ''
    : ` Equivalent: the difference lies within ±${fixed(100 * margin, 1)} points, which were declared before the first run (two one-sided tests).`;
}
