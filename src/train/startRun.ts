import { resolve } from 'node:path';
import type { BatchLoader } from '../data/batches.js';
import { describeData } from '../data/dataDescription.js';
import { type Dataset, datasetOf, requireGroups } from '../data/dataset.js';
import { SPLITS } from '../data/split.js';
import { SpurmemError } from '../errors.js';
import type { Program } from '../models/exported/program.js';
import type { Model } from '../models/model.js';
import { loadWeights } from '../models/weights.js';
import { type Generator, native } from '../native/addon.js';
import type { ComputeContext } from '../native/context.js';
import { engineOptions, openEngine } from '../native/engine.js';
import { type JobOptions, throwIfAborted } from '../progress.js';
import { defaultsOf, type SettingsTable } from '../settings/setting.js';
import { versions } from '../versions.js';
import { lacking } from './checkpoint.js';
import { type TrainedRun, type TrainingResult, trainingResultSchema } from './results.js';
import { configDifferences, type EpochsConfig, methodOf, type RunConfig } from './runConfig.js';
import { createModel, openImages } from './runModel.js';
import type { RunOptions } from './runOptions.js';
import { RunWriter } from './runWriter.js';

const SLOW_BF16 =
  '`precision` is bf16, which this CPU does not compute in: a step takes many times as long as with fp32.';

export interface RunPlan<Config extends RunConfig> {
  /** The method's own and ERM's. */
  readonly settings: SettingsTable;
  /** Resolves the settings, and reads the program that is trained: torch.export's, or that of a run's folder. */
  readonly prepare: (
    dataset: Dataset,
  ) => Promise<{ readonly config: Config; readonly program?: Program | undefined }>;
  /** The default folder. */
  readonly outOf: (dataset: Dataset) => string;
  /** The file with the weights to start from; undefined: random weights from the seed. */
  readonly weights: string | undefined;
  /** The file of torch.export that is trained. */
  readonly archPath?: string | undefined;
  /** The folder of the run that these weights are from. */
  readonly from?: string | undefined;
  /** Whether several processes can train it together. */
  readonly isDistributed?: boolean | undefined;
  /** Whether it trains where a group has no training example, because it uses no group labels. */
  readonly toleratesEmptyGroups?: boolean | undefined;
}

/** A run that was finished before. */
export interface FinishedRun<Config extends RunConfig = EpochsConfig> {
  readonly config: Config;
  readonly folder: RunWriter;
  readonly dataset: Dataset;
}

/** A run that is not finished, with its initial model, in a folder that no other process writes to. */
export interface StartedRun<Config extends RunConfig> extends FinishedRun<Config> {
  readonly loader: BatchLoader;
  readonly model: Model;
  /** Stands for PyTorch's default generator, from which the model was drawn. */
  readonly generator: Generator;
  readonly job: JobOptions;
  /** Writes `config.json` and `data.json`, the first files. */
  writeConfig(): Promise<void>;
}

/**
 * Opens all that a run needs for `train`, unless its folder has its result already. Throws `RUN_EXISTS` when the folder holds
 * another or a finished run, `RUN_INVALID` when a file of it is damaged or missing, `RUN_BUSY`, and what loading dataset and
 * weights throws.
 *
 * @param onFinished takes a run that has its result already
 */
export async function startRun<Config extends RunConfig, Result extends TrainingResult>(
  options: RunOptions,
  plan: RunPlan<Config>,
  train: (run: StartedRun<Config>) => Promise<Result>,
  onFinished?: (run: FinishedRun<Config>, result: Result) => Promise<void>,
): Promise<TrainedRun<Result>> {
  const { onProgress, signal, onInfo, onWarning } = options;
  throwIfAborted(signal, 'the start');
  using context = await openEngine(options);
  const dataset = await datasetOf(options.data, options.datasetOptions);
  requireGroups(dataset, plan.toleratesEmptyGroups === true ? ['val', 'test'] : SPLITS);
  const prepared = await plan.prepare(dataset);
  const config = { ...prepared.config, ...processesOf(context, plan, options) };
  // Holds its own copy of the weights, which goes when the model has them.
  let { program } = prepared;
  const out = options.out ?? plan.outOf(dataset);
  options.onStart?.({ config, dataset, out });
  const folder = new RunWriter(out, context);
  await folder.create();
  const result = await folder.locked(async () => {
    const finished = await context.onRankZero(
      async () => (await finishedOrFresh<Result>(folder, config, options, plan.settings)) ?? null,
    );
    if (finished) {
      await onFinished?.({ config, folder, dataset }, finished);
      return finished;
    }
    const missing = dataset.groupNames.filter((_, group) => dataset.counts.train[group] === 0).join(' and ');
    if (missing !== '') {
      onWarning?.(`the training split has no example of ${missing}: nothing is said of it there.`);
    }
    if (config.precision === 'bf16' && context.emulatesBf16) onWarning?.(SLOW_BF16);
    using loader = await openImages(config, dataset, { ...options, context });
    const generator = new (native().Generator)(config.seed);
    using model = await firstModel({ ...plan, program }, config, loader, { generator, onInfo });
    program = undefined;
    return await train({
      config,
      folder,
      dataset: loader.dataset,
      loader,
      model,
      generator,
      job: { onProgress, signal, onInfo, onWarning },
      async writeConfig() {
        // Before the configuration, which names it.
        if (model.program !== undefined) await folder.writeProgram(model.program);
        await folder.writeConfig(config, {
          data: dataset.folder,
          dataOptions: dataset.options,
          weightsPath: plan.weights === undefined ? null : resolve(plan.weights),
          ...(plan.from === undefined ? {} : { from: resolve(plan.from) }),
          ...(plan.archPath === undefined ? {} : { archPath: resolve(plan.archPath) }),
          ...engineOptions(options),
          device: context.device,
          threads: context.threads,
          memoryFormat: context.memoryFormat,
          versions: versions(),
        });
        if (context.isRankZero) await folder.writeData(await describeData(loader.dataset));
      },
    });
  });
  return { ...result, run: out };
}

