import { selectedEpoch, type Figures } from '../figures.js';
import { fixed, plural } from '../format.js';
import type { GroupLabel } from '../groups.js';
import type { Section } from './section.js';
import { html } from '../markup.js';
import type { RunReport } from '../reportData.js';
import { chartFigure, smallestGroup } from './parts.js';

/** Training curves, and how the checkpoint was selected. */
export function trainingSection(
  report: RunReport,
  groups: readonly GroupLabel[],
  { training }: Figures,
): Section | undefined {
  const last = report.epochs.at(-1);
  if (!training || !last) return undefined;
  const selected = selectedEpoch(report);
  const minutes = report.epochs.reduce((sum, { seconds }) => sum + seconds, 0) / 60;
  return {
    id: 'training',
    title: 'Training curves',
    body: html`<p>
        ${plural(report.epochs.length, 'epoch')}, ${fixed(minutes, 1)} minutes with validation.
        ${selected === undefined ? '' : `Epoch ${selected} was selected: it ${report.result?.select === 'last' ? 'is the last one.' : 'has the best validation worst-group accuracy, the first where several tie.'}`}
      </p>
      ${chartFigure(training)}
      <p class="note">
        The training loss is the mean over an epoch’s batches in training mode, while the weights change; the
        validation loss is measured after the epoch in evaluation mode. The two are not measured alike.
        ${smallestGroup(last.val.total, groups, 'validation')}
      </p> `,
  };
}
