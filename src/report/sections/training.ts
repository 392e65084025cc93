import { trainingCurves } from '../charts/training.js';
import type { NamedChart } from '../charts/render.js';
import { fixed, plural } from '../format.js';
import type { FigureRow, MakeSection } from '../figure.js';
import { html } from '../html/markup.js';
import type { RunReport } from '../reportData.js';
import { selectionWords } from '../../train/selection.js';
import { selectedEpoch, type EpochMetrics } from '../../train/results.js';
import { trainingVerdict } from '../verdicts/training.js';
import type { GroupLabel } from '../views/groupLabels.js';
import { chartFigure, smallestGroup } from './parts.js';

const NAME = 'training';

/** The curves; none for a run without epochs. */
export function trainingCharts(report: RunReport, groups: readonly GroupLabel[]): NamedChart[] {
  if (report.epochs.length === 0) return [];
  return [{ name: NAME, ...trainingCurves(report.epochs, groups, selectedEpoch(report)) }];
}

/** Training curves, and how the checkpoint was selected. */
export const trainingSection: MakeSection = (report, groups, charts) => {
  const last = report.epochs.at(-1);
  if (!last) return undefined;
  const selected = selectedEpoch(report);
  const minutes = report.epochs.reduce((sum, { seconds }) => sum + seconds, 0) / 60;
  return {
    id: 'training',
    title: 'Training curves',
    verdict: trainingVerdict(report),
    data: [{ name: NAME, rows: report.epochs.map((epoch) => epochRow(epoch, groups)) }],
    body: html`<p>
        ${plural(report.epochs.length, 'epoch')}, ${fixed(minutes, 1)} minutes with validation.
        ${selected === undefined ? '' : `Epoch ${selected} was selected: it ${report.result?.select === 'last' ? 'is the last one.' : `has the best ${selectionWords(report.result?.select)}, the first where several tie.`}`}
      </p>
      ${chartFigure(charts.get(NAME))}
      <p class="note">
        The training loss is the mean over an epoch’s batches in training mode, while the weights change; the
        validation loss is measured after the epoch in evaluation mode. The two are not measured alike.
        ${smallestGroup(last.val.total, groups, 'validation')}
      </p> `,
  };
};

function epochRow(
  { epoch, lr, trainLoss, valLoss, seconds, val }: EpochMetrics,
  groups: readonly GroupLabel[],
): FigureRow {
  return {
    ...{ epoch, lr, trainLoss, valLoss, seconds },
    ...{ valWorstGroupAccuracy: val.worstGroupAccuracy, valAverage: val.average },
    ...Object.fromEntries(groups.map(({ index }) => [`valAccuracy${index}`, val.accuracy[index] ?? null])),
  };
}
