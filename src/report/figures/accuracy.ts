import { SPLITS } from '../../data/split.js';
import { distinct, type Row } from '../../kit/rows.js';
import { type Cell, groupCell, list, numbers, type Table, withDetail } from '../../kit/table.js';
import type { GroupAccuracies } from '../../metrics/groups.js';
import { accuracyEstimate, differenceOf, type Estimate, pooledEstimate } from '../../metrics/intervals.js';
import type { TrainingResult } from '../../train/results.js';
import { selectionWords } from '../../train/selection.js';
import { bars } from '../chart.js';
import type { Figure, FigureSource, Measured, ReportDataset, RunReport, Section, Show } from '../figure.js';
import {
  granularity,
  MISSING,
  percent,
  percentText,
  pointsBeyond,
  range,
  sideOf,
  signed,
  size,
  SPLIT_NAME,
} from '../format.js';
import {
  areClasses,
  groupNameIn,
  type Groups,
  groupsOfKind,
  smallestGroup,
  starNote,
} from '../groupLabels.js';
import { html, htmlTable } from '../html/html.js';
import { publishedAccuracyTable, publishedGainTable } from '../published.js';
import { accuracyRows } from '../rows.js';
import { rowsFigure } from '../rowsFigure.js';
import { TEST, TRAIN } from '../vega/theme.js';

const accuracies = rowsFigure({
  name: 'fig1',
  title: 'Training and test accuracy of each group',
  needs: {},
  rows: ({ result, dataset }) => (result ? accuracyRows(result, dataset.groupNames) : []),
  parts: (rows, groups) => ({
    verdict: [],
    charts: bars(
      rows
        .filter(({ split }) => split !== 'val')
        .map((row): Row => ({ ...row, series: SPLIT_NAME[row.split as keyof typeof SPLIT_NAME] })),
      {
        name: 'fig1',
        title: 'Training and test accuracy of each group',
        groups,
        y: 'accuracy',
        by: 'series',
        hues: [TRAIN, TEST],
        domain: [0, 110],
      },
    ),
    tables:
      distinct(rows, 'models')[0] === null
        ? []
        : list(rows, ['split', 'group', 'accuracy'], {
            caption: 'Accuracy of each group, mean and 95 % interval over models',
            groupName: groupNameIn(groups),
          }),
  }),
  more: ({ result, dataset }, groups) => {
    if (!result) return html``;
    const published = publishedAccuracyTable(dataset, result, groups);
    return html`${htmlTable(accuracyTable(result, groups))} ${published && htmlTable(published)}
      <p class="note">
        Evaluated once on every split, in evaluation mode. ${smallestGroup(result.test.total, groups, 'test')}
        This is one run: its numbers do not show the spread over seeds.
      </p>`;
  },
});

/** Group accuracies of the selected checkpoint (article, Fig. 1), and next to those of the run that it started from (Fig. 6). */
const showAccuracies: Show = (source, groups) => withTable(accuracies.show(source, groups), source, groups);
export const fig1: Figure = {
  ...accuracies,
  show: showAccuracies,
  sections: [showAccuracies, showBeforeAfter],
};

function withTable(
  section: Section | undefined,
  { result, dataset }: FigureSource,
  groups: Groups,
): Section | undefined {
  return (
    section &&
    result && {
      ...section,
      verdict: accuracyVerdict(result, groups, dataset),
      tables: [accuracyTable(result, groups)],
    }
  );
}

/** Test accuracies of the run that this one started from, and of this one (article, Fig. 6). */
function showBeforeAfter(
  { before, result: after, dataset, arch }: RunReport,
  groups: Groups,
): Section | undefined {
  if (!before || !after) return undefined;
  const published = publishedGainTable(dataset, arch, before, after);
  return {
    id: 'before-after',
    title: 'Before and after (Fig. 6)',
    verdict: beforeAfterVerdict(before, after, groups, dataset),
    prose: () =>
      html`${htmlTable(beforeAfterTable(before, after, groups))} ${published && htmlTable(published)}
        <p class="note">
          ${smallestGroup(after.test.total, groups, 'test')} This is one run: a claim needs several seeds, and
          controls that lack a part of the method.
        </p>`,
  };
}
/**
 * Whether minority groups lose more from training to test than majority groups (article, Fig. 1), and the worst group. A network that has not
 * learnt its minority groups has nothing to lose.
 */
