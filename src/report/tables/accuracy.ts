import { SPLITS } from '../../data/split.js';
import type { GroupAccuracies } from '../../metrics/groups.js';
import type { TrainingResult } from '../../train/results.js';
import { selectionWords } from '../../train/selection.js';
import { granularity, MISSING, percentText, points, SPLIT_NAME } from '../format.js';
import { starNote, type GroupLabel } from '../views/groupLabels.js';
import { groupCell, type Cell, type Table } from './table.js';

/**
 * Accuracy of each group on every split, with correct/all samples, and the gap of training minus test in points (article,
 * Fig. 1).
 */
export function accuracyTable(result: TrainingResult, groups: readonly GroupLabel[]): Table {
  const gap = (value: (split: GroupAccuracies) => number | undefined): string =>
    points((value(result.train) ?? Number.NaN) - (value(result.test) ?? Number.NaN));
  const summary = (heading: Cell, value: (split: GroupAccuracies) => number): Cell[] => [
    heading,
    ...SPLITS.map((split) => percentText(value(result[split]))),
    gap(value),
    '',
  ];
  return {
    caption: 'Accuracy of each group, with correct/all samples.',
    columns: [
      { name: 'Group' },
      ...SPLITS.map((split) => ({ name: SPLIT_NAME[split] })),
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
export function beforeAfterTable(
  before: TrainingResult,
  after: TrainingResult,
  groups: readonly GroupLabel[],
): Table {
  const row = (heading: Cell, value: (result: TrainingResult) => number | undefined): Cell[] => [
    heading,
    percentText(value(before)),
    percentText(value(after)),
    points((value(after) ?? Number.NaN) - (value(before) ?? Number.NaN)),
  ];
  return {
    caption: `Test accuracy of each group before (${before.kind}) and after (${after.kind}), and the change in points.`,
    columns: [{ name: 'Group' }, { name: 'before' }, { name: 'after' }, { name: 'change' }],
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
  return [
    percentText(accuracies.accuracy[group]),
    { kind: 'detail', text: `(${countOf(accuracies, group)})` },
  ];
}

function checkpointNote({ epochs, bestEpoch, select }: TrainingResult): string {
  return epochs === 0
    ? 'checkpoint: the only one'
    : `checkpoint: epoch ${bestEpoch} of ${epochs}, ${select === 'last' ? 'the last one' : `best ${selectionWords(select)}`}`;
}
