import { resolve } from 'node:path';
import type { BatchLoader } from '../data/batches.js';
import { describeData } from '../data/dataDescription.js';
import { type Dataset, datasetOf, type DatasetOptions, requireGroups } from '../data/dataset.js';
import { SPLITS } from '../data/split.js';
import { SpurmemError } from '../errors.js';
import { type Program, readProgram } from '../models/exported/program.js';
import type { Model } from '../models/model.js';
import { loadWeights } from '../models/weights.js';
import { type Generator, native } from '../native/addon.js';
import type { ComputeContext } from '../native/context.js';
import { type EngineOptions, engineOptions, openEngine } from '../native/engine.js';
import { type JobOptions, throwIfAborted } from '../progress.js';
import { versions } from '../versions.js';
import type { TrainedRun, TrainingResult } from './results.js';
import { finishedOrFresh } from './resume.js';
import type { RunConfig } from './runConfig.js';
import { createModel, openImages } from './runModel.js';
import { RunWriter } from './runWriter.js';

const SLOW_BF16 =
  '`precision` is bf16, which this CPU does not compute in: a step takes many times as long as with fp32.';

/** The options of every run besides its settings. */
export interface RunOptions extends JobOptions, EngineOptions {
  /** The dataset or its folder. */
  readonly data: string | Dataset;
  /** How to read the folder, where its files do not say. */
  readonly datasetOptions?: DatasetOptions | undefined;
  /** The run's folder; default: one in `runs/` named by the method and the dataset. */
  readonly out?: string | undefined;
  /** Default: 0. */
  readonly seed?: number | undefined;
  /** Whether batch-norm of several processes takes its statistics over the whole batch; default: no. */
  readonly syncBatchNorm?: boolean | undefined;
  /** Called before anything is written; what it throws is thrown. */
  readonly onStart?: ((start: RunStart) => void) | undefined;
  /** Continue the run in `out` from its last checkpoint; default: no. */
  readonly resume?: boolean | undefined;
}

/** A run that is about to begin, or to go on. */
export interface RunStart {
  readonly config: RunConfig;
  readonly dataset: Dataset;
  /** The run's folder. */
  readonly out: string;
}

export interface RunPlan<Config extends RunConfig> {
  readonly configOf: (dataset: Dataset) => Promise<Config>;
  /** The default folder. */
  readonly outOf: (dataset: Dataset) => string;
  /** The file with the weights to start from; undefined: random weights from the seed. */
  readonly weights: string | undefined;
  /** The file of the program that is trained: torch.export's, or that of a run's folder. */
  readonly program?: string | undefined;
  /** The folder of the run that these weights are from. */
  readonly from?: string | undefined;
  /** Whether several processes can train it together. */
  readonly isDistributed?: boolean | undefined;
  /** Whether it trains where a group has no training example, because it uses no group labels. */
  readonly toleratesEmptyGroups?: boolean | undefined;
}

/** A run that was finished before. */
export interface FinishedRun {
  readonly config: RunConfig;
  readonly folder: RunWriter;
  readonly dataset: Dataset;
}

/** A run that is not finished, with its initial model, in a folder that no other process writes to. */
export interface StartedRun<Config extends RunConfig> {
  readonly config: Config;
  readonly folder: RunWriter;
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
  onFinished?: (run: FinishedRun, result: Result) => Promise<void>,
): Promise<TrainedRun<Result>> {
  const { onProgress, signal, onInfo, onWarning } = options;
  throwIfAborted(signal, 'the start');
  using context = await openEngine(options);
  const dataset = await datasetOf(options.data, options.datasetOptions);
  requireGroups(dataset, plan.toleratesEmptyGroups === true ? ['val', 'test'] : SPLITS);
  const config = { ...(await plan.configOf(dataset)), ...processesOf(context, plan, options) };
  const out = options.out ?? plan.outOf(dataset);
  options.onStart?.({ config, dataset, out });
  const folder = new RunWriter(out, context);
  await folder.create();
  const result = await folder.locked(async () => {
    const finished = await context.onRankZero(
      async () => (await finishedOrFresh<Result>(folder, config, options.resume === true, onWarning)) ?? null,
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
    await using loader = await openImages(config, dataset, { ...options, context, ahead: true });
    const generator = new (native().Generator)(config.seed);
    using model = await firstModel(plan, config, loader, { generator, onInfo });
    const trained = await train({
      config,
      folder,
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
          ...(plan.from === undefined && plan.program !== undefined
            ? { archPath: resolve(plan.program) }
            : {}),
          ...engineOptions(options),
          device: context.device,
          threads: context.threads,
          memoryFormat: context.memoryFormat,
          versions: versions(),
        });
        await folder.writeData(await describeData(loader.dataset));
      },
    });
    // Those that training has not read.
    await loader.decoded();
    return trained;
  });
  return { ...result, run: out };
}

/** A run's model before its first step, and a word on where its weights are from. */
async function firstModel<Config extends RunConfig>(
  plan: RunPlan<Config>,
  config: Config,
  loader: BatchLoader,
  { generator, onInfo }: Pick<JobOptions, 'onInfo'> & { readonly generator: Generator },
): Promise<Model> {
  const { arch, numClasses, seed } = config;
  const program =
    plan.program === undefined ? undefined : await readProgram(plan.program, arch as Program['name']);
  const model = await createModel(config, loader, generator, program);
  try {
    if (program?.isEvaluationOnly === true) {
      onInfo?.(`${arch} was exported in evaluation mode: its batch-norms keep their statistics.`);
    }
    if (plan.weights !== undefined) {
      const { newHead } = await loadWeights(model, plan.weights);
      const change = `${newHead.join(' and ')} are new, for ${numClasses} classes`;
      if (newHead.length > 0) onInfo?.(`${plan.weights} has a head of other classes: ${change}.`);
    } else if (program !== undefined) {
      const classes = program.file.weights?.[model.head.weight]?.shape[0];
      const head = classes === numClasses ? '' : `, with a new head for ${numClasses} classes`;
      onInfo?.(`${arch} starts from the weights in its file${head}.`);
    } else {
      onInfo?.(`${arch} starts from random weights of seed ${seed}: no \`weights\` are given.`);
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
