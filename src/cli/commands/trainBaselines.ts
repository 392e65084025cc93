import type { Command } from 'commander';
import { DEFAULT_GROUP_DRO, DEFAULT_JTT, GROUP_DRO_SAMPLINGS } from '../../train/baselineSettings.js';
import { choice, integer, nonNegative, positive } from '../options.js';
import { addRecipeCommand, type RecipeMethod } from '../recipeCommand.js';

/** The baselines that train from a dataset on ERM's recipe. */
const BASELINES: readonly RecipeMethod[] = [
  {
    name: 'groupdro',
    description: 'GroupDRO: the groups\u2019 losses weighted towards the worst (Sagawa et al. 2020)',
    options: [
      positive(
        '--group-dro-step <eta>',
        `step of the groups\u2019 weights (default: ${DEFAULT_GROUP_DRO.groupDroStep})`,
      ),
      nonNegative(
        '--group-dro-adjustment <C>',
        `adds C / sqrt(group size) to a group\u2019s loss (default: ${DEFAULT_GROUP_DRO.groupDroAdjustment})`,
      ),
      choice(
        '--sampling <how>',
        `the training split shuffled, or each group equally likely (default: ${DEFAULT_GROUP_DRO.sampling})`,
        GROUP_DRO_SAMPLINGS,
      ),
    ],
    load: async () => (await import('../../train/groupDro.js')).trainGroupDro,
  },
  {
    name: 'rwy',
    description: 'ERM on images drawn with each class equally likely (Idrissi et al. 2022)',
    load: async () => (await import('../../train/reweighting.js')).trainRwy,
  },
  {
    name: 'rwg',
    description: 'ERM on images drawn with each group equally likely (Idrissi et al. 2022)',
    load: async () => (await import('../../train/reweighting.js')).trainRwg,
  },
  {
    name: 'suby',
    description: 'ERM on a subset with as many images of each class (Idrissi et al. 2022)',
    load: async () => (await import('../../train/subsampling.js')).trainSuby,
  },
  {
    name: 'subg',
    description: 'ERM on a subset with as many images of each group (Idrissi et al. 2022)',
    load: async () => (await import('../../train/subsampling.js')).trainSubg,
  },
  {
    name: 'jtt',
    description: 'JTT: ERM that shows an earlier model\u2019s errors more often (Liu et al. 2021)',
    options: [
      integer(
        '--identification-epochs <T>',
        `epochs of the model whose errors are taken (default: ${DEFAULT_JTT.identificationEpochs})`,
        1,
      ),
      integer(
        '--upweight <lambda>',
        `times that an epoch shows each of these errors (default: ${DEFAULT_JTT.upweight})`,
        1,
      ),
    ],
    load: async () => (await import('../../train/jtt.js')).trainJtt,
  },
];

export function addBaselineCommands(train: Command): void {
  for (const baseline of BASELINES) addRecipeCommand(train, baseline);
}
