import type { BatchLoader } from '../../data/batches.js';
import {
  type Dataset,
  datasetOf,
  type DatasetOptions,
  identityOf,
  requireImages,
} from '../../data/dataset.js';
import type { Split } from '../../data/split.js';
import { usageError } from '../../errors.js';
import { type Architecture, isProgram } from '../../models/architectures.js';
import { type Program, readProgram } from '../../models/exported/program.js';
import type { Model } from '../../models/model.js';
import { loadWeights } from '../../models/weights.js';
import { native } from '../../native/addon.js';
import type { ComputeContext } from '../../native/context.js';
import type { JobOptions } from '../../progress.js';
import type { GivenOf } from '../../settings/setting.js';
import { penultimateFeatures } from '../../train/dfr/features.js';
import type { ADOPT_SETTINGS } from '../../train/methods/adopt.js';
import { withModelFolder } from '../../train/modelFolder.js';
import { modelConfig, programOf } from '../../train/recipe.js';
import { dataOf } from '../../train/runData.js';
import { openRun } from '../../train/runFolder.js';
import { createModel, loadModel, openImages } from '../../train/runModel.js';

/** Methods that refit the last layer on the validation split. */
const REFITS = /^train (?:dfr|cbllr|afr)$/;
/** Images of a pass without a batch size. */
const BATCH_SIZE = 128;

/** The network whose features images have: a run's, or a checkpoint's, whose head may be of other classes. */
export interface NetworkOptions extends Omit<GivenOf<typeof ADOPT_SETTINGS>, 'classes' | 'loss' | 'head'> {
  readonly run?: string | undefined;
  readonly data?: string | Dataset | undefined;
  readonly datasetOptions?: DatasetOptions | undefined;
  readonly split?: Split | undefined;
}

/** Images of a split as a network sees them. */
export interface Observed {
  readonly dataset: Dataset;
  readonly split: Split;
  /** Positions in the dataset's examples, [N]. */
  readonly indices: Int32Array;
  /** Classes, [N]. */
  readonly labels: Int32Array;
  /** [N, numFeatures], row by row. */
  readonly features: Float32Array;
  /** [N, numClasses]; undefined: the head is of other classes. */
  readonly logits?: Float32Array | undefined;
  /** Whether the network was trained on these images. */
  readonly isTrainedOn: boolean;
}

/** Features of a split: validation for a run, which was not trained on it, and training for a checkpoint. Throws `USAGE`. */
export async function observe(
  options: NetworkOptions,
  context: ComputeContext,
  job: JobOptions,
): Promise<Observed> {
  const { run: path, weights } = options;
  if ((path === undefined) === (weights === undefined)) {
    const problem = 'Features are those of one network: give `run` or `weights`.';
    throw usageError('weights', weights, 'a checkpoint, if no run is given', problem);
  }
  const run = path === undefined ? undefined : await openRun(path);
  const { data, datasetOptions } = run ? dataOf(run, options) : options;
  if (data === undefined)
    throw usageError('data', data, 'a folder', '`data` is missing: the folder of the images.');
  const dataset = await datasetOf(data, datasetOptions);
  const { split = run ? 'val' : 'train' } = options;
  requireImages(dataset, [split]);
  const given = run ? {} : (await withModelFolder(options)).options;
  // `adopt` takes an exported network as weights, too.
  const arch = weights !== undefined && isProgram(weights) ? (weights as Architecture) : given.arch;
  const named = programOf(arch, arch, given.output);
  const program = named && (await readProgram(named.path, named.name, named.output));
  const { precision = 'fp32' } = options;
  const config = run?.config ?? {
    ...(await modelConfig({ ...given, arch }, dataset, program, undefined)),
    precision,
  };
  const indices = dataset.splits[split];
  const labels = indices.map((index) => dataset.labels[index] as number);
  const isOwn = run !== undefined && identityOf(dataset).training === run.config.dataset.training;
  const isTrainedOn = isOwn && (split === 'train' || (split === 'val' && REFITS.test(run.config.command)));
  using loader = await openImages(config, dataset, { ...job, context });
  using model = run
    ? await loadModel(config, loader, run.weights, run.folder)
    : await checkpointModel(config, loader, options, program);
  const batchSize = options.batchSize ?? run?.config.batchSize ?? BATCH_SIZE;
  const { features, logits } = await penultimateFeatures(model, loader, indices, { ...job, batchSize });
  return { dataset, split, indices, labels, features, isTrainedOn, ...(run && { logits }) };
}

/** A checkpoint's network, whose head may be of other classes. */
async function checkpointModel(
  config: Parameters<typeof createModel>[0],
  loader: BatchLoader,
  { weights }: NetworkOptions,
  program: Program | undefined,
): Promise<Model> {
  const model = await createModel(config, loader, new (native().Generator)(0), program);
  try {
    if (program === undefined && weights !== undefined) await loadWeights(model, weights);
    return model;
  } catch (error) {
    model[Symbol.dispose]();
    throw error;
  }
}
