import type { TraceUnstructuredResult } from '../../experiments/results.js';
import { placeText } from '../../neurons/neuron.js';
import { selectedEpoch, selectionOf, type TrainingResult } from '../../train/results.js';
import { selectionWords } from '../../train/selection.js';
import type { RunReport, Show } from '../figure.js';
import { countOf } from '../figures/accuracy/tables.js';
import {
  bracketed,
  largestChange,
  measuredChanges,
  PERTURBED,
  settingsNote,
  traceView,
} from '../figures/changes/view.js';
import { percentText, plural, SPLIT_NAME } from '../format.js';
import { type Groups, shortList } from '../groupLabels.js';
import { groupName, html, type Markup, pointsText } from '../html/html.js';
import { changeOfGroup, randomText } from '../traces/tests.js';

/** The numbers that a reader looks for first, each with what it was measured on. */
export const showSummary: Show<RunReport> = (report, groups) => {
  const cards = [
    ...(report.result ? accuracyCards(report.result, groups) : []),
    ...largestChangeCard(groups, report.traces),
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

function largestChangeCard(groups: Groups, traces: readonly TraceUnstructuredResult[]): Markup[] {
  // One experiment: the first, which is zeroing on the training split where that was done.
  const trace = traces.find(({ entries }) => entries.length > 0);
  const { views } = trace ? traceView(trace) : { views: [] };
  const largest = largestChange(views);
  const group = largest && groups[largest.group];
  if (!group) return [];
  const { from, selection } = largest;
  const { entry, groups: chosenFor } = selection;
  const neurons = entry.neurons.map(placeText).join(', ');
  const split = SPLIT_NAME[from.trace.split];
  const { singular, plural: several } = PERTURBED[from.trace.perturbation];
  return [
    card(
      `Largest change of a ${split} accuracy`,
      `${pointsText(largest.change)} points`,
      html`${groupName(group)} (${from.trace.baseline.total[group.index]} ${split} samples), when
        ${plural(entry.neurons.length, 'neuron')} of ${from.trace.numNeurons} with the largest
        ${from.criterion}, chosen for ${shortList(chosenFor, groups)},
        ${entry.neurons.length === 1 ? singular : several}${bracketed(settingsNote(from))}:
        <code>${neurons}</code>. The largest of
        ${plural(measuredChanges(views), 'measured change')}${randomText(changeOfGroup(entry, group.index))}.`,
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
        ? html`the last one was asked for; its validation worst-group accuracy: ${percentText(accuracy)}`
        : bestOf(selectionOf(report), accuracy),
    ),
  ];
}

/** The worst group's accuracy is told, whatever the epoch was selected by. */
function bestOf(select: TrainingResult['select'], worst: number | undefined): Markup {
  const value = worst === undefined ? '' : `: ${percentText(worst)}`;
  const isWorst = select === undefined || select === 'best-worst-group';
  const told = isWorst ? value : `; its worst group${value}`;
  return html`selected by the best ${selectionWords(select)}${told}; the first epoch where several tie`;
}

function card(title: string, value: string, detail: Markup, wide = false): Markup {
  return html`<div class="${wide ? 'card wide' : 'card'}">
    <h3>${title}</h3>
    <p class="value">${value}</p>
    <p class="detail">${detail}</p>
  </div> `;
}
