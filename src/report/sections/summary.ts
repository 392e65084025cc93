import type { TraceUnstructuredResult } from '../../experiments/results.js';
import { probability } from '../../kit/columns.js';
import { numberOf, type Row } from '../../kit/rows.js';
import { perturbationNamed } from '../../neurons/perturbations.js';
import { selectedEpoch, selectionOf, type TrainingResult } from '../../train/results.js';
import { selectionWords } from '../../train/selection.js';
import type { RunReport, Show } from '../figure.js';
import { countOf } from '../figures/accuracy.js';
import { isOwn, setsOf } from '../figures/changes.js';
import { percentText, plural, SPLIT_NAME } from '../format.js';
import type { Groups } from '../groupLabels.js';
import { groupName, html, type Markup, pointsText } from '../html/html.js';
import { changeRows } from '../rows.js';
import { settingsText } from '../settingsText.js';

/** The numbers that a reader looks for first, each with what it was measured on. */
export const showSummary: Show<RunReport> = (report, groups) => {
  const cards = [
    ...(report.result ? accuracyCards(report.result, groups) : []),
    ...largestChangeCard(groups, report.traces, report.dataset.groupNames),
    ...checkpointCard(report),
  ];
  if (cards.length === 0) return undefined;
  return { id: 'summary', title: 'Summary', prose: () => html`<div class="cards">${cards}</div> ` };
};

function accuracyCards(result: TrainingResult, groups: Groups): Markup[] {
  const worst = groups[result.test.worstGroup];
  if (!worst) return [];
  const at = worst.index;
  const gap = (result.train.accuracy[at] ?? Number.NaN) - (result.test.accuracy[at] ?? Number.NaN);
  return [
    card(
      'Worst-group accuracy, test',
      percentText(result.test.worstGroupAccuracy),
      html`${groupName(worst)}: ${countOf(result.test, at)} test samples correct`,
    ),
    card(
      'Training minus test accuracy of that group',
      `${pointsText(gap)} points`,
      html`${groupName(worst)}: training ${percentText(result.train.accuracy[at])}
      (${countOf(result.train, at)}), test ${percentText(result.test.accuracy[at])}
      (${countOf(result.test, at)})`,
    ),
    card(
      'Average test accuracy',
      percentText(result.test.average),
      html`test-set average: every test sample counts the same. Weighted by the groups’ shares of the training
      split: ${percentText(result.test.trainWeightedAverage)}`,
    ),
  ];
}

/** The largest change of one experiment: the first, which is zeroing on the training split if that was done. */
function largestChangeCard(
  groups: Groups,
  traces: readonly TraceUnstructuredResult[],
  names: readonly string[],
): Markup[] {
  const trace = traces.find(({ entries }) => entries.length > 0);
  if (!trace) return [];
  const rows = setsOf(changeRows([trace], names)).filter(
    (row) => row.group !== null && typeof row.change === 'number',
  );
  const size = (row: Row | undefined): number => Math.abs(numberOf(row, 'change'));
  // Among equal changes, the article's is that of the group that the neurons were chosen for.
  const [largest] = rows.sort((a, b) => size(b) - size(a) || Number(isOwn(b)) - Number(isOwn(a)));
  const group = groups[Number(largest?.group)];
  if (!largest || !group) return [];
  const split = SPLIT_NAME[trace.split];
  const random = numberOf(largest, 'sameLayersAccuracyMean');
  return [
    card(
      `Largest change of a ${split} accuracy`,
      `${pointsText(numberOf(largest, 'change'))} points`,
      html`${groupName(group)} (${String(largest.examples)} ${split} samples), neurons
        ${perturbationNamed(trace.perturbation).words.participle}:
        ${settingsText(largest, ['criterion', 'chosenFor', 'k', 'sigma'], groups)}, of ${trace.numNeurons}:
        <code>${String(largest.neurons)}</code>. The largest of
        ${plural(rows.length, 'measured change')}${
          Number.isFinite(random)
            ? `; random neurons of the same layers ${pointsText(random)}: p\u00a0=\u00a0${probability(numberOf(largest, 'sameLayersAccuracyP'))}`
            : ''
        }.`,
      true,
    ),
  ];
}

function checkpointCard(report: RunReport): Markup[] {
  const selected = selectedEpoch(report);
  if (selected === undefined) return [];
  const accuracy = report.epochs.find(({ epoch }) => epoch === selected)?.val.worstGroupAccuracy;
  const length = report.result?.epochs ?? report.epochs.at(-1)?.epoch ?? selected;
  return [
    card(
      'Checkpoint',
      `epoch ${selected} of ${length}`,
      selectionOf(report) === 'last'
        ? html`the last one, as requested; its validation worst-group accuracy: ${percentText(accuracy)}`
        : bestOf(selectionOf(report), accuracy),
    ),
  ];
}

/** Names the worst group's accuracy, whatever the epoch was selected by. */
function bestOf(select: TrainingResult['select'], worst: number | undefined): Markup {
  const value = worst === undefined ? '' : `: ${percentText(worst)}`;
  const isWorst = select === undefined || select === 'best-worst-group';
  const told = isWorst ? value : `; its worst group${value}`;
  if (isWorst && worst === 0) return html`selected by the best ${selectionWords(select, 0)}`;
  return html`selected by the best ${selectionWords(select)}${told}; the first epoch if several tie`;
}

function card(title: string, value: string, detail: Markup, wide = false): Markup {
  return html`<div class="${wide ? 'card wide' : 'card'}">
    <h3>${title}</h3>
    <p class="value">${value}</p>
    <p class="detail">${detail}</p>
  </div> `;
}
