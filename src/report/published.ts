import type { Split } from '../data/split.js';
import { numberOf, type Row } from '../kit/rows.js';
import { groupCell, numbers, type Table } from '../kit/table.js';
import type { TrainingResult } from '../train/results.js';
import type { ReportDataset } from './figure.js';
import { percentText, points, pointsBeyond, SPLIT_NAME } from './format.js';
import { type Groups, groupsOfKind } from './groupLabels.js';

/** The article's numbers for one of its data sets. Accuracies are fractions, changes too, without a sign. */
interface Published {
  /** As the article calls it. */
  readonly name: string;
  /** Examples of each group in each split, [numGroups], by which the data set is known. */
  readonly counts: Readonly<Record<Split, readonly number[]>>;
  /** Before anything is perturbed, of ResNet-50: [numGroups]. */
  readonly accuracy?: Readonly<Record<'train' | 'test', readonly number[]>>;
  /** Largest change of a group's training accuracy under zeroed neurons (text on Fig. 2), of ResNet-50. */
  readonly largestZeroed?: { readonly minority: number; readonly majority: number };
  /** The gain of the worst group's test accuracy by fine-tuning (text on Fig. 6), by architecture. */
  readonly gain: Readonly<Record<string, number>>;
}

const WATERBIRDS: Published = {
  name: 'Waterbirds',
  counts: {
    train: [3498, 184, 56, 1057],
    val: [467, 466, 133, 133],
    test: [2255, 2255, 642, 642],
  },
  accuracy: { train: [0.9734, 0.4783, 0.6964, 0.9763], test: [0.9698, 0.3568, 0.5698, 0.9626] },
  largestZeroed: { minority: 0.1196, majority: 0.0215 },
  gain: { resnet50: 0.1687, vit_small_patch16_224: 0.2383 },
};

const CELEBA: Published = {
  name: 'CelebA',
  counts: {
    train: [71629, 66874, 22880, 1387],
    val: [8535, 8276, 2874, 182],
    test: [9767, 7535, 2480, 180],
  },
  gain: { resnet50: 0.1077, vit_small_patch16_224: 0.0945 },
};

/** The article's numbers for a data set; undefined for one that is none of its own. A data set's name may be any. */
export function publishedOf({ counts }: Pick<ReportDataset, 'counts'>): Published | undefined {
  return [WATERBIRDS, CELEBA].find((known) =>
    (['train', 'val', 'test'] as const).every(
      (split) => JSON.stringify(known.counts[split]) === JSON.stringify(counts[split]),
    ),
  );
}

/** The columns that compare the article's numbers with a run's. */
const PUBLISHED_COLUMNS = ['published', 'measured', 'difference, points'];

function comparedWithPublished(known: number | undefined, measured: number | undefined): string[] {
  return [percentText(known), percentText(measured), pointsBeyond(measured, known)];
}

/** Compares a run's group accuracies with the article's before perturbation; undefined if the article gives none. */
export function publishedAccuracyTable(
  dataset: Pick<ReportDataset, 'counts'>,
  result: TrainingResult,
  groups: Groups,
): Table | undefined {
  const { name, accuracy } = publishedOf(dataset) ?? {};
  if (!accuracy) return undefined;
  const splits = ['train', 'test'] as const;
  return {
    caption: `The article’s numbers of ${name} (ResNet-50, mean of 10 runs) and this run’s.`,
    columns: numbers(
      'Group',
      ...splits.flatMap((split) => PUBLISHED_COLUMNS.map((column) => `${SPLIT_NAME[split]}, ${column}`)),
    ),
    rows: groups.map((group) => [
      groupCell(group),
      ...splits.flatMap((split) =>
        comparedWithPublished(accuracy[split][group.index], result[split].accuracy[group.index]),
      ),
    ]),
  };
}

/** Compares a run's gain of the worst group by fine-tuning with the article's; undefined if the article gives none. */
export function publishedGainTable(
  dataset: Pick<ReportDataset, 'counts'>,
  arch: string,
  before: Pick<TrainingResult, 'kind' | 'test'>,
  after: Pick<TrainingResult, 'kind' | 'test'>,
): Table | undefined {
  const { name, gain } = publishedOf(dataset) ?? {};
  const known = gain?.[arch];
  if (known === undefined || after.kind !== 'finetune') return undefined;
  const measured = after.test.worstGroupAccuracy - before.test.worstGroupAccuracy;
  return {
    caption: `What fine-tuning adds to the worst group’s test accuracy in points: the article’s of ${name} with ${arch}, and this run’s.`,
    columns: numbers('worst group', ...PUBLISHED_COLUMNS),
    rows: [['after minus before', points(known), points(measured), points(measured - known)]],
  };
}

/** The max number of neurons that the article's Fig. 2 zeroes. */
const PUBLISHED_KS = 3;

/**
 * Compares a trace's largest changes of groups under their own zeroed neurons with the article's; undefined if the article gives
 * none.
 */
export function publishedChangeTable(
  dataset: Pick<ReportDataset, 'counts'>,
  own: readonly Row[],
  groups: Groups,
): Table | undefined {
  const { name, largestZeroed } = publishedOf(dataset) ?? {};
  if (!largestZeroed || own[0]?.perturbation !== 'zero' || own[0].split !== 'train') return undefined;
  const few = own.filter((row) => numberOf(row, 'k') <= PUBLISHED_KS);
  return {
    caption: `Largest change of a group’s training accuracy, without its sign: the article’s of ${name} (ResNet-50, mean of 10 runs, up to ${PUBLISHED_KS} neurons) and this run’s.`,
    columns: numbers('groups', ...PUBLISHED_COLUMNS),
    rows: (['minority', 'majority'] as const).map((kind) => {
      const indices = groupsOfKind(groups, kind === 'minority');
      const changes = few
        .filter(({ group }) => indices.includes(Number(group)))
        .map((row) => Math.abs(numberOf(row, 'change')));
      return [kind, ...comparedWithPublished(largestZeroed[kind], Math.max(0, ...changes))];
    }),
  };
}
