import { balancedSubset, inverseSizes, weightedDraw } from '../../data/sampling.js';
import { indicesIn, indicesOut } from '../methodState.js';
import { ermEpoch, recipeMethod } from '../recipe.js';

type Parts = 'labels' | 'groups';

/**
 * RWY and RWG (Idrissi et al. 2022): ERM on examples drawn with replacement, with a probability inversely proportional to the
 * size of their class or group, so that each is equally likely. An epoch is as long as the training split. As there, the
 * sampling is PyTorch's WeightedRandomSampler.
 */
function reweighted(name: string, title: string, parts: Parts, part: string) {
  return recipeMethod({
    name,
    title,
    settings: {},
    isDistributed: true,
    toleratesEmptyGroups: parts === 'labels',
    description: `ERM on images drawn with each ${part} equally likely (Idrissi et al. 2022)`,
    prepare(trainer) {
      const { config, loader, generator } = trainer;
      const { [parts]: partOf, splits } = loader.dataset;
      const weights = inverseSizes(splits.train.map((index) => partOf[index] as number));
      return {
        trainEpoch(epoch, lr) {
          const drawn = weightedDraw(splits.train, weights, generator);
          const batches = loader.augmented(drawn, config.batchSize, generator);
          return ermEpoch(trainer, epoch, lr, batches);
        },
      };
    },
  });
}

/**
 * SUBY and SUBG (Idrissi et al. 2022): ERM on a subset of the training split that has as many examples of each class or group as
 * the smallest one, drawn once before the first epoch. An epoch is as long as the subset.
 */
function subsampled(name: string, title: string, parts: Parts, part: string) {
  return recipeMethod({
    name,
    title,
    settings: {},
    isDistributed: true,
    toleratesEmptyGroups: parts === 'labels',
    description: `ERM on a subset with as many images of each ${part} (Idrissi et al. 2022)`,
    prepare(trainer) {
      const { config, loader, generator } = trainer;
      const { [parts]: partOf, splits } = loader.dataset;
      let subset: Int32Array = new Int32Array();
      return {
        begin() {
          const ofTrain = splits.train.map((index) => partOf[index] as number);
          subset = balancedSubset(splits.train, ofTrain, generator);
          return Promise.resolve();
        },
        trainEpoch: (epoch, lr) =>
          ermEpoch(trainer, epoch, lr, loader.training(subset, config.batchSize, generator)),
        stateDict: () => Promise.resolve({ subset: indicesOut(subset) }),
        loadStateDict(state) {
          subset = indicesIn('subset', state, splits.train);
          return Promise.resolve();
        },
      };
    },
  });
}

export const rwy = reweighted('rwy', 'RWY', 'labels', 'class');
export const rwg = reweighted('rwg', 'RWG', 'groups', 'group');
export const suby = subsampled('suby', 'SUBY', 'labels', 'class');
export const subg = subsampled('subg', 'SUBG', 'groups', 'group');
