import type { TraceUnstructuredResult } from '../../experiments/results.js';
import type { TrainingResult } from '../../train/results.js';
import { percentText, points } from '../format.js';
import type { Published } from '../published.js';
import type { GroupLabel } from '../views/groupLabels.js';
import { byCriterion, largestOwnChange } from '../views/selections.js';
import { groupCell, type Table } from './table.js';

const COLUMNS = [{ name: 'published' }, { name: 'measured' }, { name: 'difference, points' }];

/** The article's group accuracies before anything is perturbed, beside those of a run; undefined where it gives none. */
export function publishedAccuracyTable(
  { name, accuracy }: Published,
  result: TrainingResult,
  groups: readonly GroupLabel[],
): Table | undefined {
  if (!accuracy) return undefined;
  const ofSplit = (split: 'train' | 'test', group: number): string[] => {
    const [known, measured] = [accuracy[split][group], result[split].accuracy[group]];
    return [
      percentText(known),
      percentText(measured),
      points((measured ?? Number.NaN) - (known ?? Number.NaN)),
    ];
  };
  return {
    caption: `The article’s numbers of ${name} (ResNet-50, mean of 10 runs) beside this run’s.`,
    columns: [
      { name: 'Group' },
      ...['training', 'test'].flatMap((split) =>
        COLUMNS.map((column) => ({ name: `${split}, ${column.name}` })),
      ),
    ],
    rows: groups.map((group) => [
      groupCell(group),
      ...ofSplit('train', group.index),
      ...ofSplit('test', group.index),
    ]),
  };
}

/** The article's largest changes under zeroed neurons beside those of a trace; undefined where it gives none. */
export function publishedChangeTable(
  { name, largestZeroed }: Published,
  trace: TraceUnstructuredResult,
  groups: readonly GroupLabel[],
): Table | undefined {
  if (!largestZeroed || trace.perturbation !== 'zero' || trace.split !== 'train') return undefined;
  const largest = (minority: boolean): number => {
    const indices = groups.filter((group) => group.minority === minority).map(({ index }) => index);
    const sizes = byCriterion([trace]).map((view) => Math.abs(largestOwnChange(view, indices)?.change ?? 0));
    return Math.max(...sizes);
  };
  return {
    caption: `Largest change of a group’s training accuracy, without its sign: the article’s of ${name} (ResNet-50, mean of 10 runs, up to 3 neurons) beside this run’s.`,
    columns: [{ name: 'groups' }, ...COLUMNS],
    rows: (['minority', 'majority'] as const).map((kind) => {
      const measured = largest(kind === 'minority');
      return [
        kind,
        percentText(largestZeroed[kind]),
        percentText(measured),
        points(measured - largestZeroed[kind]),
      ];
    }),
  };
}

/** What the article’s fine-tuning adds to the worst group beside what this one adds; undefined where it gives nothing. */
export function publishedGainTable(
  { name, gain }: Published,
  arch: string,
  before: TrainingResult,
  after: TrainingResult,
): Table | undefined {
  const known = gain[arch];
  if (known === undefined || after.kind !== 'finetune') return undefined;
  const measured = after.test.worstGroupAccuracy - before.test.worstGroupAccuracy;
  return {
    caption: `What fine-tuning adds to the worst group’s test accuracy in points: the article’s of ${name} with ${arch} beside this run’s.`,
    columns: [{ name: 'worst group' }, ...COLUMNS],
    rows: [['after minus before', points(known), points(measured), points(measured - known)]],
  };
}
