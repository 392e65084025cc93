import type { MakeSection } from '../figure.js';
import { html } from '../html/markup.js';
import { htmlTable } from '../html/table.js';
import { comparisonTable } from '../tables/comparison.js';
import { plain } from '../text.js';
import { comparisonVerdict } from '../verdicts/comparison.js';

/** Ways on from the run, side by side, with what each of them shows. */
export const comparisonSection: MakeSection = ({ comparison }, groups) =>
  comparison && {
    id: 'comparison',
    title: 'Ways on from ERM',
    verdict: comparisonVerdict(comparison),
    body: html`${htmlTable(comparisonTable(comparison, groups))}
    ${comparison.runs.map(
      ({ title, shows }) => html`<p class="note"><strong>${plain(title)}</strong>: ${plain(shows)}</p>`,
    )}`,
  };
