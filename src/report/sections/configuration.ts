import { type Table, texts } from '../../kit/table.js';
import type { HistoryEntry } from '../../train/runFolder.js';
import type { RunReport, Show } from '../figure.js';
import { html, htmlTable, type Markup } from '../html/html.js';
import { plain } from '../text.js';

/** The commands, the resolved configuration and the software versions: what it takes to repeat the run. */
export const showConfiguration: Show<RunReport> = ({ config, versions, history }) => {
  if (config.length === 0 && versions.length === 0 && history.length === 0) return undefined;
  return {
    id: 'configuration',
    title: 'How to repeat it',
    data: { name: 'configuration', rows: config.map(([name, value]) => ({ name, value })) },
    prose: () =>
      html`${history.length > 0 ? htmlTable(historyTable(history)) : undefined}
        <div class="columns">
          ${pairsTable('Resolved configuration', config)}${pairsTable('Versions', versions)}
        </div> `,
  };
};

function pairsTable(caption: string, rows: readonly (readonly [string, string])[]): Markup | undefined {
  if (rows.length === 0) return undefined;
  return html`<div>
    <table class="pairs">
      <caption>
        <span>${caption}</span>
      </caption>
      <tbody>
        ${rows.map(
          ([name, value]) =>
            html`<tr>
              <th scope="row">${plain(name)}</th>
              <td><code>${plain(value)}</code></td>
            </tr> `,
        )}
      </tbody>
    </table>
  </div> `;
}

/** Which command made which results, when, and on what: a row for results that follow each other and differ in nothing else. */
function historyTable(history: readonly HistoryEntry[]): Table {
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
    columns: texts('date', 'command', 'results', 'CPU', 'kernels', 'versions'),
    rows: rows.map(({ entry: { date, command, cpu, kernels, versions }, results }) => [
      date.replace('T', ' ').replace('Z', ' UTC'),
      command === null ? 'the library was called' : { kind: 'code', text: plain(command) },
      // Of one command they are written side by side: their dates have no order that tells anything.
      plain(results.toSorted().join(', ')),
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
