import { selectedEpoch, selectionOf, type TrainingResult } from '../../train/results.js';
import { selectionWords } from '../../train/selection.js';
import type { Drawn, ReportDataset, RunReport, Section } from '../figure.js';
import { countOf } from '../figures/accuracy.js';
import { percentText, typographic } from '../format.js';
import { areClasses, type Groups } from '../groupLabels.js';
import { chartFigure, groupName, html, type Markup, pointsText } from '../html/html.js';

/**
 * Sections whose verdicts open the page: what a repair brought, whether the network follows the attribute and memorizes, whether the chosen
 * neurons matter, and whether training on helps.
 */
const OPENING: readonly ((section: Section) => boolean)[] = [
  ({ id }) => id === 'before-after',
  ({ id }) => id === 'shortcut',
  ({ id }) => id === 'fig1',
  ({ opening }) => opening !== undefined,
  ({ id }) => id === 'comparison',
];

/** Returns the finding in up to five sentences, its picture, and the numbers that a reader looks for first. */
export function showSummary(report: RunReport, groups: Groups, sections: readonly Section[]): Section[] {
  const told = OPENING.flatMap((opens) => sections.find(opens) ?? []);
  const charts = told.flatMap(({ opening = [] }) => opening);
  const cards = [
    ...(report.result ? accuracyCards(report.result, groups, report.dataset) : []),
    ...checkpointCard(report),
  ];
  if (told.length + cards.length === 0) return [];
  const prose = (drawn: Drawn): Markup =>
    html`<ul class="finding">
        ${told.flatMap(({ id, title, verdict: [sentence] = [] }) =>
          sentence === undefined
            ? []
            : [html`<li>${typographic(sentence)} <a href="#${id}">${title}</a></li> `],
        )}
        ${nextSteps(report)}
      </ul>
      ${charts.map((chart) => chartFigure(drawn(chart)))}
      <div class="cards">${cards}</div> `;
  return [{ id: 'summary', title: 'Finding', charts, prose }];
}

/** Names the repairs that started from the run, or the step that helps a run without an attribute. */
function nextSteps({ repairs = [], dataset }: RunReport): Markup[] {
  if (dataset.spuriousNames?.length === 1) {
    return [
      html`<li>
        Groups are classes here: no attribute is known. <code>spurmem discover</code> shows the images that
        the run gets wrong; ticked, they are groups, by which <code>train dfr</code> repairs it.
      </li> `,
    ];
  }
  if (repairs.length === 0) return [];
  const told = repairs.map(({ run, worst }) => `${run} (worst test group ${percentText(worst)})`);
  return [html`<li>Runs that started from this one, with reports of their own: ${told.join(', ')}.</li> `];
}

function accuracyCards(result: TrainingResult, groups: Groups, dataset: ReportDataset): Markup[] {
  const worst = groups[result.test.worstGroup];
  if (!worst) return [];
  const at = worst.index;
  const word = areClasses(dataset) ? 'class' : 'group';
  const gap = (result.train.accuracy[at] ?? Number.NaN) - (result.test.accuracy[at] ?? Number.NaN);
  return [
    card(
      `Worst-${word} accuracy, test`,
      percentText(result.test.worstGroupAccuracy),
      html`${groupName(worst)}: ${countOf(result.test, at)} test samples correct`,
    ),
    card(
      `Training minus test accuracy of that ${word}`,
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

function checkpointCard(report: RunReport): Markup[] {
  const { adopted } = report;
  if (adopted) {
    return [
      card(
        'Checkpoint',
        'adopted',
        html`${adopted.file}, SHA-256 <code>${adopted.sha256.slice(0, 12)}</code>: it was trained elsewhere,
          so that nothing here tells how`,
      ),
    ];
  }
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

function card(title: string, value: string, detail: Markup): Markup {
  return html`<div class="card">
    <h3>${title}</h3>
    <p class="value">${value}</p>
    <p class="detail">${detail}</p>
  </div> `;
}
