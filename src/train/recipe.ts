import type { Batch, Batches } from '../data/batches.js';
import { type Dataset, identityOf } from '../data/dataset.js';
import { imageSizes } from '../data/imageSizes.js';
import { usageError } from '../errors.js';
import { lossOf } from '../metrics/loss.js';
import { type Architecture, architectureName, architectureOf, isProgram } from '../models/architectures.js';
import type { Program } from '../models/exported/program.js';
import { sameShape } from '../models/safetensors.js';
import { weightsFingerprint } from '../models/weightsFile.js';
import type { BatchNormStatistics } from '../native/interface.js';
import {
  defined,
  type GivenOf,
  protocolOf,
  resolveSettings,
  type SettingsTable,
  type ValuesOf,
} from '../settings/setting.js';
import { augmentationOf } from './augmentation.js';
import { ERM_SETTINGS, MODEL_SETTINGS } from './ermSettings.js';
import { type InputConfig, inputSettings } from './inputSettings.js';
import type { Start, TrainingMethod } from './method.js';
import { withModelFolder } from './modelFolder.js';
import type { EpochTraining } from './results.js';
import type { Run } from './run.js';
import { type EpochsConfig, modelOf, type RunConfig } from './runConfig.js';
import { dataOf, requireNoneLeftOut } from './runData.js';
import { openRun } from './runFolder.js';
import type { OptionsOf, RunOptions } from './runOptions.js';
import { vitSettings } from './vitOptions.js';

/** The settings of ERM and of the baselines that train from a dataset. */
export const RECIPE_SETTINGS = { ...MODEL_SETTINGS, ...ERM_SETTINGS } as const;

/** The options of ERM. */
export type ErmOptions = OptionsOf<typeof RECIPE_SETTINGS>;

/** A method that differs from ERM by those settings. */
export type Recipe<Own extends SettingsTable> = TrainingMethod<
  EpochsConfig & ValuesOf<Own>,
  ErmOptions & GivenOf<Own>
>;

/**
 * Starts a method from a dataset by ERM's settings and its own.
 *
 * @param check settings against each other and the dataset. Throws `USAGE`.
 * @throws `USAGE` for a value out of range or a setting of vision transformers with another architecture, `WEIGHTS_INVALID` when the
 *   weights file cannot be read, `RUN_NOT_FOUND` when `from` holds no trained run
 */
export async function fromData<Own extends SettingsTable>(
  name: string,
  given: ErmOptions & GivenOf<Own>,
  own: Own,
  check?: (config: EpochsConfig & ValuesOf<Own>, dataset: Dataset) => void,
): Promise<Start<EpochsConfig & ValuesOf<Own>>> {
  const { options, program, inherited } = await started(given);
  const { weights } = options;
  return {
    options,
    weights,
    program,
    inherited,
    async configOf(dataset, network) {
      const values = defined(resolveSettings(own, protocolOf(RECIPE_SETTINGS, options), options));
      const start = weights ?? program?.path;
      const config = { ...(await recipeConfig(name, options, dataset, network, start)), ...values };
      check?.(config, dataset);
      return config;
    },
  };
}

/**
 * Returns the options with those of the run to start from (its selected weights, and by default its data, architecture, input and
 * precision), and the program to train. Throws `RUN_NOT_FOUND`, and `USAGE` for both weights and a run, or without data.
 */
async function started<Options extends ErmOptions>(
  given: Options,
): Promise<{
  options: Options & Pick<Start['options'], 'data'>;
  program: ReturnType<typeof programOf>;
  inherited?: RunConfig;
}> {
  const { from, data, weights, arch, leaveOut } = given;
  if (from === undefined) {
    const { options } = await withModelFolder({ ...given, data: requireData(data) });
    return { options, program: programOf(options.arch, undefined, options.output) };
  }
  if (weights !== undefined) {
    const problem = `\`weights\` is ${weights}, and \`from\` is ${from}: a run starts from one of them.`;
    throw usageError('weights', weights, 'nothing here', problem, 'Leave one of them out.');
  }
  if (leaveOut !== undefined) {
    const problem = `\`leaveOut\` is ${leaveOut}, and \`from\` is ${from}: its model may have seen the images to leave out.`;
    throw usageError('leaveOut', leaveOut, 'nothing here', problem, 'Leave one of them out.');
  }
  const run = await openRun(from);
  requireNoneLeftOut(run);
  const { numClasses: _numClasses, ...model } = modelOf(run.config);
  // A given `imageSize` replaces the run's `resize` and `crop`, and these replace its `imageSize`.
  const isSize = given.imageSize !== undefined;
  const isCut = given.resize !== undefined || given.crop !== undefined;
  const ofRun = defined({
    ...model,
    ...(isSize ? { resize: undefined, crop: undefined } : {}),
    ...(isCut ? { imageSize: undefined } : {}),
    precision: run.config.precision,
  });
  // Another dataset has its own options.
  const ofData = data === undefined ? dataOf(run, given) : { data };
  const ownProgram = run.config.program === undefined ? undefined : run.folder.program;
  return {
    options: { ...ofRun, ...defined(given), ...ofData, weights: run.weights },
    // A run's configuration names its program; its folder contains it.
    program: arch === undefined ? programOf(ofRun.arch, ownProgram) : programOf(arch, arch, given.output),
    inherited: run.config,
  };
}

