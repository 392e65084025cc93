import { type EpochMetrics, selectedEpoch, selectionOf } from '../../train/results.js';
import { selectionWords } from '../../train/selection.js';
import type { FigureRow, RunReport, Show } from '../figure.js';
import { fixed, percentText, plural, size } from '../format.js';
import { type Groups, smallestGroup } from '../groupLabels.js';
import { chartFigure, html } from '../html/html.js';
import { trainingCurves } from './trainingCurves.js';

/** Training curves, and how the checkpoint was selected. */
export const showTraining: Show<RunReport> = (report, groups) => {
  const { epochs } = report;
  const select = selectionOf(report);
  const last = epochs.at(-1);
  if (!last) return undefined;
  const selected = selectedEpoch(report);
  const chart = { name: 'training', ...trainingCurves(epochs, groups, selected) };
  const minutes = epochs.reduce((sum, { seconds }) => sum + seconds, 0) / 60;
  return {
    id: 'training',
    title: 'Training curves',
    verdict: trainingVerdict(report),
    charts: [chart],
    data: { name: 'training', rows: epochs.map((epoch) => epochRow(epoch, groups)) },
    prose: (drawn) =>
      html`<p>
          ${plural(epochs.length, 'epoch')}, ${fixed(minutes, 1)} minutes with validation.
          ${selected === undefined ? '' : `Epoch ${selected} was selected: it ${select === 'last' ? 'is the last one.' : `has the best ${selectionWords(select)}, the first where several tie.`}`}
        </p>
        ${chartFigure(drawn(chart))}
        <p class="note">
          The training loss is the mean over an epoch’s batches in training mode, while the weights change;
          the validation loss is measured after the epoch in evaluation mode. The two are not measured alike.
          ${smallestGroup(last.val.total, groups, 'validation')}
        </p> `,
  };
};

function epochRow({ epoch, lr, trainLoss, valLoss, seconds, val }: EpochMetrics, groups: Groups): FigureRow {
  return {
    epoch,
    lr,
    trainLoss,
    valLoss,
    seconds,
    valWorstGroupAccuracy: val.worstGroupAccuracy,
    valAverage: val.average,
    ...Object.fromEntries(groups.map(({ index }) => [`valAccuracy${index}`, val.accuracy[index] ?? null])),
  };
}

/** Whether the selected epoch is better than the last one, and whether training had ended. */
export function trainingVerdict(run: Pick<RunReport, 'epochs' | 'result' | 'select'>): string[] {
  const selected = selectedEpoch(run);
  const last = run.epochs.at(-1);
  const best = run.epochs.find(({ epoch }) => epoch === selected);
  if (!last || !best) return [];
  const accuracy = `the worst validation group is right in ${percentText(best.val.worstGroupAccuracy)}`;
  if (selectionOf(run) === 'last') return [`After the last of ${plural(last.epoch, 'epoch')}, ${accuracy}.`];
  if (best.epoch === last.epoch) {
    return [
      `The best epoch is the last of ${last.epoch}: ${accuracy}, and more epochs might have given more.`,
    ];
  }
  const gained = best.val.worstGroupAccuracy - last.val.worstGroupAccuracy;
  return [
    `The best epoch is ${best.epoch} of ${last.epoch}: ${accuracy}, ${size(gained)} ${gained < 0 ? 'less' : 'more'} than after the last one.`,
  ];
}
