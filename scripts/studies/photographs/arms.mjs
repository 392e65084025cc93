// The arms of Part II of docs/studies/photographs.md: how each trains, and the configurations that it is tuned among.
import {
  trainCnc,
  trainDfr,
  trainErm,
  trainFinetune,
  trainGroupDro,
  trainJtt,
  trainRwg,
  trainSubg,
} from '../../../dist/index.js';
import { weightsOf } from './results.mjs';

const AUGMENTATION = { scale: [0.7, 1], ratio: [3 / 4, 4 / 3], horizontalFlip: 0.5 };
const WITH_RATES = [1e-5, 3e-5, 1e-4, 3e-4].map((lr) => ({ lr }));
const TWO_RATES = [1e-4, 3e-4];
const CONTRAST = combinations('lr', TWO_RATES, 'lambda', [1, 10]);
/** Arms that differ by their mask alone, and share one configuration. */
export const CONTRASTS = [
  'contrast, no mask',
  'contrast, random mask',
  'contrast, gradient mask',
  'contrast, magnitude mask',
];

/** All combinations of two settings' values. */
function combinations(one, values, other, otherValues) {
  return values.flatMap((value) => otherValues.map((second) => ({ [one]: value, [other]: second })));
}

/** An arm that goes on from ERM. */
function finetuned(settings, configurations) {
  return {
    continuesErm: true,
    configurations,
    train: async (place, configuration) =>
      trainFinetune({
        ...{ from: await place.erm(), data: place.data, out: place.out, seed: place.seed, resume: true },
        ...{
          kickInEpoch: place.kickIn,
          epochs: place.epochs - place.kickIn,
          batchSize: 64,
          precision: place.precision,
        },
        ...{ viewAugmentation: AUGMENTATION, fraction: 0.001, select: 'best-worst-group' },
        ...{ ...settings, ...configuration },
      }),
  };
}

/** An arm that trains from the ImageNet weights. */
function fromData(train, configurations, settingsOf = () => ({})) {
  return {
    configurations,
    train: ({ data, arch, out, seed, epochs, precision }, configuration) =>
      train({
        ...{ data, out, seed, epochs, arch, weights: weightsOf(arch), precision, batchSize: 64 },
        ...{ augmentation: AUGMENTATION, resume: true, ...settingsOf(epochs), ...configuration },
      }),
  };
}

const identification = (epochs) => ({ identificationEpochs: Math.max(1, Math.round(0.2 * epochs)) });

/**
 * By name. `train` takes a place, `{ data, arch, epochs, kickIn, out, seed, precision, erm }`, whose `erm` trains the seed's ERM run once
 * and returns its folder, and a configuration.
 */
export const ARMS = {
  ERM: fromData(trainErm, [{ lr: 1e-4 }]),
  // At the rate that the tuned arms chose.
  'ERM, 3e-4': fromData(trainErm, [{ lr: 3e-4 }]),
  'continued, squared error': finetuned({ contrast: false }, WITH_RATES),
  'continued, cross-entropy': finetuned({ contrast: false, supervised: 'cross-entropy' }, WITH_RATES),
  'contrast, no mask': finetuned({ criterion: 'none' }, CONTRAST),
  'contrast, random mask': finetuned({ criterion: 'random-same-layers' }, CONTRAST),
  'contrast, gradient mask': finetuned({ criterion: 'gradient' }, CONTRAST),
  'contrast, magnitude mask': finetuned({ criterion: 'magnitude' }, CONTRAST),
  released: finetuned(
    { protocol: 'released', fraction: 0.01 },
    combinations('lr', [5e-5, 3e-4], 'lambda', [0.2, 2]),
  ),
  RWG: fromData(trainRwg, WITH_RATES),
  SUBG: fromData(trainSubg, WITH_RATES),
  GroupDRO: fromData(trainGroupDro, combinations('lr', TWO_RATES, 'groupDroStep', [0.01, 0.1])),
  JTT: fromData(trainJtt, combinations('lr', TWO_RATES, 'upweight', [5, 20]), identification),
  // For want of time.
  CnC: {
    cut: true,
    ...fromData(trainCnc, combinations('lr', TWO_RATES, 'contrastWeight', [0.5, 0.75]), (epochs) => ({
      // Sets that a batch of 64 holds, where the published ones have 17 of each.
      ...{ ...identification(epochs), anchors: 16, positives: 16, negatives: 16 },
    })),
  },
  // Chooses its penalty on validation by itself.
  DFR: {
    configurations: [{}],
    train: async ({ data, out, seed, erm }) =>
      trainDfr({
        ...{ from: await erm(), data, out, seed, resume: true },
        ...{ inverseStrengths: [0.1, 0.03, 0.01], draws: 5 },
      }),
  },
};
