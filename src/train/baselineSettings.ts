/**
 * How GroupDRO's batches are drawn: the training split shuffled, or with replacement and each group equally likely, which is
 * `--reweight_groups` of the published code.
 */
export const GROUP_DRO_SAMPLINGS = ['shuffled', 'group-balanced'] as const;
export type GroupDroSampling = (typeof GROUP_DRO_SAMPLINGS)[number];

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
