import type { SeedSummary } from '../metrics/seeds.js';
import { percent, percentRange } from '../report/format.js';
import type { SweepTable } from '../reproduce/sweep/collect.js';
import type { JobStatus } from '../reproduce/sweep/jobs.js';
import { inWords } from '../settings/setting.js';
import { textTable } from './textTable.js';

/** Where each job stands, as a table for a terminal. */
export function statusTable(statuses: readonly JobStatus[], color: boolean): string {
  const count = (wanted: JobStatus['state']): number =>
    statuses.filter(({ state }) => state === wanted).length;
  const states = (['finished', 'running', 'stopped', 'waiting'] as const).map(
    (state) => `${count(state)} ${state}`,
  );
  return textTable(
    {
      caption: `${statuses.length} jobs: ${states.join(', ')}`,
      columns: [
        { name: 'job' },
        { name: 'entry', text: true },
        { name: 'seed' },
        { name: 'state', text: true },
        { name: 'epochs' },
        { name: 'run', text: true },
      ],
      rows: statuses.map(({ job, state, epochs }) => [
        String(job.index),
        job.entry,
        String(job.seed),
        state,
        String(epochs),
        job.out,
      ]),
    },
    { color },
  );
}

/** The finished jobs over seeds. */
export function collectedTable({ rows, unfinished }: SweepTable, color: boolean): string {
  return textTable(
    {
      caption: 'Accuracy in %: mean over seeds, 95 % interval',
      columns: [
        { name: 'entry' },
        { name: 'settings', text: true },
        { name: 'seeds' },
        { name: 'validation, worst group' },
        { name: 'test, worst group' },
        { name: 'test, average' },
      ],
      rows: rows.map(({ entry, settings, seeds, ...row }) => [
        entry,
        settingsText(settings),
        String(seeds.length),
        ...[row.valWorstGroupAccuracy, row.testWorstGroupAccuracy, row.testAverage].map(summaryText),
      ]),
      notes: unfinished.length === 0 ? [] : [`Not finished: ${unfinished.join(', ')}`],
    },
    { color },
  );
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
