import { resolve } from 'node:path';
import { type Dataset, datasetOf, emptyGroups, requireGroups, requireImages } from '../data/dataset.js';
import { SpurmemError } from '../errors.js';
import { type Program, readProgram } from '../models/exported/program.js';
import { keptHead, type Loading, loadWeights } from '../models/weights.js';
import { native } from '../native/addon.js';
import type { ComputeContext } from '../native/context.js';
import { engineOptions, openEngine } from '../native/engine.js';
import { throwIfAborted } from '../progress.js';
import { defaultsOf, type GivenOf } from '../settings/setting.js';
import { versions } from '../versions.js';
import { lacking, restoreEpoch, saveEpoch } from './checkpoint.js';
import { kickInEpoch } from './ermSettings.js';
import { fit } from './fit.js';
import { enlargement, inputLine, inputRecord } from './inputRecord.js';
import type { INPUT_SETTINGS } from './inputSettings.js';
import type { TrainingMethod } from './method.js';
import { type TrainedRun, type TrainingResult, trainingResultSchema } from './results.js';
import { Run, type Task } from './run.js';
import { configDifferences, type EpochsConfig, methodOf, type RunConfig } from './runConfig.js';
import { trainedOn } from './runData.js';
import { defaultRunFolder, selectedOf } from './runFolder.js';
import { createModel, openImages, preparedAs } from './runModel.js';
import type { EpochOptions, OfData } from './runOptions.js';
import { RunWriter } from './runWriter.js';
import type { RunBoard } from './tensorboard.js';

const SLOW_BF16 =
  '`precision` is bf16, which this CPU does not compute in: a step takes many times as long as with fp32.';

/** The plan of a run by its method. */
export interface RunPlan<Config extends RunConfig> extends Pick<
  TrainingMethod,
  'name' | 'settings' | 'isDistributed' | 'needsGroupsIn'
> {
  /** Resolves the settings. */
  readonly configOf: (dataset: Dataset, program: Program | undefined) => Config | Promise<Config>;
  /** The file with the initial weights; undefined: random weights from the seed. */
  readonly weights: string | undefined;
  /** The file of the program to train, and the program's name in messages. */
  readonly program?: { readonly path: string; readonly name: Program['name'] } | undefined;
  /** The configuration of the run that it starts from. */
  readonly inherited?: RunConfig | undefined;
  /** Set if the checkpoint's head stays, of which `classes` are some outputs; by default one of other classes is replaced. */
  readonly keepsHead?: Loading['keepsHead'];
  readonly taskOf: (run: Run<Config>) => Task | Promise<Task>;
  /** Whether the initial weights are measured, too: the run that they are of was not measured on these groups. */
  readonly measuresStart?: (config: Config) => boolean;
}

/**
 * Trains or resumes a run, or returns the result of a finished one. Evaluates the selected epoch on every split at the end. A stopped run
 * resumes to the same bits from its last epoch.
 *
 * @throws `RUN_EXISTS` if the folder holds another or a finished run, `RUN_INVALID` if a file of it is damaged or missing, `RUN_BUSY`,
 * `INTERRUPTED` if the signal aborts, and what loading the dataset and weights throws
 */
