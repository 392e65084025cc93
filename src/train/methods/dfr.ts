import type { Dataset } from '../../data/dataset.js';
import { SpurmemError } from '../../errors.js';
import type { Model } from '../../models/model.js';
import type { TensorData } from '../../models/safetensors.js';
import { throwIfAborted } from '../../progress.js';
import { RANGES } from '../../settings/ranges.js';
import { type GivenOf, resolveSettings, setting, type ValuesOf } from '../../settings/setting.js';
import { integer, positive, severalOf } from '../../settings/values.js';
import { type FromRun, fromRun } from '../continuation.js';
import { fitDfr, type LabelledFeatures, type LinearLayer, type TunedStrength } from '../dfr/fit.js';
import { PRECISION_OF_START } from '../ermSettings.js';
import type { TrainingMethod } from '../method.js';
import type { TrainingResult } from '../results.js';
import type { Run, Task } from '../run.js';
import type { RunConfig } from '../runConfig.js';

const OWN_SETTINGS = {
  inverseStrengths: setting({
    type: severalOf(positive()),
    argument: 'list',
    help: 'values of C, the inverse strength of the L1 penalty, to choose from; ties: the first wins',
    default: [1, 0.7, 0.3, 0.1, 0.07, 0.03, 0.01],
    source: 'the values of its published code',
  }),
  draws: setting({
    type: integer(...RANGES.repeats),
    argument: 'n',
    help: 'group-balanced subsets whose fits are averaged',
    default: 20,
    source: '20 in its published code',
  }),
} as const;

const SETTINGS = {
  ...OWN_SETTINGS,
  batchSize: setting({
    type: integer(1),
    argument: 'n',
    help: 'batch size of the passes over the images',
    default: undefined,
    otherwise: 'that of the run that it starts from',
    source: 'changes no result',
  }),
  precision: PRECISION_OF_START,
} as const;

export type DfrOptions = FromRun & GivenOf<typeof SETTINGS>;

type DfrConfig = RunConfig & ValuesOf<typeof OWN_SETTINGS>;

export interface DfrResult extends TrainingResult {
  /** The chosen C. */
  readonly inverseStrength: number;
  readonly tuning: readonly TunedStrength[];
}

/**
 * Last-layer retraining on the validation split (Kirichenko et al. 2023, DFR with validation data): the model's head becomes that
 * of `fitDfr` on the penultimate features in evaluation mode. The published code standardizes the last fits by the whole
 * validation split, and penalizes the intercept; here each fit is standardized by its own subset, and the intercept is free. The
 * validation accuracies are those of examples that the layer was fitted on.
 */
export const dfr: TrainingMethod<DfrConfig, DfrOptions> = {
  name: 'dfr',
  title: 'DFR',
  description: 'last-layer retraining on the validation split (Kirichenko et al. 2023)',
  startsFrom: 'run',
  settings: SETTINGS,
  needsGroupsIn: 'val',
  start: (options) =>
    fromRun<DfrConfig>(dfr, options, ({ config }, dataset) => {
      const given = resolveSettings(SETTINGS, config.protocol, options);
      requireTwoOfEachGroup(dataset);
      const { batchSize = config.batchSize, precision = config.precision, inverseStrengths, draws } = given;
      return { batchSize, loss: config.loss, precision, select: 'last', inverseStrengths, draws };
    }),
  task: lastLayer,
};

/** One example of each group to fit on while another one judges C. */
function requireTwoOfEachGroup(dataset: Dataset): void {
  const group = dataset.counts.val.indexOf(1);
  if (group === -1) return;
  throw new SpurmemError(
    'DATASET_EMPTY_GROUP',
    `${dataset.table}: the split val has one example of group ${group} (${dataset.groupNames[group] ?? ''}), and last-layer retraining ` +
      'needs two of each group, to fit on and to choose C by. Move more to that split.',
  );
}

function lastLayer(run: Run<DfrConfig>): Task {
  const { config, model, generator, job } = run;
  let tuned: Pick<DfrResult, 'inverseStrength' | 'tuning'> | undefined;
  return {
    async begin() {
      const { layer, ...chosen } = await fitDfr(await validationFeatures(run), config, generator, job);
      await model.loadStateDict(headState(model, layer));
      tuned = chosen;
    },
    result: () => ({ ...tuned }),
  };
}

/** The penultimate features of the validation split, in evaluation mode. */
async function validationFeatures(run: Run<DfrConfig>): Promise<LabelledFeatures> {
  const { config, loader, model, job } = run;
  const { numFeatures, numClasses } = model;
  const { labels, groups, splits } = loader.dataset;
  const indices = splits.val;
  const features = new Float32Array(indices.length * numFeatures);
  let done = 0;
  for await (const batch of loader.evaluation(indices, config.batchSize)) {
    using current = batch;
    throwIfAborted(job.signal, 'penultimate features');
    const made = await model.network.run(current.images, { grad: true, features: true });
    using ofBatch = made.features;
    made.logits.dispose();
    features.set((await ofBatch.data()) as Float32Array, done * numFeatures);
    done += current.indices.length;
    job.onProgress?.({ task: 'penultimate features', done, total: indices.length, unit: 'images' });
  }
  return {
    features,
    numFeatures,
    numClasses,
    labels: indices.map((index) => labels[index] as number),
    groups: indices.map((index) => groups[index] as number),
  };
}

function headState(
  { linearHead: head, numClasses }: Model,
  { weight, bias }: LinearLayer,
): Record<string, TensorData> {
  return {
    [head.weight]: { shape: [numClasses, head.features], data: Float32Array.from(weight) },
    [head.bias]: { shape: [numClasses], data: Float32Array.from(bias) },
  };
}
