import { MEASURES } from '../experiments/runs/overSeeds.js';
import { list } from '../kit/table.js';
import { numbers, type Table, texts } from '../report/table.js';
import type { SweepTable } from '../reproduce/sweep/collect.js';
import type { JobStatus } from '../reproduce/sweep/jobs.js';
import { type TextOptions, textTable } from './textTable.js';

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

/** The finished jobs over seeds, and which are not finished. */
export function collectedText({ rows, unfinished }: SweepTable, options: TextOptions): string {
  const caption = 'Accuracy in %: mean over seeds, 95 % interval';
  const tables = list(rows, ['entry', 'settings', 'n', ...MEASURES], { caption });
  const note = unfinished.length === 0 ? [] : [`Not finished: ${unfinished.join(', ')}`];
  return [...tables.map((table) => textTable(table, options)), ...note].join('\n');
}
