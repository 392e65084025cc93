import { resolve } from 'node:path';
import { type Dataset, datasetOf, emptyGroups, requireGroups, requireImages } from '../data/dataset.js';
import { ticksLine } from '../data/ticks.js';
import { SpurmemError } from '../errors.js';
import { type Program, readProgram } from '../models/exported/program.js';
import { keptHead, loadWeights } from '../models/weights.js';
import { native } from '../native/addon.js';
import type { ComputeContext } from '../native/context.js';
import { engineOptions, openEngine } from '../native/engine.js';
import { throwIfAborted } from '../progress.js';
import { defaultsOf } from '../settings/setting.js';
import { versions } from '../versions.js';
import { lacking, restoreEpoch, saveEpoch } from './checkpoint.js';
import { kickInEpoch } from './ermSettings.js';
import { fit } from './fit.js';
import { enlargement, inputLine, type InputRecord, inputRecord } from './inputRecord.js';
import type { Start, TrainingMethod } from './method.js';
import {
  type TrainedRun,
  type TrainingProgress,
  type TrainingResult,
  trainingResultSchema,
} from './results.js';
import { Run } from './run.js';
import { configDifferences, methodOf, type RunConfig, type RunEnvironment } from './runConfig.js';
import { trainedOn } from './runData.js';
import { defaultRunFolder, isFile, selectedOf } from './runFolder.js';
import { createModel, openImages, preparedAs } from './runModel.js';
import type { RunOptions } from './runOptions.js';
import { RunWriter } from './runWriter.js';
import type { RunBoard } from './tensorboard.js';

const SLOW_BF16 =
  '`precision` is bf16, which this CPU does not compute in: a step takes many times as long as with fp32.';

/** A run whose settings, data and folder are known, and nothing of it is written. */
interface Planned {
  readonly method: TrainingMethod;
  readonly given: RunOptions;
  readonly start: Start;
  readonly context: ComputeContext;
  readonly config: RunConfig;
  readonly dataset: Dataset;
  readonly folder: RunWriter;
  readonly input: InputRecord;
  /** One line on what the network is fed. */
  readonly line: string;
  /** The epochs whose weights are kept. */
  readonly kept: ReadonlySet<number | 'selected'>;
  /** Holds its own copy of the weights, which is freed once the model has them. */
  program: Program | undefined;
}

/**
 * Trains or resumes a run, or returns the result of a finished one. Evaluates the selected epoch on every split at the end. A stopped run
 * resumes to the same bits from its last epoch.
 *
 * @throws `RUN_EXISTS` if the folder holds another or a finished run, `RUN_INVALID` if a file of it is damaged or missing, `RUN_BUSY`,
 * `INTERRUPTED` if the signal aborts, and what the method's `start` and loading the dataset and weights throw
 */
export async function make<Config extends RunConfig, Options extends RunOptions>(
  method: TrainingMethod<Config, Options>,
  given: Options,
): Promise<TrainedRun> {
  const start = await method.start(given);
  throwIfAborted(start.options.signal, 'the start');
  using context = await openEngine(start.options);
  const run = await plan(method, given, start, context);
  const result = await run.folder.locked(async () => (await finishedBefore(run)) ?? train(run));
  return { ...result, run: run.folder.path };
}

/** Reads the data, resolves the settings and says what the network is fed. */
async function plan(
  method: TrainingMethod,
  given: RunOptions,
  start: Start,
  context: ComputeContext,
): Promise<Planned> {
  const { options } = start;
  const { onWarning, from } = options;
  const whole = await datasetOf(options.data, options.datasetOptions);
  requireImages(whole);
  if (method.needsGroupsIn !== undefined) requireGroups(whole, [method.needsGroupsIn]);
  const program =
    start.program && (await readProgram(start.program.path, start.program.name, start.program.output));
  const config = { ...(await start.configOf(whole, program)), ...processesOf(context, method, options) };
  const dataset = trainedOn(whole, config);
  const out = options.out ?? defaultRunFolder(method.name, dataset, from);
  const input = await inputRecord({ config, dataset, given: options, inherited: start.inherited });
  const { preprocessing } = preparedAs(config, dataset);
  const enlarged = enlargement(preprocessing, input);
  if (enlarged !== undefined) onWarning?.(enlarged);
  const line = inputLine(preprocessing, input);
  options.onStart?.({ config, dataset, out, input: line });
  const kept = keptEpochs(options, config, dataset);
  const folder = new RunWriter(out, context, options);
  await folder.create();
  return { method, given, start, context, config, dataset, folder, input, line, kept, program };
}

