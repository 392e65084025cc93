import type { Augmentation } from '../data/preprocessing.js';
import { RANGES } from '../settings/ranges.js';
import { defined } from '../settings/setting.js';
import { type ValueType, valueType } from '../settings/values.js';
import * as z from '../zod.js';

const probability = z.number().min(0).max(1);
const range = (number: z.ZodNumber) =>
  z
    .tuple([number, number])
    .refine(([least, most]) => least <= most)
    .readonly();

/** Checks an augmentation that is given part by part. */
const partsSchema = z.strictObject({
  /** Min and max share of the image that RandomResizedCrop covers; default: cropped as in evaluation. */
  scale: range(z.number().positive().max(1)).optional(),
  /** Min and max aspect ratio, width to height; default: the dataset's, or 3/4 to 4/3. */
  ratio: range(z.number().positive().max(RANGES.real[1])).optional(),
  /** Probability of RandomHorizontalFlip; default: 0, as below. */
  horizontalFlip: probability.optional(),
  /** SimCLR's color distortion: `RandomApply([ColorJitter(0.8 s, 0.8 s, 0.8 s, 0.2 s)], probability)` of strength s. */
  colorJitter: z.strictObject({ strength: z.number().min(0).max(2.5), probability }).optional(),
  /** Probability of RandomGrayscale. */
  grayscale: probability.optional(),
  /** Probability of GaussianBlur with a sigma from 0.1 to 2 px. */
  gaussianBlur: probability.optional(),
});

/** The parts of an augmentation; omitted parts are not applied. */
export type AugmentationParts = Readonly<z.infer<typeof partsSchema>>;

/** null: none. */
export type AugmentationChoice = AugmentationParts | 'simclr' | 'dataset' | null;

/** The brightness of a jitter of strength 1. */
const BRIGHTNESS = 0.8;

/** SimCLR's augmentation (Chen et al. 2020, appendix A) at strength 1. */
export const SIMCLR: AugmentationParts = {
  scale: [0.08, 1],
  ratio: [3 / 4, 4 / 3],
  horizontalFlip: 0.5,
  colorJitter: { strength: 1, probability: 0.8 },
  grayscale: 0.2,
  gaussianBlur: 0.5,
};

/** The published code's augmentation, which the article does not mention: RandomResizedCrop of 0.7 to 1 and a flip. */
export const PUBLISHED_AUGMENTATION: AugmentationParts = { scale: [0.7, 1], horizontalFlip: 0.5 };

export const PUBLISHED_AS_TEXT = 'crop=0.7-1,flip=0.5';

const ALL_PARTS = 'crop=0.2-1,flip=0.5,jitter=1@0.8,grayscale=0.2,blur=0.5';
export const AUGMENTATION_HELP = `none, dataset, simclr, or parts such as simclr,blur=0 or ${ALL_PARTS} (jitter: strength@probability)`;

const choiceSchema = z.union([partsSchema, z.literal('simclr'), z.literal('dataset')]).nullable();

export const augmentationChoice: ValueType<AugmentationChoice> = valueType(choiceSchema, {
  expected: `none, dataset, simclr, minScale,maxScale,flip such as 0.8,1,0, or parts such as ${ALL_PARTS} and simclr,blur=0`,
  form: 'augmentation',
});

/** @param known the dataset's, which gives the size of crops, and their ratio by default */
export function augmentationOf(
  choice: Exclude<AugmentationChoice, 'dataset'>,
  known: Augmentation | undefined,
): Augmentation {
  if (choice === null) return null;
  const parts = choice === 'simclr' ? SIMCLR : choice;
  const { scale, horizontalFlip = 0, grayscale, gaussianBlur } = parts;
  const { size, ratio: knownRatio = [3 / 4, 4 / 3] } = known?.randomResizedCrop ?? {};
  const { strength = 0, probability = 0 } = parts.colorJitter ?? {};
  const [narrowest, widest] = parts.ratio ?? knownRatio;
  const most = BRIGHTNESS * strength;
  const jitter = { brightness: most, contrast: most, saturation: most, hue: 0.2 * strength, probability };
  return {
    randomResizedCrop: scale ? { size, scale: [...scale], ratio: [narrowest, widest] } : null,
    horizontalFlip,
    colorJitter: strength > 0 && probability > 0 ? jitter : undefined,
    grayscale,
    gaussianBlur: gaussianBlur === undefined ? undefined : { sigma: [0.1, 2], probability: gaussianBlur },
  };
}

/** Returns the choice that gives the augmentation of a run's configuration. */
export function choiceOf(augmentation: Augmentation): AugmentationChoice {
  if (augmentation === null) return null;
  const { randomResizedCrop: crop, horizontalFlip, colorJitter, grayscale, gaussianBlur } = augmentation;
  return defined<AugmentationParts>({
    scale: crop?.scale,
    ratio: crop?.ratio,
    horizontalFlip,
    colorJitter: colorJitter && {
      strength: colorJitter.brightness / BRIGHTNESS,
      probability: colorJitter.probability,
    },
    grayscale,
    gaussianBlur: gaussianBlur?.probability,
  });
}