export async function trainRun<Config extends RunConfig>(
  options: EpochOptions & OfData & GivenOf<typeof INPUT_SETTINGS>,
  plan: RunPlan<Config>,
): Promise<TrainedRun> {
  const { onProgress, signal, onInfo, onWarning, from } = options;
  throwIfAborted(signal, 'the start');
  using context = await openEngine(options);
  const whole = await datasetOf(options.data, options.datasetOptions);
  requireImages(whole);
  if (plan.needsGroupsIn !== undefined) requireGroups(whole, [plan.needsGroupsIn]);
  // Holds its own copy of the weights, which is freed once the model has them.
  let program = plan.program && (await readProgram(plan.program.path, plan.program.name));
  const config = { ...(await plan.configOf(whole, program)), ...processesOf(context, plan, options) };
  const dataset = trainedOn(whole, config);
  const out = options.out ?? defaultRunFolder(plan.name, dataset.name, from);
  const input = await inputRecord({ config, dataset, given: options, inherited: plan.inherited });
  const { preprocessing } = preparedAs(config, dataset);
  const enlarged = enlargement(preprocessing, input);
  if (enlarged !== undefined) onWarning?.(enlarged);
  const line = inputLine(preprocessing, input);
  options.onStart?.({ config, dataset, out, input: line });
  const kept = keptEpochs(options, config, dataset);
  const folder = new RunWriter(out, context, options);
  await folder.create();
  const openBoard = async (): Promise<RunBoard | undefined> => {
    const { tensorboard = false } = options;
    if (tensorboard === false || !context.isRankZero) return undefined;
    const { RunBoard } = await import('./tensorboard.js');
    return RunBoard.open(tensorboard, { config, folder, groupNames: dataset.groupNames });
  };
  const result = await folder.locked(async () => {
    const finished = await context.onRankZero(
      async () => (await finishedResult(folder, config, options, plan)) ?? null,
    );
    if (finished) {
      await warnOfPassed(folder, kept, finished.epochs, options);
      await (await openBoard())?.finish(finished);
      return finished;
    }
    onInfo?.(line);
    warnOfData(config, context, dataset, options);
    using loader = await openImages(config, dataset, { ...options, context });
    const generator = new (native().Generator)(config.seed);
    const model = await createModel(config, loader, generator, program);
    using run = new Run(config, folder, loader, model, generator, { onProgress, signal, onInfo, onWarning });
    await initialize(run, plan, program);
    program = undefined;
    const before = plan.measuresStart?.(config) === true ? { before: await run.measure('the start') } : {};
    await run.startAverage();
    const task = await plan.taskOf(run);
    await run.distribute();
    const saved = await folder.readProgress();
    const isResumed = saved !== undefined && saved.epoch > 0;
    // Before anything is written: a damaged checkpoint leaves the folder as it was.
    if (isResumed) {
      await restoreEpoch(run, saved);
      await warnOfPassed(folder, kept, saved.epoch, options);
    } else if (model.program !== undefined) await warnOfMixing(run);
    const board = await openBoard();
    const environment = {
      data: dataset.folder,
      dataOptions: dataset.options,
      input,
      weightsPath: plan.weights === undefined ? null : resolve(plan.weights),
      ...(from === undefined ? {} : { from: resolve(from) }),
      ...(from === undefined && plan.program ? { archPath: resolve(plan.program.path) } : {}),
      ...engineOptions(options),
      device: context.device,
      threads: context.threads,
      memoryFormat: context.memoryFormat,
      versions: versions(),
    };
    await folder.writeStart(config, environment, loader.dataset, model.program);
    // A new run keeps nothing of an earlier attempt, which may have had other settings.
    await folder.prune(isResumed ? run.progress : { epoch: -1, bestEpoch: 0 });
    if (isResumed) {
      await folder.writeMetricsTable(saved.metrics, dataset.groupNames);
    } else {
      if (kept.has(0)) await saveEpoch(run, { ...run.progress, isKept: true });
      await task.begin?.();
    }
    if (task.trainEpoch === undefined) await saveEpoch(run, { ...run.progress, images: loader.digest });
    else await fit(run as Run<Config & EpochsConfig>, task.trainEpoch, kept, board, options.onEpoch);
    const { epoch, ended } = run.progress;
    const selected = selectedOf(run.progress, config.select);
    const trained: TrainingResult = {
      kind: plan.name,
      epochs: epoch,
      ...(ended === true ? { ended } : {}),
      bestEpoch: selected,
      ...(epoch === 0 ? {} : { select: config.select }),
      ...task.result?.(),
      ...before,
      ...(await run.testSelected(selected)),
    };
    if (run.images) await folder.writeImages(run.images.rows);
    await folder.writeResult(trained.kind, trained);
    await board?.finish(trained);
    return trained;
  });
  return { ...result, run: out };
}