export function accuracyVerdict(result: TrainingResult, groups: Groups, dataset: ReportDataset): string[] {
  const { length: classes } = dataset.targetNames ?? [0, 1];
  const [minority, majority] = [groupsOfKind(groups, true), groupsOfKind(groups, false)];
  const sentences = splitVerdict(result, dataset);
  const trained = pooledEstimate(result.train, minority);
  if (trained.interval[0] <= 1 / classes)
    sentences.push(
      `Too weak to judge: the network is right in ${percentText(trained.value)} of the training images of minority groups (${range(trained.interval)}), where guessing would be right in ${percentText(1 / classes)}, so that there is no memory of them to look for.`,
    );
  if (minority.length > 0 && majority.length > 0) {
    const more = differenceOf(lossOf(result, minority), lossOf(result, majority));
    const over = 'over the examples of this one model';
    // None where training has no example of them.
    const isKnown = Number.isFinite(more.value);
    if (isKnown)
      sentences.push(
        {
          above: `From training to test, minority groups lose ${size(more.value)} of accuracy more than majority groups (${range(more.interval)} ${over}).`,
          below: `From training to test, minority groups lose ${size(more.value)} of accuracy less than majority groups (${signed(more.value)}, ${range(more.interval)} ${over}).`,
          both: `It is not shown that minority groups lose more accuracy from training to test than majority groups: ${signed(more.value)}, ${range(more.interval)} ${over}.`,
        }[sideOf(more)],
      );
  }
  const { test } = result;
  const worst = groups[test.worstGroup];
  const interval = worst && test.interval[worst.index];
  if (worst && interval) {
    sentences.push(
      `The worst test ${wordOf(dataset)} is ${worst.full}: ${percentText(test.worstGroupAccuracy)} (${countOf(test, worst.index)}, ${range(interval)}); the test-set average is ${percentText(test.average)}.`,
    );
  }
  return sentences;
}

/** From this difference on, test images are called unlike validation images. */
const UNLIKE = 0.05;

/**
 * Whether a network without a known attribute does worse in test than in validation: the loudest sign of a shortcut. A repair's layer was
 * fitted to the validation images.
 */
export function splitVerdict({ kind, epochs, val, test }: TrainingResult, dataset: ReportDataset): string[] {
  if (dataset.spuriousNames?.length !== 1 || (epochs === 0 && kind !== 'adopt')) return [];
  const [inVal, inTest] = [val, test].map((split) => pooledEstimate(split)) as [Estimate, Estimate];
  const less = differenceOf(inVal, inTest);
  return less.interval[0] > UNLIKE
    ? [
        `Accuracy is ${percentText(inVal.value)} in validation and ${percentText(inTest.value)} in test, ${size(less.value)} less (${range(less.interval)}): test images are unlike validation images. Perhaps the network follows a shortcut that validation images share.`,
      ]
    : [];
}

/** Names the groups of the test split in a sentence. */
function wordOf(dataset: ReportDataset): 'group' | 'class' {
  return areClasses(dataset) ? 'class' : 'group';
}

/** The change of the worst test group from the run before to this one (article, Fig. 6), and groups of which nothing is known. */
export function beforeAfterVerdict(
  before: Measured,
  after: Measured,
  groups: Groups,
  dataset: ReportDataset,
): string[] {
  const word = wordOf(dataset);
  const change = worstGroupDifference(after.test, before.test);
  const from = `from ${percentText(before.test.worstGroupAccuracy)} (${before.kind}) to ${percentText(after.test.worstGroupAccuracy)} (${after.kind})`;
  const over = `${range(change.interval)} over the test examples of one run each`;
  const costs = costsOf(before.test, after.test, groups);
  const others =
    costs.length === 0 ? `No ${word} is shown to fall` : `Lower than before: ${costs.join(', ')}`;
  const worst = {
    above: `The worst ${word}’s test accuracy rises by ${size(change.value)}, ${from}: ${over}.`,
    below: `The worst ${word}’s test accuracy falls by ${size(change.value)}, ${from}: ${signed(change.value)}, ${over}.`,
    both: `The worst ${word}’s test accuracy is not shown to change, ${from}: ${signed(change.value)}, ${over}.`,
  }[sideOf(change)];
  return [[...unknownGroups(dataset, groups), worst, `${others}.`].join(' ')];
}

/** Says which groups have no test images, so that no sentence is about them. */
function unknownGroups(dataset: ReportDataset, groups: Groups): string[] {
  const missing = groups.filter(({ index }) => dataset.counts.test[index] === 0);
  if (dataset.ticks !== undefined && areClasses(dataset))
    return ['No ticked image is in test: what the repair does to images like them is unknown.'];
  if (missing.length === 0) return [];
  const names = missing.map(({ full }) => full).join(', ');
  return [
    `No test image is in ${names}: what the repair does to ${missing.length === 1 ? 'it' : 'them'} is unknown.`,
  ];
}

