import type { ComparisonResult } from '../../experiments/comparison.js';
import { percentText, points } from '../format.js';
import { starNote, type GroupLabel } from '../views/groupLabels.js';
import { countOf } from './accuracy.js';
import type { Table } from './table.js';

/** The columns of runs side by side. */
export function runColumns(groups: readonly GroupLabel[]): Table['columns'] {
  const names = ['run', 'epochs', 'validation worst group', 'test worst group', 'difference', 'test average'];
  return [...names, ...groups.map(({ short }) => short)].map((name) => ({ name }));
}

/** Runs side by side: a row a run, its worst group on validation and test, and every group's test accuracy. */
export function comparisonTable({ runs }: ComparisonResult, groups: readonly GroupLabel[]): Table {
  const [reference] = runs;
  return {
    caption: `Test accuracy of ways on from one run, on equal epochs: the worst group, how many points it lies above that of ${reference?.title ?? 'the first'}, the average, and each group.`,
    columns: runColumns(groups),
    rows: runs.map((run, at) => [
      run.title,
      String(run.epochs),
      percentText(run.val.worstGroupAccuracy),
      [
        percentText(run.test.worstGroupAccuracy),
        { kind: 'detail', text: `(${countOf(run.test, run.test.worstGroup)})` },
      ],
      at === 0 || !reference ? '' : points(run.test.worstGroupAccuracy - reference.test.worstGroupAccuracy),
      percentText(run.test.average),
      ...groups.map(({ index }) => percentText(run.test.accuracy[index])),
    ]),
    notes: [...runs.map(({ title, shows }) => `${title}: ${shows}`), ...starNote(groups)],
  };
}
