import { balancedSubset, inverseSizes, weightedDraw } from '../../data/sampling.js';
import type { TrainingMethod } from '../method.js';
import { ermEpoch, type ErmOptions, fromData, RECIPE_SETTINGS } from '../recipe.js';
import type { EpochsConfig } from '../runConfig.js';

/** The parts of the training split that are made equal: its classes or its groups. */
const PARTS = { labels: 'class', groups: 'group' } as const;

const shared = (name: string, parts: keyof typeof PARTS) =>
  ({
    name,
    startsFrom: 'data',
    settings: RECIPE_SETTINGS,
    isDistributed: true,
    needsGroupsIn: parts === 'groups' ? 'train' : undefined,
    start: (options: ErmOptions) => fromData(name, options, {}),
  }) as const;

/**
 * RWY and RWG (Idrissi et al. 2022): ERM on examples drawn with replacement by PyTorch's WeightedRandomSampler, as there, with a
 * probability inversely proportional to the size of their class or group. An epoch is as long as the training split.
 */
function reweighted(
  name: string,
  title: string,
  parts: keyof typeof PARTS,
): TrainingMethod<EpochsConfig, ErmOptions> {
  return {
    ...shared(name, parts),
    title,
    description: `ERM on images drawn with each ${PARTS[parts]} equally likely (Idrissi et al. 2022)`,
    task(run) {
      const { config, loader, generator } = run;
      const { [parts]: partOf, splits } = loader.dataset;
      const weights = inverseSizes(splits.train.map((index) => partOf[index] as number));
      return {
        trainEpoch(epoch, lr) {
          const drawn = weightedDraw(splits.train, weights, generator);
          const batches = loader.augmented(drawn, config.batchSize, generator);
          return ermEpoch(run, epoch, lr, batches);
        },
      };
    },
  };
}

/**
 * SUBY and SUBG (Idrissi et al. 2022): ERM on a subset of the training split that has as many examples of each class or group as
 * the smallest one, drawn once before the first epoch. An epoch is as long as the subset.
 */
function subsampled(
  name: string,
  title: string,
  parts: keyof typeof PARTS,
): TrainingMethod<EpochsConfig, ErmOptions> {
  return {
    ...shared(name, parts),
    title,
    description: `ERM on a subset with as many images of each ${PARTS[parts]} (Idrissi et al. 2022)`,
    task(run) {
      const { config, loader, generator } = run;
      const { [parts]: partOf, splits } = loader.dataset;
      const subset = run.state('subset', new Int32Array());
      return {
        begin() {
          const ofTrain = splits.train.map((index) => partOf[index] as number);
          subset.value = balancedSubset(splits.train, ofTrain, generator);
        },
        trainEpoch: (epoch, lr) =>
          ermEpoch(run, epoch, lr, loader.training(subset.value, config.batchSize, generator)),
      };
    },
  };
}

export const rwy = reweighted('rwy', 'RWY', 'labels');
export const rwg = reweighted('rwg', 'RWG', 'groups');
export const suby = subsampled('suby', 'SUBY', 'labels');
export const subg = subsampled('subg', 'SUBG', 'groups');
