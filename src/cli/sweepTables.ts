import type { SeedSummary } from '../metrics/seeds.js';
import { percent, percentRange } from '../report/format.js';
import { numbers, type Table, texts } from '../report/table.js';
import type { SweepTable } from '../reproduce/sweep/collect.js';
import type { JobStatus } from '../reproduce/sweep/jobs.js';
import { inWords } from '../settings/setting.js';

/** The state of each job. */
export function statusTable(statuses: readonly JobStatus[]): Table {
  const states = (['finished', 'running', 'stopped', 'waiting'] as const).map(
    (wanted) => `${statuses.filter(({ state }) => state === wanted).length} ${wanted}`,
  );
  return {
    caption: `${statuses.length} jobs: ${states.join(', ')}`,
    columns: [
      ...numbers('job'),
      ...texts('entry'),
      ...numbers('seed'),
      ...texts('state'),
      ...numbers('epochs'),
      ...texts('run'),
    ],
    rows: statuses.map(({ job: { index, entry, seed, out }, state, epochs }) => [
      String(index),
      entry,
      String(seed),
      state,
      String(epochs),
      out,
    ]),
  };
}

/** The finished jobs over seeds. */
export function collectedTable({ rows, unfinished }: SweepTable): Table {
  return {
    caption: 'Accuracy in %: mean over seeds, 95 % interval',
    columns: [
      ...numbers('entry'),
      ...texts('settings'),
      ...numbers('seeds', 'validation, worst group', 'test, worst group', 'test, average'),
    ],
    rows: rows.map(({ entry, settings, seeds, ...row }) => [
      entry,
      settingsText(settings),
      String(seeds.length),
      ...[row.valWorstGroupAccuracy, row.testWorstGroupAccuracy, row.testAverage].map(summaryText),
    ]),
    notes: unfinished.length === 0 ? [] : [`Not finished: ${unfinished.join(', ')}`],
  };
}

/** The finished runs, one a row: settings in columns of their own. */
export function csvRows({ runs }: SweepTable): Record<string, string | number>[] {
  const names = [...new Set(runs.flatMap(({ settings }) => Object.keys(settings)))];
  return runs.map(({ index, entry, method, seed, settings, testAccuracy, ...outcome }) => ({
    index,
    entry,
    method,
    seed,
    ...Object.fromEntries(names.map((name) => [name, name in settings ? inWords(settings[name]) : ''])),
    ...outcome,
    ...Object.fromEntries(testAccuracy.map((accuracy, group) => [`testAccuracy${group}`, accuracy])),
  }));
}

function settingsText(settings: Readonly<Record<string, unknown>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} ${inWords(value)}`)
    .join(', ');
}

/** `71.20 [68.10, 74.30]`: a mean over seeds in percent, with its interval. */
export function summaryText({ mean, interval }: SeedSummary): string {
  return `${percent(mean)}${interval ? ` ${percentRange(interval)}` : ''}`;
}
