import type { Dataset } from '../../data/dataset.js';
import { inverseSizes } from '../../data/sampling.js';
import { SpurmemError } from '../../errors.js';
import type { Model } from '../../models/model.js';
import {
  type GivenOf,
  resolveSettings,
  setting,
  type SettingsTable,
  type ValuesOf,
} from '../../settings/setting.js';
import { nonNegative, positive } from '../../settings/values.js';
import { type FromRun, fromRun } from '../continuation.js';
import { headState, validationFeatures } from '../dfr/features.js';
import type { LabelledFeatures, LinearLayer } from '../dfr/fit.js';
import { l2Penalty, type SoftmaxObjective, SoftmaxRegression } from '../dfr/softmaxRegression.js';
import { REFIT_SETTINGS } from '../ermSettings.js';
import type { TrainingMethod } from '../method.js';
import type { RunConfig } from '../runConfig.js';

/** The images to refit on, with the run's logits and its last layer. */
interface Refit extends LabelledFeatures {
  readonly logits: Float32Array;
  readonly layer: LinearLayer;
}

/** A method that refits the last layer on the validation split by one softmax regression. */
function lastLayerMethod<const Own extends SettingsTable>(plan: {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly own: Own;
  readonly objective: (data: Refit, settings: ValuesOf<Own>) => SoftmaxObjective;
  /** Throws `DATASET_EMPTY_GROUP` for data that the method cannot do with. */
  readonly check?: (dataset: Dataset) => void;
}) {
  type Config = RunConfig & ValuesOf<Own>;
  const { own, objective, check, ...named } = plan;
  const settings: SettingsTable = { ...own, ...REFIT_SETTINGS };
  const method: TrainingMethod<Config, FromRun & GivenOf<Own & typeof REFIT_SETTINGS>> = {
    ...named,
    startsFrom: 'run',
    settings,
    start: (options) =>
      fromRun<Config>(method, options, ({ config }, dataset) => {
        check?.(dataset);
        const chosen = resolveSettings(own, config.protocol, options as GivenOf<Own>);
        const { batchSize = config.batchSize, precision = config.precision } = resolveSettings(
          REFIT_SETTINGS,
          config.protocol,
          options as GivenOf<typeof REFIT_SETTINGS>,
        );
        // A generic table's values are the configuration's, which the compiler cannot tell.
        return { batchSize, loss: config.loss, precision, select: 'last', ...chosen } as never;
      }),
    task: (run) => ({
      async begin() {
        const { config, model, job } = run;
        const data = { ...(await validationFeatures(run)), layer: await layerOf(model) };
        using regression = await SoftmaxRegression.of(
          data.features,
          data.labels,
          data.numClasses,
          model.context,
        );
        const { layer } = await regression.fit(objective(data, config), job);
        await model.loadStateDict(headState(model, layer));
      },
    }),
  };
  return method;
}

async function layerOf(model: Model): Promise<LinearLayer> {
  const { weight, bias } = model.linearHead;
  const state = await model.stateDict();
  const values = (name: string): Float64Array => Float64Array.from(state[name]?.data as Float32Array);
  return { weight: values(weight), bias: values(bias) };
}

/** Last-layer retraining on the validation split, balanced by class (LaBonte et al. 2023), which needs no group labels. */
export const cbllr = lastLayerMethod({
  name: 'cbllr',
  title: 'CB-LLR',
  description:
    'last-layer retraining on the validation split, balanced by class (LaBonte et al. 2023): no group labels',
  own: {
    inverseStrength: setting({
      type: positive(),
      argument: 'c',
      help: 'scikit-learn\u2019s C of the L2 penalty on weights for standardized features',
      default: 0.001,
      source: 'ours; the authors stop SGD on class-balanced batches early',
    }),
  },
  objective: ({ labels, numClasses }, { inverseStrength }) => ({
    weights: inverseSizes(labels),
    penalty: l2Penalty(inverseStrength, labels.length, numClasses),
  }),
  check: requireEveryClass,
});

/** Without validation images of a class, the layer that fits best never answers it. */
function requireEveryClass({ table, targetNames, labels, splits }: Dataset): void {
  const [train, val] = [splits.train, splits.val].map(
    (own) => new Set(own.map((index) => labels[index] ?? 0)),
  );
  const missing = targetNames.find((_, y) => train?.has(y) === true && val?.has(y) === false);
  if (missing === undefined) return;
  const problem = `${table}: the split val has no image of the class ${missing}, which CB-LLR would unlearn.`;
  const advice = ['Add images of it, or move some from another split.'];
  throw new SpurmemError('DATASET_EMPTY_GROUP', problem, { advice });
}

/**
 * Automatic feature reweighting (Qiu et al. 2023): the last layer is refitted on the validation split, where images that the run is unsure
 * of weigh more, near the layer that it was. The authors take 500 steps of gradient descent, stopped early by the worst validation
 * group; here it is the optimum.
 */
export const afr = lastLayerMethod({
  name: 'afr',
  title: 'AFR',
  description:
    'last-layer retraining on the validation split, weighted by what the run is unsure of (Qiu et al. 2023): no group labels',
  own: {
    gamma: setting({
      type: nonNegative(),
      argument: 'value',
      help: 'how much less an image weighs that is predicted right for sure: exp(-gamma * p)',
      default: 4,
      source: 'ours; the authors tune it by the worst validation group',
    }),
    lambda: setting({
      type: nonNegative(),
      argument: 'value',
      help: 'penalty on the squared distance from the run\u2019s last layer',
      default: 0.1,
      source: 'ours; the authors tune it by the worst validation group',
    }),
  },
  objective: ({ logits, labels, layer }, { gamma, lambda }) => ({
    weights: afrWeights(logits, labels, gamma),
    penalty: 2 * lambda,
    center: layer,
  }),
});

/** AFR's weights, with a sum of 1: exp(-gamma * p), where p is the probability of an image's class, times N over the images of its class. */
export function afrWeights(logits: Float32Array, labels: Int32Array, gamma: number): Float64Array {
  const classes = logits.length / labels.length;
  const weights = inverseSizes(labels).map((weight, i) => {
    const own = logits.subarray(i * classes, (i + 1) * classes);
    const highest = Math.max(...own);
    const sum = own.reduce((all, logit) => all + Math.exp(logit - highest), 0);
    return weight * Math.exp((-gamma * Math.exp((own[labels[i] as number] as number) - highest)) / sum);
  });
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}
