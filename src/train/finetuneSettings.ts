import { z } from 'zod';
import { augmentationSchema } from '../data/preprocessing.js';
import { BATCH_NORM_STATISTICS } from '../native/addon.js';
import { GRADIENT_ORDERS } from '../neurons/score.js';
import { MAGNITUDE_LAYERS, MAGNITUDE_ORDERS } from '../neurons/select.js';

/**
 * What chooses the auxiliary model's masked neurons: a criterion of the article, both of them together (Table 10), or, as
 * controls, random neurons of the same number, or none.
 */
export const MASK_CRITERIA = ['gradient', 'magnitude', 'combined', 'random', 'none'] as const;
export type MaskCriterion = (typeof MASK_CRITERIA)[number];

/**
 * The training samples that the gradient criterion looks at (Table 7), and the labels of their loss: all of them under the
 * model's predictions as pseudo labels, all of them under their classes, or those of minority groups under their classes.
 */
export const MASK_GRADIENT_SOURCES = ['pseudo-labels', 'true-labels', 'minority-groups'] as const;
export type MaskGradientSource = (typeof MASK_GRADIENT_SOURCES)[number];

/** What NT-Xent compares: projections of the penultimate features, those features, the logits, or their softmax. */
export const CONTRASTED_FEATURES = ['projection', 'penultimate', 'logits', 'softmax'] as const;
export type ContrastedFeatures = (typeof CONTRASTED_FEATURES)[number];

/** Mean squared error of the prediction vector (article, Eq. 4), or cross-entropy (Table 4). */
export const SUPERVISED_LOSSES = ['mse', 'cross-entropy'] as const;
export type SupervisedLoss = (typeof SUPERVISED_LOSSES)[number];

export const REDUCTIONS = ['mean', 'sum'] as const;

/** Whether the two branches see two augmentations of an image, or one. */
export const VIEWS = ['two', 'one'] as const;

/** Whether the supervised loss takes the logits of the contrasted target view, or runs the target model once more. */
export const SUPERVISED_FORWARDS = ['shared', 'own'] as const;

/** What fine-tuning adds to a run's configuration, one name each in files, options and commands. */
export const finetuneShape = {
  /** The ERM epoch that fine-tuning starts from; null: the one that the ERM run selected. */
  kickInEpoch: z.number().int().min(1).nullable(),
  criterion: z.enum(MASK_CRITERIA),
  /** Share of all neurons that is masked: ceil(fraction * M). */
  fraction: z.number().positive().lt(1),
  unit: z.enum(['neuron', 'weight']),
  gradientSource: z.enum(MASK_GRADIENT_SOURCES),
  gradientWorst: z.number().int().min(1),
  gradientDrawn: z.number().int().min(1),
  gradientOrder: z.enum(GRADIENT_ORDERS),
  /** Whether the last training step's gradient is left in the scores' gradient. */
  staleGradient: z.boolean(),
  magnitudeLayers: z.enum(MAGNITUDE_LAYERS),
  magnitudeOrder: z.enum(MAGNITUDE_ORDERS),
  /** Whether the contrastive loss is part of the training; without it only the supervised loss is. */
  contrast: z.boolean(),
  temperature: z.number().positive(),
  lambda: z.number().positive(),
  supervised: z.enum(SUPERVISED_LOSSES),
  supervisedReduction: z.enum(REDUCTIONS),
  supervisedForward: z.enum(SUPERVISED_FORWARDS),
  features: z.enum(CONTRASTED_FEATURES),
  views: z.enum(VIEWS),
  /** How the auxiliary branch's batch-norm normalizes. */
  statistics: z.enum(BATCH_NORM_STATISTICS),
  /** Of each view; null: none. */
  viewAugmentation: augmentationSchema,
};
export type FinetuneSettings = z.infer<z.ZodObject<typeof finetuneShape>>;
