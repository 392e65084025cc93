import { z } from 'zod';
import { augmentationSchema } from '../data/preprocessing.js';
import { BATCH_NORM_STATISTICS } from '../native/addon.js';
import { GRADIENT_ORDERS } from '../neurons/score.js';
import { MAGNITUDE_LAYERS, MAGNITUDE_ORDERS } from '../neurons/select.js';
import {
  CONTRASTED_FEATURES,
  MASK_CRITERIA,
  MASK_GRADIENT_SOURCES,
  REDUCTIONS,
  SUPERVISED_FORWARDS,
  SUPERVISED_LOSSES,
  VIEWS,
} from './finetuneWords.js';

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
