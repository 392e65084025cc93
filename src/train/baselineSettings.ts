import { z } from 'zod';

/**
 * How GroupDRO's batches are drawn: the training split shuffled, or with replacement and each group equally likely, which is
 * `--reweight_groups` of the published code.
 */
export const GROUP_DRO_SAMPLINGS = ['shuffled', 'group-balanced'] as const;
export type GroupDroSampling = (typeof GROUP_DRO_SAMPLINGS)[number];

/** What GroupDRO adds to a run's configuration. */
export const groupDroShape = {
  /** eta of the group weights' update. */
  groupDroStep: z.number().positive(),
  /** C of the generalization adjustment C / sqrt(n_g); 0: none. */
  groupDroAdjustment: z.number().min(0),
  sampling: z.enum(GROUP_DRO_SAMPLINGS),
};

/** What JTT adds. */
export const jttShape = {
  /** T, the epochs of the identification model. */
  identificationEpochs: z.number().int().min(1),
  /** lambda_up: how many times an epoch shows an image of the error set. */
  upweight: z.number().int().min(1),
};

/** What last-layer retraining adds. */
export const dfrShape = {
  /** The values of C, the inverse strength of the L1 penalty, of which one is chosen; the first of equally good ones. */
  inverseStrengths: z.array(z.number().positive()).min(1),
  /** Group-balanced subsets whose fits are averaged. */
  draws: z.number().int().min(1),
};

/** GroupDRO's: the published code's defaults, and the sampling of its published commands. */
export const DEFAULT_GROUP_DRO = {
  groupDroStep: 0.01,
  groupDroAdjustment: 0,
  sampling: 'group-balanced',
} as const;

/** Those of Liu et al. 2021 for Waterbirds; they choose both on the validation split. */
export const DEFAULT_JTT = { identificationEpochs: 60, upweight: 100 } as const;

/** Those of Kirichenko et al. 2023. */
export const DEFAULT_DFR = { inverseStrengths: [1, 0.7, 0.3, 0.1, 0.07, 0.03, 0.01], draws: 20 } as const;