/** Returns the groups whose accuracy is shown to be lower than before: `G0 falls from 100.00 to 66.20 %`. */
export function costsOf(before: GroupAccuracies, after: GroupAccuracies, groups: Groups): string[] {
  return groups.flatMap(({ index, full }) => {
    const [from, to] = [before, after].map(({ correct, total }) =>
      accuracyEstimate(correct[index] ?? Number.NaN, total[index] ?? Number.NaN),
    ) as [Estimate, Estimate];
    const isLower = sideOf(differenceOf(to, from)) === 'below';
    return isLower ? [`${full} falls from ${percent(from.value)} to ${percentText(to.value)}`] : [];
  });
}

/** One split's worst-group accuracy minus another's, as if the two had been measured on different examples: wider than need be. */
export function worstGroupDifference(a: GroupAccuracies, b: GroupAccuracies): Estimate {
  const of = ({ correct, total, worstGroup }: GroupAccuracies): Estimate =>
    accuracyEstimate(correct[worstGroup] ?? Number.NaN, total[worstGroup] ?? Number.NaN);
  return differenceOf(of(a), of(b));
}

/** Training minus test accuracy of all examples of some groups. */
function lossOf({ train, test }: TrainingResult, groups: readonly number[]): Estimate {
  return differenceOf(pooledEstimate(train, groups), pooledEstimate(test, groups));
}

/** Accuracy of each group on every split, with correct/all samples, and training minus test in points (article, Fig. 1). */
export function accuracyTable(result: TrainingResult, groups: Groups): Table {
  const gap = (value: (split: GroupAccuracies) => number | undefined): string =>
    pointsBeyond(value(result.train), value(result.test));
  const summary = (heading: Cell, value: (split: GroupAccuracies) => number): Cell[] => [
    heading,
    ...SPLITS.map((split) => percentText(value(result[split]))),
    gap(value),
    '',
  ];
  return {
    caption: 'Accuracy of each group, with correct/all samples.',
    columns: [
      ...numbers('Group', ...SPLITS.map((split) => SPLIT_NAME[split])),
      { name: 'gap', explanation: 'Gap: training minus test, in points.' },
      {
        name: 'step',
        explanation: 'Step: what one training / test sample is worth, in points.',
        pageOnly: true,
      },
    ],
    rows: groups.map((group) => [
      groupCell(group),
      ...SPLITS.map((split) => accuracyCell(result[split], group.index)),
      gap(({ accuracy }) => accuracy[group.index]),
      `${granularity(result.train.total[group.index])} / ${granularity(result.test.total[group.index])}`,
    ]),
    footer: [
      summary('worst group of the split', (split) => split.worstGroupAccuracy),
      summary(
        ['split average', { kind: 'explanation', text: 'every sample of the split counts the same' }],
        (split) => split.average,
      ),
      summary(
        [
          'training-ratio weighted average',
          { kind: 'explanation', text: 'groups weighted by their shares of the training split' },
        ],
        (split) => split.trainWeightedAverage,
      ),
    ],
    notes: [checkpointNote(result), ...starNote(groups)],
  };
}
/** Test accuracy of each group under the run that another one started from, and under that one (article, Fig. 6). */
function beforeAfterTable(before: Measured, after: Measured, groups: Groups): Table {
  const row = (heading: Cell, value: (result: Measured) => number | undefined): Cell[] => [
    heading,
    percentText(value(before)),
    percentText(value(after)),
    pointsBeyond(value(after), value(before)),
  ];
  return {
    caption: `Test accuracy of each group before (${before.kind}) and after (${after.kind}), and the change in points.`,
    columns: numbers('Group', 'before', 'after', 'change'),
    rows: groups.map((group) => row(groupCell(group), ({ test }) => test.accuracy[group.index])),
    footer: [
      row('worst group', ({ test }) => test.worstGroupAccuracy),
      row('test-set average', ({ test }) => test.average),
    ],
  };
}
/** `50/280`: correct examples and examples of one group. */
export function countOf(accuracies: GroupAccuracies, group: number): string {
  return `${accuracies.correct[group] ?? MISSING}/${accuracies.total[group] ?? MISSING}`;
}

function accuracyCell(accuracies: GroupAccuracies, group: number): Cell {
  return withDetail(percentText(accuracies.accuracy[group]), `(${countOf(accuracies, group)})`);
}

function checkpointNote({ epochs, bestEpoch, select, val }: TrainingResult): string {
  const score = select === undefined || select === 'best-worst-group' ? val.worstGroupAccuracy : undefined;
  return epochs === 0
    ? 'checkpoint: the only one'
    : `checkpoint: epoch ${bestEpoch} of ${epochs}, ${select === 'last' ? 'the last one' : `best ${selectionWords(select, score)}`}`;
}
