import { INTERPOLATIONS } from '../native/interface.js';
import { RANGES } from '../settings/ranges.js';
import { whole } from '../settings/schema.js';
import * as z from '../zod.js';

const probability = z.number().min(0).max(1);
const side = whole(RANGES.side);
const size = z.tuple([side, side]);
const positive = z.number().positive().max(RANGES.real[1]);
const factor = z.number().min(0).max(RANGES.real[1]);
const mean = z.number().min(-RANGES.deviation[1]).max(RANGES.deviation[1]);
const std = z.number().min(RANGES.deviation[0]).max(RANGES.deviation[1]);
/** The bounds of a random number. */
const range = z
  .tuple([positive, positive])
  .refine(([low, high]) => low <= high, { error: 'it is [low, high], and the first is above the second' });

/** ImageNet's channel means and standard deviations, the article's normalization. */
export const IMAGENET_MEAN = [0.485, 0.456, 0.406] as const;
export const IMAGENET_STD = [0.229, 0.224, 0.225] as const;

/** Random changes of training images, in the order in which they are made; null: none. */
export const augmentationSchema = z
  .strictObject({
    /** torchvision's `RandomResizedCrop(size, scale, ratio)`; null crops as in evaluation. */
    randomResizedCrop: z
      /** Default `size`: the evaluation's. */
      .strictObject({ size: size.optional(), scale: range, ratio: range })
      .nullable(),
    /** Probability of `RandomHorizontalFlip`. */
    horizontalFlip: probability,
    /** `RandomApply([ColorJitter(brightness, contrast, saturation, hue)], probability)`; default: none. */
    colorJitter: z
      .strictObject({
        brightness: factor,
        contrast: factor,
        saturation: factor,
        hue: z.number().min(0).max(0.5),
        probability,
      })
      .optional(),
    /** Probability of `RandomGrayscale`. */
    grayscale: probability.optional(),
    /** `RandomApply([GaussianBlur(kernel, sigma)], probability)` with the kernel of `blurKernel`; sigma in pixels. */
    gaussianBlur: z.strictObject({ sigma: range, probability }).optional(),
  })
  .nullable();
export type Augmentation = z.infer<typeof augmentationSchema>;

/**
 * How a decoded image becomes a model's input. Sizes are [height, width] in pixels. Evaluation: torchvision's
 * `Resize(resize, interpolation, antialias=True)`, `CenterCrop(crop)`, float32 in [0, 1], `Normalize(mean, std)`. Training
 * replaces resize and crop with `augmentation` when it is given.
 */
export const preprocessingSchema = z.strictObject({
  /** A number resizes the shorter side to it and keeps the aspect ratio, as torchvision does; null keeps the image. */
  resize: z.union([side, size]).nullable(),
  /** How images and random crops are resized; default: bilinear. */
  interpolation: z.enum(INTERPOLATIONS).optional(),
  /** CenterCrop after the resize; null keeps what the resize gave. */
  crop: size.nullable(),
  mean: z.tuple([mean, mean, mean]),
  std: z.tuple([std, std, std]),
  /** Training's changes instead of resize and crop; null trains on the evaluation pixels. */
  augmentation: augmentationSchema,
  /** Like `augmentation`, for the views that fine-tuning contrasts; left out: the caller's choice. */
  viewAugmentation: augmentationSchema.optional(),
});
export type Preprocessing = z.infer<typeof preprocessingSchema>;

/** The article's preprocessing at 224 px ("No further data augmentation is applied after these steps"). */
export const ARTICLE_PREPROCESSING: Preprocessing = {
  resize: [256, 256],
  crop: [224, 224],
  mean: [...IMAGENET_MEAN],
  std: [...IMAGENET_STD],
  augmentation: null,
};
