import { z } from 'zod';
import { GROUP_DRO_SAMPLINGS } from './baselineSettings.js';

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