/** Returns the result of a finished run that is to resume; otherwise checks that training may start or go on. */
async function finishedOrFresh<Result extends TrainingResult>(
  folder: RunWriter,
  config: RunConfig,
  { resume = false }: Pick<RunOptions, 'resume'>,
  settings: SettingsTable,
): Promise<Result | undefined> {
  const existing = await folder.readConfig();
  const progress = await folder.readProgress();
  const isSaved = progress !== undefined && progress.epoch > 0;
  // Before its first epoch is finished, a run may take other settings, such as a lower learning rate.
  if (!isSaved && (await folder.results()).length === 0) return undefined;
  if (!existing) {
    throw lacking(`${folder.path} holds epochs of a run, but its config.json is missing.`);
  }
  const defaults = defaultsOf(settings, config.protocol);
  const changes = configDifferences(existing.config, config, defaults);
  const { epochs = 0 } = config;
  const mayExtend = (existing.config.epochs ?? 0) < epochs;
  const blocking = resume && mayExtend ? changes.filter((change) => !change.startsWith('epochs:')) : changes;
  if (blocking.length > 0) {
    throw new SpurmemError(
      'RUN_EXISTS',
      `${folder.path} already holds a run with another configuration:\n  ${blocking.join('\n  ')}\nNothing was changed.`,
      { advice: ['Choose another `out`, or use the same settings with `resume`.'] },
    );
  }
  const result = (await folder.readResult(methodOf(config), trainingResultSchema)) as Result | undefined;
  const isFinished = result !== undefined && (result.epochs === epochs || result.ended === true);
  if (!resume) {
    throw new SpurmemError(
      'RUN_EXISTS',
      `${folder.path} already holds ${isFinished ? 'this run, finished' : 'this run, unfinished'}. Nothing was changed.`,
      { advice: ['Continue it with `resume`, or choose another `out`.'] },
    );
  }
  if (isFinished) return result;
  if (epochs > 0 && !isSaved) {
    throw lacking(
      `${folder.weights(result?.epochs ?? 1)} is missing: training cannot go on from the epochs that are finished.`,
    );
  }
  return undefined;
}

/** A run's model before its first step, and a word on where its weights are from. */
async function firstModel<Config extends RunConfig>(
  { weights, program }: Pick<RunPlan<Config>, 'weights'> & { readonly program: Program | undefined },
  config: Config,
  loader: BatchLoader,
  { generator, onInfo }: Pick<JobOptions, 'onInfo'> & { readonly generator: Generator },
): Promise<Model> {
  const { arch, numClasses, seed } = config;
  const model = await createModel(config, loader, generator, program);
  try {
    if (program?.isEvaluationOnly === true) {
      onInfo?.(`${arch} was exported in evaluation mode: its batch-norms keep their statistics.`);
    }
    if (weights !== undefined) {
      const { newHead } = await loadWeights(model, weights);
      const change = `${newHead.join(' and ')} are new, for ${numClasses} classes`;
      if (newHead.length > 0) onInfo?.(`${weights} has a head of other classes: ${change}.`);
    } else if (program !== undefined) {
      const classes = program.file.weights?.[model.head.weight]?.shape[0];
      const head = classes === numClasses ? '' : `, with a new head for ${numClasses} classes`;
      onInfo?.(`${arch} starts from the weights in its file${head}.`);
    } else {
      onInfo?.(`${arch} starts from random weights of seed ${seed}: no \`weights\` are given.`);
    }
    if (program !== undefined) {
      const { mixesImages } = await import('../models/exported/program.js');
      if (await mixesImages(model, loader.inputSize, config.precision === 'bf16' ? 0.02 : undefined)) {
        onInfo?.(
          `In ${arch}, images of a batch influence one another in evaluation: results depend on \`batchSize\`.`,
        );
      }
    }
    return model;
  } catch (error) {
    model[Symbol.dispose]();
    throw error;
  }
}

/** The processes of a run, where there are several. Throws `USAGE` where only one can train it. */
function processesOf(
  { isDistributed, worldSize }: ComputeContext,
  plan: { readonly isDistributed?: boolean | undefined },
  { syncBatchNorm = false }: RunOptions,
): Pick<RunConfig, 'processes'> {
  if (!isDistributed) return {};
  if (plan.isDistributed === true) return { processes: { count: worldSize, syncBatchNorm } };
  throw new SpurmemError(
    'USAGE',
    `Several processes cannot train this together; WORLD_SIZE is ${worldSize}.`,
    {
      advice: ['Start one process. Those that can are ERM, its variants by sampling, JTT, and fine-tuning.'],
    },
  );
}
