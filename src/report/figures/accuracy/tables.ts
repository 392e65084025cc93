import { SPLITS } from '../../../data/split.js';
import type { GroupAccuracies } from '../../../metrics/groups.js';
import type { TrainingResult } from '../../../train/results.js';
import { selectionWords } from '../../../train/selection.js';
import type { ReportDataset } from '../../figure.js';
import { granularity, MISSING, percentText, points, pointsBeyond, SPLIT_NAME } from '../../format.js';
import { type Groups, starNote } from '../../groupLabels.js';
import { besidePublished, PUBLISHED_COLUMNS, publishedOf } from '../../published.js';
import { type Cell, groupCell, numbers, type Table, withDetail } from '../../table.js';

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
export function beforeAfterTable(before: TrainingResult, after: TrainingResult, groups: Groups): Table {
  const row = (heading: Cell, value: (result: TrainingResult) => number | undefined): Cell[] => [
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

/** The article's group accuracies before anything is perturbed, beside those of a run; undefined where it gives none. */
export function publishedAccuracyTable(
  dataset: Pick<ReportDataset, 'counts'>,
  result: TrainingResult,
  groups: Groups,
): Table | undefined {
  const { name, accuracy } = publishedOf(dataset) ?? {};
  if (!accuracy) return undefined;
  const splits = ['train', 'test'] as const;
  return {
    caption: `The article’s numbers of ${name} (ResNet-50, mean of 10 runs) beside this run’s.`,
    columns: numbers(
      'Group',
      ...splits.flatMap((split) => PUBLISHED_COLUMNS.map((column) => `${SPLIT_NAME[split]}, ${column}`)),
    ),
    rows: groups.map((group) => [
      groupCell(group),
      ...splits.flatMap((split) =>
        besidePublished(accuracy[split][group.index], result[split].accuracy[group.index]),
      ),
    ]),
  };
}

/** The article's gain of the worst group by fine-tuning beside that of a run; undefined where it gives none. */
export function publishedGainTable(
  dataset: Pick<ReportDataset, 'counts'>,
  arch: string,
  before: TrainingResult,
  after: TrainingResult,
): Table | undefined {
  const { name, gain } = publishedOf(dataset) ?? {};
  const known = gain?.[arch];
  if (known === undefined || after.kind !== 'finetune') return undefined;
  const measured = after.test.worstGroupAccuracy - before.test.worstGroupAccuracy;
  return {
    caption: `What fine-tuning adds to the worst group’s test accuracy in points: the article’s of ${name} with ${arch} beside this run’s.`,
    columns: numbers('worst group', ...PUBLISHED_COLUMNS),
    rows: [['after minus before', points(known), points(measured), points(measured - known)]],
  };
}

/** `50/280`: correct examples and examples of one group. */
export function countOf(accuracies: GroupAccuracies, group: number): string {
  return `${accuracies.correct[group] ?? MISSING}/${accuracies.total[group] ?? MISSING}`;
}

function accuracyCell(accuracies: GroupAccuracies, group: number): Cell {
  return withDetail(percentText(accuracies.accuracy[group]), `(${countOf(accuracies, group)})`);
}

function checkpointNote({ epochs, bestEpoch, select }: TrainingResult): string {
  return epochs === 0
    ? 'checkpoint: the only one'
    : `checkpoint: epoch ${bestEpoch} of ${epochs}, ${select === 'last' ? 'the last one' : `best ${selectionWords(select)}`}`;
}