/** Returns the result of a finished run to resume; otherwise checks that training may start or resume. */
async function finishedResult(
  folder: RunWriter,
  config: RunConfig,
  { resume = false }: Pick<EpochOptions, 'resume'>,
  { settings }: Pick<TrainingMethod, 'settings'>,
): Promise<TrainingResult | undefined> {
  const existing = await folder.readConfig();
  const progress = await folder.readProgress();
  const isSaved = progress !== undefined && progress.epoch > 0;
  // Until its first epoch is finished, a run accepts other settings, such as a lower learning rate.
  if (!isSaved && (await folder.results()).length === 0) return undefined;
  if (!existing) {
    throw lacking(`${folder.path} holds epochs of a run, but its config.json is missing.`);
  }
  const changes = configDifferences(existing.config, config, defaultsOf(settings, config.protocol));
  const { epochs = 0 } = config;
  const mayExtend = resume && (existing.config.epochs ?? 0) < epochs;
  const blocking = mayExtend ? changes.filter((change) => !change.startsWith('epochs:')) : changes;
  if (blocking.length > 0) {
    throw new SpurmemError(
      'RUN_EXISTS',
      `${folder.path} already holds a run with another configuration:\n  ${blocking.join('\n  ')}\nNothing was changed.`,
      { advice: ['Choose another `out`, or use the same settings with `resume`.'] },
    );
  }
  const result = await folder.readResult(methodOf(config), trainingResultSchema);
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

/** Loads the initial weights, and reports their source. */
async function initialize<Config extends RunConfig>(
  run: Run<Config>,
  { weights, keepsHead }: Pick<RunPlan<Config>, 'weights' | 'keepsHead'>,
  program: Program | undefined,
): Promise<void> {
  const { model, job } = run;
  const { onInfo } = job;
  const { arch, numClasses, seed } = run.config;
  if (program?.isEvaluationOnly === true) {
    onInfo?.(`${arch} was exported in evaluation mode: its batch-norms keep their statistics.`);
  }
  if (weights !== undefined) {
    const { newHead, changes } = await loadWeights(model, weights, { keepsHead });
    if (changes.length > 0) onInfo?.(`${weights} is read ${changes.join(', ')}.`);
    const change = `${newHead.join(' and ')} are new, for ${numClasses} classes`;
    if (newHead.length > 0) onInfo?.(`${weights} has a head of other classes: ${change}.`);
  } else if (program !== undefined) {
    if (keepsHead)
      await model.loadStateDict(keptHead(program.file.weights ?? {}, model, keepsHead.classes, program.name));
    const head =
      keepsHead || program.classes === numClasses ? '' : `, with a new head for ${numClasses} classes`;
    onInfo?.(`${arch} starts from the weights in its file${head}.`);
  } else {
    onInfo?.(`${arch} starts from random weights of seed ${seed}: no \`weights\` are given.`);
  }
}

/** Reports a program in which images of a batch influence one another. */
async function warnOfMixing<Config extends RunConfig>({
  config,
  model,
  loader,
  job,
}: Run<Config>): Promise<void> {
  const { mixesImages } = await import('../models/exported/program.js');
  if (!(await mixesImages(model, loader.inputSize, config.precision === 'bf16' ? 0.02 : undefined))) return;
  job.onInfo?.(
    `In ${config.arch}, images of a batch influence one another in evaluation: results depend on \`batchSize\`.`,
  );
}

/** Returns the processes of a run, if there are several. Throws `USAGE` if only one can train it. */
function processesOf(
  { isDistributed, worldSize }: ComputeContext,
  method: Pick<TrainingMethod, 'isDistributed'>,
  { syncBatchNorm = false }: EpochOptions,
): Pick<RunConfig, 'processes'> {
  if (!isDistributed) return {};
  if (method.isDistributed === true) return { processes: { count: worldSize, syncBatchNorm } };
  const problem = `Several processes cannot train this together; WORLD_SIZE is ${worldSize}.`;
  const advice = 'Start one process. ERM, its variants by sampling, JTT and fine-tuning take several.';
  throw new SpurmemError('USAGE', problem, { advice: [advice] });
}

function warnOfData(
  { precision }: RunConfig,
  context: ComputeContext,
  dataset: Dataset,
  { onWarning }: EpochOptions,
): void {
  const problem = emptyGroups(dataset);
  if (problem !== undefined) {
    onWarning?.(`${problem} Accuracies, the choice of an epoch and traces take the groups that a split has.`);
  }
  if (precision === 'bf16' && context.emulatesBf16) onWarning?.(SLOW_BF16);
}

/** Returns the epochs whose weights are kept: those in the options, and the one that fine-tuning starts from. */
function keptEpochs(
  { keepEpochs = [], from, onWarning }: EpochOptions,
  { epochs, protocol }: RunConfig,
  { options: { format } }: Dataset,
): ReadonlySet<number | 'selected'> {
  const last = epochs ?? 0;
  const late = keepEpochs.filter((epoch) => epoch > last).join(', ');
  if (late !== '') onWarning?.(`\`keepEpochs\` names ${late}, and the run ends with epoch ${last}.`);
  return new Set([
    ...keepEpochs,
    ...(from === undefined ? [kickInEpoch(protocol, { runEpochs: epochs, format })] : []),
  ]);
}

/** Warns of epochs to keep that the run has passed without keeping them. */
async function warnOfPassed(
  folder: RunWriter,
  kept: ReadonlySet<number | 'selected'>,
  passed: number,
  { onWarning }: EpochOptions,
): Promise<void> {
  const saved = new Set(await folder.savedEpochs());
  const lost = [...kept].filter((epoch) => typeof epoch === 'number' && epoch <= passed && !saved.has(epoch));
  if (lost.length === 0) return;
  onWarning?.(
    `The run has passed epoch ${lost.join(', ')} without keeping its weights, which \`keepEpochs\` names or fine-tuning starts from by default. ` +
      'Train it anew in another `out` to have them.',
  );
}
