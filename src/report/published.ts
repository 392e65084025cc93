import type { Split } from '../data/split.js';
import type { ReportDataset } from './figure.js';
import { percentText, pointsBeyond } from './format.js';

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

/** The columns of the article's numbers beside a run's. */
export const PUBLISHED_COLUMNS = ['published', 'measured', 'difference, points'];

export function besidePublished(known: number | undefined, measured: number | undefined): string[] {
  return [percentText(known), percentText(measured), pointsBeyond(measured, known)];
}
