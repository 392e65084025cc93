import type { StudyResult } from '../../experiments/study.js';
import type { PairedDifference, SeedSummary } from '../../metrics/seeds.js';
import { fixed, MISSING, percentRange, points, pointsRange, probability } from '../format.js';
import type { Table } from './table.js';

/** A row a setting: accuracies over seeds in percent, and the paired difference from the reference in points. */
export function studyTable({ rows, reference }: StudyResult): Table {
  return {
    caption:
      'Worst-group accuracy over seeds in percent: mean ± standard deviation, 95 % interval of the mean by Student’s t. Differences in points, paired by seed, with a two-sided paired t-test.',
    columns: [
      'setting',
      'seeds',
      'validation worst group',
      'test worst group',
      '95 % interval',
      'test average',
      `test worst group minus ${reference}`,
      '95 % interval',
      'p',
    ].map((name) => ({ name })),
    rows: rows.map((row) => [
      row.arm,
      String(row.seeds.length),
      meanStd(row.valWorstGroupAccuracy),
      meanStd(row.testWorstGroupAccuracy),
      intervalText(row.testWorstGroupAccuracy),
      meanStd(row.testAverage),
      ...differenceCells(row.difference),
    ]),
  };
}

/** The focused arm minus every other arm; undefined for a study without a focus. */
export function focusTable({ focus }: StudyResult): Table | undefined {
  return (
    focus && {
      caption: `What ${focus.arm} gains over each of the others, in points, paired by seed.`,
      columns: [`${focus.arm} minus`, 'test worst group', '95 % interval', 'p'].map((name) => ({ name })),
      rows: focus.against.map(({ arm, difference }) => [arm, ...differenceCells(difference)]),
    }
  );
}

function meanStd({ mean, std }: SeedSummary): string {
  return std === null ? fixed(100 * mean, 1) : `${fixed(100 * mean, 1)} ± ${fixed(100 * std, 1)}`;
}

function intervalText({ interval }: SeedSummary): string {
  return interval ? percentRange(interval) : MISSING;
}

function differenceCells(difference: PairedDifference | null): [string, string, string] {
  if (!difference) return ['', '', ''];
  const { mean, interval, pValue } = difference;
  return [
    points(mean),
    interval ? pointsRange(interval) : MISSING,
    pValue === null ? MISSING : probability(pValue),
  ];
}