/** Throws `USAGE` without a dataset. */
export function requireData(data: RunOptions['data']): string | Dataset {
  if (data !== undefined) return data;
  const expected = 'a dataset\u2019s folder, or what loadDataset gives';
  const problem = '`data` is missing: it takes a dataset\u2019s folder.';
  throw usageError('data', data, expected, problem, 'Name it, or a run to start from as `from`.');
}

/** Returns the file of a network that `torch.export` wrote, and its name in messages and configurations. */
export function programOf(arch: Architecture | undefined, path: string | undefined = arch, output?: number) {
  if (arch === undefined || path === undefined || !isProgram(arch)) {
    if (output === undefined) return undefined;
    const problem = `\`output\` is ${output}, and only a file of torch.export has several.`;
    throw usageError('output', output, 'nothing here', problem, 'Leave it out.');
  }
  return { output, path, name: architectureName(arch) as Program['name'] };
}

/** Returns the part of a run's configuration that is its data, its network and its network's input. */
export async function modelConfig(
  options: GivenOf<typeof MODEL_SETTINGS> & Pick<RunOptions, 'from'> & { readonly head?: string | undefined },
  dataset: Dataset,
  program: Program | undefined,
  start: string | undefined,
) {
  const {
    arch,
    patchSize,
    layerNormEps,
    weights: _weights,
    output: _output,
    ...given
  } = resolveSettings(MODEL_SETTINGS, 'article', options);
  const input = { ...(await ownSize(options, dataset, arch, program)), ...inputSettings(given, dataset) };
  return {
    dataset: identityOf(dataset),
    arch: architectureName(arch),
    ...(program === undefined ? {} : { program: program.file.hash }),
    ...input,
    ...vitSettings(arch, { patchSize, layerNormEps }, input.imageSize),
    numClasses: dataset.numClasses,
    weights: start === undefined ? null : await weightsFingerprint(start, options.head),
  };
}

/**
 * Returns the size of a network's input, if nothing else gives one: that of a program exported for one size; for small images, images of
 * one size as they are.
 */
async function ownSize(
  { imageSize, resize, crop, from }: GivenOf<typeof MODEL_SETTINGS> & Pick<RunOptions, 'from'>,
  dataset: Dataset,
  arch: Architecture,
  program: Program | undefined,
): Promise<InputConfig> {
  const isGiven = [imageSize, resize, crop, from].some((one) => one !== undefined);
  if (!isGiven && !dataset.hasPreprocessing && program?.imageSize)
    return { imageSize: [...program.imageSize] };
  if (isGiven || dataset.hasPreprocessing || architectureOf(arch).isForSmall !== true) return {};
  const sizes = await imageSizes(dataset);
  return sizes && sameShape(...sizes) ? { resize: null, crop: null } : {};
}

async function recipeConfig(
  name: string,
  options: ErmOptions,
  dataset: Dataset,
  program: Program | undefined,
  start: string | undefined,
): Promise<EpochsConfig> {
  const protocol = protocolOf(RECIPE_SETTINGS, options);
  const { augmentation, ...recipe } = resolveSettings(ERM_SETTINGS, protocol, options);
  return {
    command: `train ${name}`,
    protocol,
    ...(await modelConfig(options, dataset, program, start)),
    ...defined(recipe),
    ...(augmentation === 'dataset'
      ? {}
      : { augmentation: augmentationOf(augmentation, dataset.preprocessing.augmentation) }),
    seed: options.seed ?? 0,
  };
}

/** Trains an epoch of ERM, or of a method that only chooses ERM's batches. */
export function ermEpoch(
  run: Run,
  epoch: number,
  lr: number,
  batches: Batches<Batch>,
  statistics: BatchNormStatistics = 'shared',
): Promise<EpochTraining> {
  const { config, model } = run;
  const lossOfBatch = async ({ images, labels }: Batch) => {
    const { logits } = await model.network.run(images, { statistics, grad: true });
    return { logits, loss: await lossOf(logits, labels, 'mean', config.loss) };
  };
  return run.trainBatches(epoch, lr, batches, lossOfBatch, statistics);
}
