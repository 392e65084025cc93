import { RANGES } from '../../settings/ranges.js';
import { setting } from '../../settings/setting.js';
import { integer } from '../../settings/values.js';
import { identify } from '../identification.js';
import { ermEpoch, fromData, type Recipe, RECIPE_SETTINGS } from '../recipe.js';

/** Those of Liu et al. 2021 for Waterbirds; they choose both on the validation split. */
const SETTINGS = {
  identificationEpochs: setting({
    type: integer(1),
    argument: 'T',
    help: 'epochs of the model that identifies the errors',
    default: 60,
    source: 'T; 60 on Waterbirds',
  }),
  upweight: setting({
    type: integer(...RANGES.repeats),
    argument: 'lambda',
    help: 'how often an epoch shows each of these errors',
    default: 100,
    source: 'lambda_up; 100 on Waterbirds',
  }),
} as const;

/**
 * JTT (Liu et al. 2021, Algorithm 1): ERM from the initial weights on the training split, with each example that an
 * identification model (`identify`) gets wrong lambda_up times in all, shuffled. The published code adds lambda_up copies to
 * the one that is there; this follows the paper.
 */
export const jtt: Recipe<typeof SETTINGS> = {
  name: 'jtt',
  title: 'JTT',
  description: 'JTT: ERM that shows an earlier model\u2019s errors more often (Liu et al. 2021)',
  startsFrom: 'data',
  settings: { ...RECIPE_SETTINGS, ...SETTINGS },
  isDistributed: true,
  // Liu et al. identify after 60 of 300 epochs on Waterbirds.
  inStudies: ({ epochs }) => ({
    identificationEpochs: Math.max(1, Math.round(0.2 * epochs)),
    upweight: 20,
  }),
  start: (options) => fromData('jtt', options, SETTINGS),
  task(run, options) {
    const { config, loader, generator } = run;
    const { labels, splits } = loader.dataset;
    const { train } = splits;
    const errorSet = run.state('errorSet', new Int32Array());
    return {
      async begin() {
        const predictions = await identify(run, options);
        errorSet.value = train.filter((index, i) => predictions[i] !== labels[index]);
      },
      trainEpoch(epoch, lr) {
        const copies = Array.from({ length: config.upweight - 1 }, () => [...errorSet.value]);
        const upsampled = Int32Array.from([...train, ...copies.flat()]);
        const batches = loader.training(upsampled, config.batchSize, generator);
        return ermEpoch(run, epoch, lr, batches);
      },
    };
  },
};