/** Trains the epochs that the folder lacks. */
async function train(planned: Planned): Promise<TrainingResult> {
  const { method, given, start, context, config, dataset, folder, kept } = planned;
  const { onProgress, signal, onInfo, onWarning, onEpoch } = start.options;
  for (const text of [planned.line, ticksLine(dataset)]) if (text !== undefined) onInfo?.(text);
  warnOfData(config, context, dataset, start.options);
  using loader = await openImages(config, dataset, { ...start.options, context });
  const generator = new (native().Generator)(config.seed);
  const model = await createModel(config, loader, generator, planned.program);
  using run = new Run(config, folder, loader, model, generator, { onProgress, signal, onInfo, onWarning });
  await initialize(run, start, planned.program);
  planned.program = undefined;
  const before = start.measuresStart?.(config) === true ? { before: await run.measure('the start') } : {};
  await run.startAverage();
  const task = await method.task(run, given);
  await run.distribute();
  const saved = await folder.readProgress();
  const isResumed = saved !== undefined && saved.epoch > 0;
  // Before anything is written: a damaged checkpoint leaves the folder as it was.
  if (isResumed) {
    await restoreEpoch(run, saved);
    await warnOfPassed(folder, kept, saved.epoch, start.options);
  } else if (model.program !== undefined) await warnOfMixing(run);
  const board = await openBoard(planned);
  await folder.writeStart(config, environmentOf(planned), loader.dataset, model.program);
  // A new run keeps nothing of an earlier attempt, which may have had other settings.
  await folder.prune(isResumed ? run.progress : { epoch: -1, bestEpoch: 0 });
  if (isResumed) await folder.writeMetricsTable(saved.metrics, dataset.groupNames);
  else {
    if (kept.has(0)) await saveEpoch(run, { ...run.progress, isKept: true });
    await task.begin?.();
  }
  if (task.trainEpoch === undefined) await saveEpoch(run, { ...run.progress, images: loader.digest });
  else if (hasEpochs(run)) await fit(run, task.trainEpoch, kept, board, onEpoch);
  const result = await finish(run, method, { ...task.result?.(), ...before }, board);
  await removeState(planned, result);
  return result;
}

/** Measures the selected epoch on every split, and writes the result. */
async function finish(
  run: Run<RunConfig>,
  { name }: TrainingMethod,
  own: object,
  board: RunBoard | undefined,
): Promise<TrainingResult> {
  const { config, folder } = run;
  const { epoch } = run.progress;
  const selected = selectedOf(run.progress, config.select);
  const result: TrainingResult = {
    kind: name,
    epochs: epoch,
    bestEpoch: selected,
    ...(epoch === 0 ? {} : { select: config.select }),
    ...own,
    ...(await run.testSelected(selected)),
  };
  if (run.images) await folder.writeImages(run.images.rows);
  await folder.writeResult(result.kind, result);
  await board?.finish(result);
  return result;
}

function hasEpochs(run: Run<RunConfig>): run is Run {
  return run.config.epochs !== undefined;
}

/** Returns the result of a finished run to resume. */
async function finishedBefore(planned: Planned): Promise<TrainingResult | undefined> {
  const { method, start, context, config, folder, kept } = planned;
  const finished = await context.onRankZero(
    async () => (await finishedResult(folder, config, start.options, method)) ?? null,
  );
  if (!finished) return undefined;
  await warnOfPassed(folder, kept, finished.epochs, start.options);
  await (await openBoard(planned))?.finish(finished);
  await removeState(planned, finished);
  return finished;
}

