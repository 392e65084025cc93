import type { MakeSection } from '../figure.js';
import { html } from '../html/markup.js';
import { htmlTable, pairs } from '../html/table.js';
import { historyTable } from '../tables/history.js';
import { plain } from '../text.js';

/** The commands, the resolved configuration and the software versions: what it takes to repeat the run. */
export const configurationSection: MakeSection = ({ config, versions, history }) => {
  if (config.length === 0 && versions.length === 0 && history.length === 0) return undefined;
  const clean = (rows: readonly (readonly [string, string])[]) =>
    rows.map(([name, value]) => [plain(name), plain(value)] as const);
  return {
    id: 'configuration',
    title: 'How to repeat it',
    data: [{ name: 'configuration', rows: config.map(([name, value]) => ({ name, value })) }],
    body: html`${history.length > 0 ? htmlTable(historyTable(history)) : undefined}
      <div class="columns">
        ${config.length > 0 ? pairs('Resolved configuration', clean(config)) : undefined}${versions.length > 0 ? pairs('Versions', clean(versions)) : undefined}
      </div> `,
  };
};
