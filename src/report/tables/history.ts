import type { HistoryEntry } from '../../train/runFolder.js';
import { plain } from '../text.js';
import type { Table } from './table.js';

/** Which command made which results, when, and on what: a row for results that follow each other and differ in nothing else. */
export function historyTable(history: readonly HistoryEntry[]): Table {
  const rows: { readonly entry: HistoryEntry; readonly results: string[] }[] = [];
  for (const entry of history) {
    const last = rows.at(-1);
    if (last && sourceOf(last.entry) === sourceOf(entry)) {
      if (!last.results.includes(entry.result)) last.results.push(entry.result);
    } else rows.push({ entry, results: [entry.result] });
  }
  return {
    caption:
      'Where the results come from, oldest first: the command repeats them on the same versions and kernels.',
    columns: [
      { name: 'date', text: true },
      { name: 'command', text: true },
      { name: 'results', text: true },
      { name: 'CPU', text: true },
      { name: 'kernels', text: true },
      { name: 'versions', text: true },
    ],
    rows: rows.map(({ entry: { date, command, cpu, kernels, versions }, results }) => [
      date.replace('T', ' ').replace('Z', ' UTC'),
      command === null ? 'the library was called' : { kind: 'code', text: plain(command) },
      plain(results.join(', ')),
      plain(cpu),
      plain(kernels),
      Object.entries(versions)
        .map(([name, version]) => plain(`${name} ${version}`))
        .join(', '),
    ]),
  };
}

/** All but when, and what. */
function sourceOf({ date: _date, result: _result, ...source }: HistoryEntry): string {
  return JSON.stringify(source);
}
