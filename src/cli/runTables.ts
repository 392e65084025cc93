import { basename, dirname } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import { SpurmemError } from '../errors.js';
import type { RunEvaluation } from '../experiments/evaluateRun.js';
import type { ComparedRuns, RunsComparison } from '../experiments/runs/compareRuns.js';
import type { ListedRun } from '../experiments/runs/listRuns.js';
import type { SeedSummary } from '../metrics/seeds.js';
import {
  MISSING,
  percent,
  percentRange,
  percentText,
  points,
  pointsRange,
  probability,
} from '../report/format.js';
import type { GroupLabel } from '../report/groupLabels.js';
import { groupCell, numbers, type Table, texts } from '../report/table.js';
import { nearestSentence } from '../settings/names.js';
import { inWords } from '../settings/setting.js';
import { summaryText } from './sweepTables.js';

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
 * The runs that a filter leaves, sorted.
 *
 * @param filters `name=value` each, all of which must hold
 * @throws `USAGE` for a filter that is none, and for a name that no run has
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

/** The values by which a run can be chosen, as options write them. */
function valuesOf({ config, method, state }: ListedRun): Readonly<Record<string, string>> {
  const { dataset, command: _command, ...settings } = config;
  const entries = Object.entries({ ...settings, method, state, dataset: dataset.name });
  return Object.fromEntries(entries.map(([name, value]) => [name, value === null ? 'none' : inWords(value)]));
}

/** Whether a value is the one that is asked for; 1e-3 is 0.001. */
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

/** The settings in which runs differ, and their accuracies: those that differ in nothing but their seeds are one row. */
export function runsComparisonTables({ differing, groupNames, rows }: RunsComparison): Table[] {
  const names = rows.map(({ runs }) => nameOf(runs));
  const overSeeds = rows.some(({ seeds }) => seeds.length > 1) ? ': means over seeds, 95 % interval' : '';
  const isLone = rows.some(({ difference }) => difference?.std === null);
  return [
    {
      caption: 'Settings that differ.',
      columns: texts('setting', ...names),
      rows: [
        ['method', ...rows.map(({ method }) => method)],
        ...differing.map((name) => [name, ...rows.map(({ settings }) => inWords(settings[name] ?? MISSING))]),
        ['seeds', ...rows.map(({ seeds }) => seeds.join(','))],
      ],
    },
    {
      caption: `Test accuracies in %${overSeeds}. Difference: worst group minus that of the first row, in points, paired by seed.`,
      columns: [
        ...numbers('run', 'val worst', 'worst group', 'average'),
        ...numbers(...groupNames.map((name, group) => `G${group} ${name}`), 'difference', 'p'),
      ],
      rows: rows.map((row, at) => [
        names[at] ?? '',
        ...[row.valWorstGroupAccuracy, row.testWorstGroupAccuracy, row.testAverage].map(summaryText),
        ...row.testAccuracy.map(({ mean }) => percent(mean)),
        differenceText(row.difference),
        probability(row.difference?.pValue),
      ]),
      notes: isLone ? ['A difference over one seed tells nothing of other seeds.'] : [],
    },
  ];
}

/** A folder's name; of a study's or sweep's `seed-<n>`, that of the folder above. */
function nameOf([first = '', ...others]: readonly string[]): string {
  const name = basename(first);
  return others.length > 0 || /^seed-\d+$/.test(name) ? basename(dirname(first)) : name;
}

/** One line for each row. */
export function comparisonCsv({ differing, rows }: RunsComparison): string {
  const lines = rows.flatMap(({ method, settings, runs, seeds, ...row }) => ({
    method,
    ...Object.fromEntries(differing.map((name) => [name, inWords(settings[name] ?? '')])),
    runs: runs.join(' '),
    seeds: seeds.join(' '),
    ...columns('valWorstGroupAccuracy', row.valWorstGroupAccuracy),
    ...columns('testWorstGroupAccuracy', row.testWorstGroupAccuracy),
    ...columns('testAverage', row.testAverage),
    ...Object.fromEntries(row.testAccuracy.map(({ mean }, group) => [`testAccuracy${group}`, mean])),
    ...columns('difference', row.difference),
    differencePValue: row.difference?.pValue ?? '',
  }));
  return stringify(lines, { header: true });
}

function columns(name: string, summary: SeedSummary | null): Record<string, number | string> {
  return {
    [name]: summary?.mean ?? '',
    [`${name}Low`]: summary?.interval?.[0] ?? '',
    [`${name}High`]: summary?.interval?.[1] ?? '',
  };
}

function differenceText(difference: ComparedRuns['difference']): string {
  if (!difference) return MISSING;
  const { mean, interval } = difference;
  return `${points(mean)}${interval ? ` ${pointsRange(interval)}` : ''}`;
}

/** A run's model on one split. */
export function evaluationTable(
  { split, epoch, accuracies, loss }: RunEvaluation,
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
