import type { TrainingResult } from '../../train/results.js';
import type { FigureRow } from '../figure.js';
import { percentText } from '../format.js';
import type { GroupLabel } from '../views/groupLabels.js';
import { worstGroupDifference } from '../verdicts/accuracy.js';
import { range, signed } from '../verdicts/words.js';
import { runColumns } from './comparison.js';
import { countOf } from './accuracy.js';
import type { Table } from './table.js';

/** A run's result and its name. */
interface ComparedResult extends TrainingResult {
  readonly title: string;
}

/** A row a run: its worst groups, how far the test split's is from that of the first run, and every group's test accuracy. */
export function runsTable(runs: readonly ComparedResult[], groups: readonly GroupLabel[]): Table {
  const [reference] = runs;
  return {
    caption: `Test accuracy of each run: the worst group, its difference from that of ${reference?.title ?? 'the first'} in points with its 95 % interval over examples, the average, and each group.`,
    columns: runColumns(groups),
    rows: runs.map((run, at) => {
      const difference = at > 0 && reference ? worstGroupDifference(run.test, reference.test) : undefined;
      return [
        run.title,
        String(run.epochs),
        percentText(run.val.worstGroupAccuracy),
        [
          percentText(run.test.worstGroupAccuracy),
          { kind: 'detail', text: `(${countOf(run.test, run.test.worstGroup)})` },
        ],
        difference ? [signed(difference.value), { kind: 'detail', text: range(difference.interval) }] : '',
        percentText(run.test.average),
        ...groups.map(({ index }) => percentText(run.test.accuracy[index])),
      ];
    }),
  };
}

/** The same as rows of a file. */
export function comparedRows(runs: readonly ComparedResult[], groups: readonly GroupLabel[]): FigureRow[] {
  const [reference] = runs;
  return runs.map((run, at) => {
    const difference = at > 0 && reference ? worstGroupDifference(run.test, reference.test) : undefined;
    return {
      ...{ run: run.title, method: run.kind, epochs: run.epochs },
      valWorstGroupAccuracy: run.val.worstGroupAccuracy,
      testWorstGroupAccuracy: run.test.worstGroupAccuracy,
      difference: difference?.value ?? null,
      differenceLow: difference?.interval[0] ?? null,
      differenceHigh: difference?.interval[1] ?? null,
      testAverage: run.test.average,
      ...Object.fromEntries(
        groups.map(({ index }) => [`testAccuracy${index}`, run.test.accuracy[index] ?? null]),
      ),
    };
  });
}

/** The settings in which runs differ, a column a run; undefined where they differ in none. */
export function settingsTable(
  runs: readonly { readonly name: string; readonly config: readonly (readonly [string, string])[] }[],
): Table | undefined {
  const values = runs.map(({ config }) => new Map(config));
  const names = [...new Set(values.flatMap((settings) => [...settings.keys()]))];
  const differing = names.filter((name) => new Set(values.map((settings) => settings.get(name))).size > 1);
  if (differing.length === 0) return undefined;
  return {
    caption: 'Settings in which the runs differ; a dash where a run has none of that name.',
    columns: [{ name: 'setting' }, ...runs.map(({ name }) => ({ name, text: true }))],
    rows: differing.map((name) => [name, ...values.map((settings) => settings.get(name) ?? '–')]),
  };
}
