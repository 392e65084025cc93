import { SpurmemError } from '../errors.js';
import type { RunEvaluation } from '../experiments/evaluateRun.js';
import type { RunsComparison } from '../experiments/runs/compareRuns.js';
import type { ListedRun } from '../experiments/runs/listRuns.js';
import { MEASURES } from '../experiments/runs/overSeeds.js';
import { groupCell, type GroupLabel, list, numbers, type Table, texts } from '../kit/table.js';
import { MISSING, percent, percentRange, percentText } from '../report/format.js';
import { nearestSentence } from '../settings/names.js';
import { inWords } from '../settings/setting.js';

/** The orders of a list of runs. */
export const SORTS = ['run', 'method', 'seed', 'epochs', 'val-worst', 'test-worst', 'test-average'] as const;
export type SortKey = (typeof SORTS)[number];

const VALUES: Readonly<Record<Exclude<SortKey, 'run' | 'method'>, (run: ListedRun) => number>> = {
  seed: ({ config }) => -config.seed,
  epochs: ({ epochs }) => epochs,
  'val-worst': ({ result }) => result?.val.worstGroupAccuracy ?? -1,
  'test-worst': ({ result }) => result?.test.worstGroupAccuracy ?? -1,
  'test-average': ({ result }) => result?.test.average ?? -1,
};

/**
 * Filters and sorts runs.
 *
 * @param filters `name=value` each, all of which must hold
 * @throws `USAGE` for a malformed filter, and for a name that no run has
 */
export function arrangeRuns(
  runs: readonly ListedRun[],
  sort: SortKey,
  filters: readonly string[],
): readonly ListedRun[] {
  const described = runs.map((run) => ({ run, values: valuesOf(run) }));
  const names = [...new Set(described.flatMap(({ values }) => Object.keys(values)))];
  const kept = filters.reduce((left, filter) => {
    const [, name = '', value = ''] = /^([^=]+)=(.*)$/s.exec(filter) ?? [];
    if (!names.includes(name) && runs.length > 0) {
      const told =
        name === '' ? 'it takes name=value.' : `no run has ${name}. ${nearestSentence(name, names)}`;
      throw new SpurmemError('USAGE', `--filter ${filter}: ${told}`);
    }
    return left.filter(({ values }) => isSame(values[name], value));
  }, described);
  const arranged = kept.map(({ run }) => run);
  if (sort === 'run') return arranged;
  if (sort === 'method') return arranged.sort((a, b) => a.method.localeCompare(b.method));
  return arranged.sort((a, b) => VALUES[sort](b) - VALUES[sort](a));
}

/** Returns the values of a run that filters can match, as options write them. */
function valuesOf({ config, method, state }: ListedRun): Readonly<Record<string, string>> {
  const { dataset, command: _command, ...settings } = config;
  const entries = Object.entries({ ...settings, method, state, dataset: dataset.name });
  return Object.fromEntries(entries.map(([name, value]) => [name, value === null ? 'none' : inWords(value)]));
}

/** Whether a value matches the wanted one; 1e-3 equals 0.001. */
function isSame(value: string | undefined, asked: string): boolean {
  return value === asked || (asked.trim() !== '' && Number(asked) === Number(value));
}

export function runsTable(runs: readonly ListedRun[], all: number, folder: string): Table {
  const shown = runs.length === all ? `${all} runs` : `${runs.length} of ${all} runs`;
  return {
    caption: `${shown} in ${folder}. Accuracies in %, of the selected epoch.`,
    columns: [
      ...texts('run', 'method', 'dataset', 'arch'),
      ...numbers('seed'),
      ...texts('state'),
      ...numbers('epochs', 'val worst', 'test worst', 'test average'),
    ],
    rows: runs.map(({ run, method, config, state, epochs, result }) => [
      ...[run, method, config.dataset.name, config.arch, String(config.seed), state],
      config.epochs === undefined ? MISSING : `${epochs}/${config.epochs}`,
      ...[result?.val.worstGroupAccuracy, result?.test.worstGroupAccuracy, result?.test.average].map(
        (value) => percent(value ?? Number.NaN),
      ),
    ]),
  };
}

/** Returns the settings in which runs differ, and their accuracies; runs that differ only in their seeds share a row. */
export function runsComparisonTables({ differing, groupNames, rows }: RunsComparison): Table[] {
  // Intervals of each group would make the table too wide.
  const shown = rows.map((row) =>
    Object.fromEntries(Object.entries(row).filter(([name]) => !/^testAccuracy\d+(?:Low|High)$/.test(name))),
  );
  const overSeeds = rows.some(({ n }) => Number(n) > 1) ? ': means over seeds, 95 % interval' : '';
  const isLone = rows.some(
    (row) => row.testWorstMinusFirst !== undefined && row.testWorstMinusFirstLow === null,
  );
  return [
    {
      caption: 'Settings that differ.',
      columns: texts('setting', ...rows.map(({ run }) => String(run))),
      rows: ['method', ...differing, 'seeds'].map((name) => [name, ...rows.map((row) => String(row[name]))]),
    },
    ...list(
      shown,
      [
        ...(['run', ...MEASURES] as const),
        ...groupNames.map((_, group) => `testAccuracy${group}` as const),
        ...(['testWorstMinusFirst', 'testWorstMinusFirstP'] as const),
      ],
      {
        caption: `Accuracies in %${overSeeds}. Difference: test worst group minus that of the first row, in points, paired by seed.`,
        groupName: (group) => `G${group} ${groupNames[group] ?? ''}`,
        notes: isLone ? ['A difference over one seed tells nothing of other seeds.'] : [],
      },
    ),
  ];
}

/** Returns the accuracies of a run's model on one split. */
export function evaluationTable(
  { split, epoch, accuracies, loss }: Pick<RunEvaluation, 'split' | 'epoch' | 'accuracies' | 'loss'>,
  groups: readonly GroupLabel[],
): Table {
  const which = epoch === null ? 'the selected epoch' : `epoch ${epoch}`;
  return {
    caption: `Accuracy of each group on the split ${split}, ${which}; mean loss ${loss.toPrecision(4)}.`,
    columns: numbers('Group', 'accuracy', '95 % interval', 'correct/all'),
    rows: groups.map((group) => [
      groupCell(group),
      percentText(accuracies.accuracy[group.index]),
      percentRange(accuracies.interval[group.index] ?? [Number.NaN, Number.NaN]),
      `${accuracies.correct[group.index] ?? 0}/${accuracies.total[group.index] ?? 0}`,
    ]),
    footer: [
      ['worst group', percentText(accuracies.worstGroupAccuracy), '', ''],
      ['split average', percentText(accuracies.average), '', ''],
      ['training-ratio weighted average', percentText(accuracies.trainWeightedAverage), '', ''],
    ],
  };
}