/** Comes after the result: a run that is killed in between can still resume. */
async function removeState({ start, folder }: Planned, { epochs }: TrainingResult): Promise<void> {
  if (start.options.keepState !== true) await folder.removeState(epochs);
}

async function openBoard({
  start,
  context,
  config,
  folder,
  dataset,
}: Planned): Promise<RunBoard | undefined> {
  const { tensorboard = false } = start.options;
  if (tensorboard === false || !context.isRankZero) return undefined;
  const { RunBoard } = await import('./tensorboard.js');
  return RunBoard.open(tensorboard, { config, folder, groupNames: dataset.groupNames });
}

function environmentOf({ start, context, dataset, input }: Planned): RunEnvironment {
  const { options, weights, program } = start;
  const { from } = options;
  return {
    data: dataset.folder,
    dataOptions: dataset.options,
    input,
    weightsPath: weights === undefined ? null : resolve(weights),
    ...(from === undefined ? {} : { from: resolve(from) }),
    ...(from === undefined && program ? { archPath: resolve(program.path) } : {}),
    ...engineOptions(options),
    device: context.device,
    threads: context.threads,
    memoryFormat: context.memoryFormat,
    versions: versions(),
  };
}

/** Returns the result of a finished run to resume; otherwise checks that training may start or resume. */
async function finishedResult(
  folder: RunWriter,
  config: RunConfig,
  { resume = false }: Pick<RunOptions, 'resume'>,
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
  const isFinished = result?.epochs === epochs;
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
  if (isSaved) await requireState(folder, progress, config);
  return undefined;
}

/** Throws `RUN_INVALID` for a run without the state that it needs: a finished one only measures its weights again. */
async function requireState(
  folder: RunWriter,
  { epoch }: TrainingProgress,
  { epochs = 0, trackImages }: RunConfig,
): Promise<void> {
  if ((epoch === epochs && trackImages !== true) || (await isFile(folder.state(epoch)))) return;
  throw lacking(
    `${folder.state(epoch)} is missing, which training needs to go on: a finished run has it only if it was trained with \`keepState\`.`,
  );
}

/** Loads the initial weights, and reports their source. */
async function initialize(
  run: Run<RunConfig>,
  { weights, keepsHead }: Pick<Start, 'weights' | 'keepsHead'>,
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
      await model.loadStateDict(await keptHead(program.file.weights ?? {}, model, keepsHead, program.name));
    const head =
      keepsHead || program.classes === numClasses ? '' : `, with a new head for ${numClasses} classes`;
    onInfo?.(`${arch} starts from the weights in its file${head}.`);
  } else {
    onInfo?.(`${arch} starts from random weights of seed ${seed}: no \`weights\` are given.`);
  }
}

/** Reports a program in which images of a batch influence one another. */
async function warnOfMixing({ config, model, loader, job }: Run<RunConfig>): Promise<void> {
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
  { syncBatchNorm = false }: RunOptions,
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
  { onWarning }: RunOptions,
): void {
  if (dataset.leftOut !== undefined) onWarning?.(dataset.leftOut);
  const problem = emptyGroups(dataset);
  if (problem !== undefined) {
    onWarning?.(`${problem} Accuracies, the choice of an epoch and traces take the groups that a split has.`);
  }
  if (precision === 'bf16' && context.emulatesBf16) onWarning?.(SLOW_BF16);
}

/** Returns the epochs whose weights are kept: those in the options, and the one that fine-tuning starts from. */
function keptEpochs(
  { keepEpochs = [], from, onWarning }: RunOptions,
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
  { onWarning }: RunOptions,
): Promise<void> {
  const saved = new Set(await folder.savedEpochs());
  const lost = [...kept].filter((epoch) => typeof epoch === 'number' && epoch <= passed && !saved.has(epoch));
  if (lost.length === 0) return;
  onWarning?.(
    `The run has passed epoch ${lost.join(', ')} without keeping its weights, which \`keepEpochs\` names or fine-tuning starts from by default. ` +
      'Train it anew in another `out` to have them.',
  );
}
