import { groupCounts, type Dataset } from '../data/dataset.js';
import type { BatchLoader } from '../data/batches.js';
import { SpurmemError, requireCount, requirePositive } from '../errors.js';
import { weightsFingerprint } from '../models/fingerprint.js';
import type { Model } from '../models/model.js';
import { writeSafetensors, type TensorData } from '../models/safetensors.js';
import type { Precision } from '../native/addon.js';
import { throwIfAborted, type JobOptions } from '../progress.js';
import { DEFAULT_DFR } from './baselineSettings.js';
import { fitDfr, type LabelledFeatures, type LinearLayer, type TunedStrength } from './dfrFit.js';
import type { TrainingResult } from './metrics.js';
import { modelOf, type DfrConfig, type RunConfig } from './runConfig.js';
import { openRun, requireSameDataset } from './runFolder.js';
import { startRun, type RunOptions, type StartedRun } from './startRun.js';
import { testSelected } from './testSelected.js';

export interface DfrOptions extends Omit<RunOptions, 'data'> {
  /** The run folder whose model gets a new last layer. */
  readonly from: string;
  /** The dataset's folder; by default the one that the run was trained on. */
  readonly data?: string | undefined;
  /** The values of C to choose from; default: 1, 0.7, 0.3, 0.1, 0.07, 0.03, 0.01. */
  readonly inverseStrengths?: readonly number[] | undefined;
  /** Group-balanced subsets whose fits are averaged; default: 20. */
  readonly draws?: number | undefined;
  /** Of the passes over the images; default: that of the run. */
  readonly batchSize?: number | undefined;
  /** Default: that of the run. */
  readonly precision?: Precision | undefined;
  readonly seed: number;
}

/** `results/dfr.json`. */
export interface DfrResult extends TrainingResult {
  /** The chosen C. */
  readonly inverseStrength: number;
  readonly tuning: readonly TunedStrength[];
}

/**
 * Last-layer retraining on the validation split (Kirichenko et al. 2023, DFR with validation data): the penultimate features of
 * a run's model, in evaluation mode, are classified anew by logistic regression with an L1 penalty, fitted on group-balanced
 * subsets of the validation split (see `fitDfr`). The mean of these layers becomes the model's head. The published code
 * standardizes the last fits by the mean and deviation of the whole validation split, and penalizes the intercept; here each
 * fit is standardized by its own subset, and the intercept is free. The validation accuracies are those of examples that the
 * layer was fitted on.
 *
 * @throws `RUN_NOT_FOUND` when `from` holds no trained run, `DATASET_INVALID` for another dataset, `DATASET_EMPTY_GROUP` when a
 *   group has fewer than two validation examples, `USAGE` for a value out of range, and what `startRun` throws
 */
export async function trainDfr(options: DfrOptions): Promise<DfrResult> {
  const { folder, config, environment, weights } = await openRun(options.from);
  const runOptions = {
    ...options,
    data: options.data ?? environment.data,
    datasetOptions: options.datasetOptions ?? environment.dataOptions,
  };
  const configOf = (dataset: Dataset): Promise<DfrConfig> => {
    requireSameDataset(config.dataset.fingerprint, dataset, folder);
    return dfrConfig(options, { config, weights }, dataset);
  };
  return startRun(runOptions, { configOf, weights }, retrainLastLayer);
}

async function dfrConfig(
  options: DfrOptions,
  from: { readonly config: RunConfig; readonly weights: string },
  dataset: Dataset,
): Promise<DfrConfig> {
  const config: DfrConfig = {
    command: 'train dfr',
    protocol: from.config.protocol,
    dataset: { name: dataset.name, fingerprint: dataset.fingerprint },
    ...modelOf(from.config),
    weights: await weightsFingerprint(from.weights),
    batchSize: options.batchSize ?? from.config.batchSize,
    loss: from.config.loss,
    precision: options.precision ?? from.config.precision,
    select: 'last',
    inverseStrengths: [...(options.inverseStrengths ?? DEFAULT_DFR.inverseStrengths)],
    draws: options.draws ?? DEFAULT_DFR.draws,
    seed: options.seed,
  };
  requireCount('--draws', config.draws);
  requireCount('--batch-size', config.batchSize);
  if (config.inverseStrengths.length === 0) {
    throw new SpurmemError('USAGE', '--inverse-strengths is empty: it takes one number above 0 or several.');
  }
  for (const value of config.inverseStrengths) requirePositive('--inverse-strengths', value);
  requireTwoOfEachGroup(dataset);
  return config;
}

/** One example of each group is fitted on while another one judges C. */
function requireTwoOfEachGroup(dataset: Dataset): void {
  const group = groupCounts(dataset, 'val').indexOf(1);
  if (group === -1) return;
  throw new SpurmemError(
    'DATASET_EMPTY_GROUP',
    `${dataset.table}: the split val has one example of group ${group} (${dataset.groupNames[group] ?? ''}), and last-layer retraining ` +
      'needs two of each group, to fit on and to choose C by. Move more to that split.',
  );
}

async function retrainLastLayer(run: StartedRun<DfrConfig>): Promise<DfrResult> {
  const { config, folder, loader, model, generator, job } = run;
  const data = await featuresOf(model, loader, loader.dataset.splits.val, config.batchSize, job);
  const { layer, inverseStrength, tuning } = await fitDfr(data, config, generator, job);
  await run.writeConfig();
  await model.loadStateDict(headState(model, layer));
  const weights = await model.stateDict();
  for (const path of [folder.best, folder.last]) await writeSafetensors(path, weights);
  const accuracies = await testSelected(model, loader, run);
  const result: DfrResult = {
    ...{ kind: 'dfr', epochs: 0, bestEpoch: 0, inverseStrength, tuning },
    ...accuracies,
  };
  await folder.writeResult(result.kind, result);
  return result;
}

/** The penultimate features of examples, in evaluation mode. */
async function featuresOf(
  model: Model,
  loader: BatchLoader,
  indices: Int32Array,
  batchSize: number,
  { signal, onProgress }: JobOptions,
): Promise<LabelledFeatures> {
  const { numFeatures, numClasses } = model;
  const { labels, groups } = loader.dataset;
  const features = new Float32Array(indices.length * numFeatures);
  let done = 0;
  for await (const batch of loader.evaluation(indices, batchSize)) {
    using current = batch;
    throwIfAborted(signal, 'penultimate features');
    const made = await model.network.forwardFeatures(current.images, { grad: true });
    using ofBatch = made.features;
    made.logits.dispose();
    features.set((await ofBatch.data()) as Float32Array, done * numFeatures);
    done += current.indices.length;
    onProgress?.({ task: 'penultimate features', done, total: indices.length, unit: 'images' });
  }
  return {
    ...{ features, numFeatures, numClasses },
    labels: indices.map((index) => labels[index] as number),
    groups: indices.map((index) => groups[index] as number),
  };
}

function headState(model: Model, { weight, bias }: LinearLayer): Record<string, TensorData> {
  return {
    [model.head.weight]: { shape: [model.numClasses, model.numFeatures], data: Float32Array.from(weight) },
    [model.head.bias]: { shape: [model.numClasses], data: Float32Array.from(bias) },
  };
}
