import type { CsvRow, Row } from '../../kit/rows.js';
import { type EpochMetrics, selectedEpoch, selectionOf } from '../../train/results.js';
import { selectionWords } from '../../train/selection.js';
import { lines } from '../chart.js';
import type { RunReport, Show } from '../figure.js';
import { fixed, percentText, plural, size } from '../format.js';
import { type Groups, smallestGroup } from '../groupLabels.js';
import { chartFigure, html } from '../html/html.js';

/** Training curves, and how the checkpoint was selected. */
export const showTraining: Show<RunReport> = (report, groups) => {
  const { epochs } = report;
  const select = selectionOf(report);
  const last = epochs.at(-1);
  if (!last) return undefined;
  const selected = selectedEpoch(report);
  const isNever = isNeverRight(report);
  const charts = trainingCurves(epochs, groups, selected);
  const minutes = epochs.reduce((sum, { seconds }) => sum + seconds, 0) / 60;
  return {
    id: 'training',
    title: 'Training curves',
    verdict: trainingVerdict(report),
    charts,
    data: { name: 'training', rows: epochs.map((epoch) => epochRow(epoch, groups)) },
    prose: (drawn) =>
      html`<p>
          ${plural(epochs.length, 'epoch')}, ${fixed(minutes, 1)} minutes with validation.
          ${selected === undefined ? '' : `Epoch ${selected} was selected: it ${select === 'last' ? 'is the last one.' : `has the best ${selectionWords(select, isNever ? 0 : undefined)}, the first if several tie.`}`}
        </p>
        ${charts.map((chart) => chartFigure(drawn(chart)))}
        <p class="note">
          The training loss is the mean over an epoch’s batches in training mode, while the weights change;
          the validation loss is measured after the epoch in evaluation mode. The two are not measured alike.
          ${smallestGroup(last.val.total, groups, 'validation')}
        </p> `,
  };
};

/** Training and validation loss, and validation accuracy of each group, by epoch. */
function trainingCurves(epochs: readonly EpochMetrics[], groups: Groups, selected: number | undefined) {
  const look = {
    groups,
    x: 'epoch',
    selected: selected === undefined ? undefined : { at: selected, text: `selected: epoch ${selected}` },
  } as const;
  const losses = epochs.flatMap(({ epoch, trainLoss, valLoss }): Row[] => [
    { epoch, series: 'training', dataLoss: trainLoss },
    { epoch, series: 'validation', dataLoss: valLoss },
  ]);
  const accuracies = epochs.flatMap(({ epoch, val }) =>
    groups.map(({ index }): Row => ({ epoch, group: index, accuracy: val.accuracy[index] ?? null })),
  );
  return [
    ...lines(losses, { ...look, name: 'training', title: 'Loss by epoch', y: 'dataLoss', by: 'series' }),
    ...lines(accuracies, {
      ...look,
      name: 'training-accuracy',
      title: 'Validation accuracy of each group by epoch',
      y: 'accuracy',
      by: 'group',
    }),
  ];
}

function epochRow({ epoch, lr, trainLoss, valLoss, seconds, val }: EpochMetrics, groups: Groups): CsvRow {
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
  if (isNeverRight(run)) {
    return [
      'No epoch gets any validation image of the worst group right: train longer, or start from other weights, before you judge neurons.',
    ];
  }
  const accuracy = `the worst validation group is right in ${percentText(best.val.worstGroupAccuracy)}`;
  if (selectionOf(run) === 'last') return [`After the last of ${plural(last.epoch, 'epoch')}, ${accuracy}.`];
  if (best.epoch === last.epoch) {
    return [
      `The best epoch is the last of ${last.epoch}: ${accuracy}, and more epochs might have given more.`,
    ];
  }
  const gained = best.val.worstGroupAccuracy - last.val.worstGroupAccuracy;
  const than = gained === 0 ? 'as after' : `${size(gained)} ${gained < 0 ? 'less' : 'more'} than after`;
  return [`The best epoch is ${best.epoch} of ${last.epoch}: ${accuracy}, ${than} the last one.`];
}

/** Whether the worst group should select the epoch, and is right in none. */
function isNeverRight(run: Pick<RunReport, 'epochs' | 'result' | 'select'>): boolean {
  const select = selectionOf(run);
  const isByWorst = select === undefined || select === 'best-worst-group';
  return isByWorst && run.epochs.every(({ val }) => val.worstGroupAccuracy === 0);
}
