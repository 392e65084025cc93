import type { MakeSection } from '../figure.js';
import { html } from '../html/markup.js';
import { pairs } from '../html/table.js';
import { plain } from '../text.js';

/** The resolved configuration and the software versions: what it takes to repeat the run. */
export const configurationSection: MakeSection = ({ config, versions }) => {
  if (config.length === 0 && versions.length === 0) return undefined;
  const clean = (rows: readonly (readonly [string, string])[]) =>
    rows.map(([name, value]) => [plain(name), plain(value)] as const);
  return {
    id: 'configuration',
    title: 'Configuration and versions',
    body: html`<div class="columns">
      ${config.length > 0 ? pairs('Resolved configuration', clean(config)) : undefined}${versions.length > 0 ? pairs('Versions', clean(versions)) : undefined}
    </div> `,
  };
};
