import { resolve } from 'node:path';
import { SPLITS } from '../data/split.js';
import { type SessionOptions, TraceSession } from '../experiments/traceSession.js';
import { engineOptions, numericOptions } from '../native/engine.js';
import type { JobOptions } from '../progress.js';
import { plain } from '../report/text.js';
import { hasToBeTrained, type Part1Options, trainingOf } from '../reproduce/part1.js';
import { type NeededTrace, neededTraces } from '../reproduce/part1Traces.js';
import { sweepStatus } from '../reproduce/sweep/jobs.js';
import type { SweepJob, SweepPlan } from '../reproduce/sweep/plan.js';
import { defaultsOf } from '../settings/setting.js';
import type { MethodOptions } from '../train/method.js';
import { methodNamed } from '../train/methods.js';
import { erm } from '../train/methods/erm.js';
import { type TimedTraining, timeTraining, TraceTimer } from './calibration.js';
import type { DryRun, Step } from './dryRunText.js';

/** A model whose figures are asked for. */
export interface FigureModel {
  readonly run: string;
  readonly seed: number | undefined;
}

/** The training of one run. Throws what training throws. */
export async function trainDryRun(
  options: MethodOptions,
  control: JobOptions,
  method: string,
): Promise<DryRun> {
  const timed = await timeTraining(options, control, (tried) => methodNamed(method).train(tried));
  const { command, ...settings } = timed.config;
  const { out, from } = options;
  const folder =
    out ?? (from === undefined ? `runs/${method}-${timed.dataset}` : `${from.replace(/\/+$/, '')}-${method}`);
  return dryRun({
    title: `${command} would write ${plain(folder)}`,
    settings,
    images: timed.images,
    steps: [stepOf(timed, method)],
  });
}

/** The runs of a list of jobs that are not finished, by some seconds of each training method. Throws what training throws. */
export async function jobsDryRun(
  plan: SweepPlan,
  options: MethodOptions,
  control: JobOptions,
): Promise<DryRun> {
  const statuses = await sweepStatus(plan);
  const open = statuses.filter(({ state }) => state !== 'finished').map(({ job }) => job);
  const { data, datasetOptions } = plan;
  const timed = new Map<string, { readonly job: SweepJob; readonly training: TimedTraining }>();
  for (const job of open) {
    const { method, settings, seed, out, keepEpochs } = job;
    const canBegin = job.from === null || statuses[job.from]?.state === 'finished';
    if (timed.has(method) || !canBegin || !('epochs' in methodNamed(method).settings)) continue;
    const from = job.from === null ? undefined : plan.jobs[job.from]?.out;
    const own = {
      ...options,
      ...numericOptions(plan),
      data,
      datasetOptions,
      ...settings,
      keepEpochs,
      seed,
      out,
      from,
    };
    const training = await timeTraining(own, control, (tried) => methodNamed(method).train(tried));
    timed.set(method, { job, training });
  }
  const steps = [...new Set(open.map(({ method }) => method))].map((method): Step => {
    const jobs = open.filter((job) => job.method === method);
    const own = timed.get(method);
    const told = own ?? timed.get(erm.name);
    const seconds = total(jobs.map((job) => (told ? secondsOf(job, told.job, told.training) : null)));
    return {
      name: method,
      runs: jobs.length,
      epochs: jobs.reduce((sum, job) => sum + epochsOf(job), 0),
      seconds,
      mostSeconds: seconds,
      toldBy: own ? 'own' : 'erm',
    };
  });
  const [first] = timed.values();
  const finished = statuses.length - open.length;
  return dryRun({
    title: `${statuses.length} runs on ${data}, ${finished} of them finished`,
    settings: {},
    images: first?.training.images ?? {},
    steps,
  });
}

/** A trace that evaluates variants. Throws what the trace throws. */
export async function traceDryRun<Options extends SessionOptions>(
  options: Options,
  control: JobOptions,
  trace: (options: Options) => Promise<unknown>,
): Promise<DryRun> {
  return TraceTimer.of(options.run, control, async (timer) => {
    const { settings, examples, evaluations, randomEvaluations, ...times } = await timer.time(() =>
      trace({ ...options, ...timer.options, signal: timer.signal }),
    );
    const evaluated = { name: 'evaluation', runs: 1, evaluations, randomEvaluations, ...times };
    return dryRun({
      title: `The trace of ${resolve(options.run)} would take`,
      settings,
      images: { measured: examples },
      steps: [scoresStep(timer), { ...evaluated, toldBy: 'own' }],
    });
  });
}

/**
 * Figures of Part I over models: the training of one that is not there yet, and each trace that the first trained one lacks.
 *
 * @throws `USAGE` where a model is missing that cannot be trained, and what training and tracing throw
 */
export async function part1DryRun(
  options: Omit<Part1Options, 'run' | 'seed'>,
  models: readonly FigureModel[],
  control: JobOptions,
): Promise<DryRun> {
  const trained: FigureModel[] = [];
  const untrained: FigureModel[] = [];
  for (const model of models) {
    ((await hasToBeTrained({ ...options, run: model.run })) ? untrained : trained).push(model);
  }
  const [first] = untrained;
  const training = first && (await timeModel(options, first, control));
  let traces: readonly Step[] = [];
  let finished = 0;
  for (const model of trained) {
    traces = await missingTraces({ ...options, ...model }, control);
    if (traces.length > 0) break;
    finished += 1;
  }
  const open = trained.length - finished;
  const traced = open + untrained.length;
  const trainings = training ? [times(stepOf(training, erm.name), untrained.length)] : [];
  // Those of a model that is not there yet are known once one is.
  const unknown = { name: 'traces', runs: traced, seconds: null, mostSeconds: null, toldBy: 'own' } as const;
  const ofTraces = traced > 0 && open === 0 ? [unknown] : traces.map((step) => times(step, traced));
  return dryRun({
    title: `Models: ${finished} with all traces, ${open} without, ${untrained.length} to be trained`,
    settings: {},
    images: training?.images ?? {},
    steps: [...trainings, ...ofTraces],
  });
}

function timeModel(
  options: Omit<Part1Options, 'run' | 'seed'>,
  { run, seed }: FigureModel,
  control: JobOptions,
): Promise<TimedTraining> {
  const { data = '', datasetOptions } = options;
  const own = { ...trainingOf(options), ...engineOptions(options), data, datasetOptions, seed, out: run };
  return timeTraining(own, control, (tried) => methodNamed(erm.name).train(tried));
}

/** The traces that a model lacks: with their times, but for those that take little or depend on what they find. */
async function missingTraces(options: Part1Options, control: JobOptions): Promise<readonly Step[]> {
  return TraceTimer.of(options.run, control, async (timer) => {
    using session = await TraceSession.openChecked({
      ...options,
      ...timer.options,
      get signal() {
        return timer.signal;
      },
    });
    const { unstructured, layers, ...others } = await neededTraces(session, options);
    const steps: Step[] = [];
    for (const { step, make } of missing([...unstructured, layers])) {
      const { settings: _settings, examples: _examples, ...timed } = await timer.time(make, true);
      steps.push({ name: step, runs: 1, ...timed, toldBy: 'own' });
    }
    const untimed = missing(Object.values(others)).map(({ step }): Step => ({
      name: step,
      runs: 1,
      seconds: null,
      mostSeconds: null,
      toldBy: 'nothing',
    }));
    return [...(steps.length > 0 ? [scoresStep(timer)] : []), ...steps, ...untimed];
  });
}

function missing(traces: readonly (NeededTrace | undefined)[]): NeededTrace[] {
  return traces.filter((trace): trace is NeededTrace => trace !== undefined && trace.made === undefined);
}

function scoresStep({ secondsOfScores }: TraceTimer): Step {
  return { name: 'scores', runs: 1, seconds: secondsOfScores, mostSeconds: secondsOfScores, toldBy: 'own' };
}

function stepOf({ config, images, imagesPerEpoch, seconds: timed }: TimedTraining, name: string): Step {
  const { epochs = 0 } = config;
  const seconds = timed && epochs * timed.epoch + timed.splits;
  return {
    name,
    runs: 1,
    epochs,
    trained: epochs * imagesPerEpoch,
    evaluations: epochs * images.val + SPLITS.reduce((sum, split) => sum + images[split], 0),
    seconds,
    mostSeconds: seconds,
    toldBy: 'own',
  };
}

/** A step of one model, of several. */
function times({ name, toldBy, ...counts }: Step, runs: number): Step {
  const multiplied = Object.entries({ ...counts, runs: 1 }).map(([key, value]) => [
    key,
    value && runs * value,
  ]);
  return { name, toldBy, ...(Object.fromEntries(multiplied) as Omit<Step, 'name' | 'toldBy'>) };
}

/** A job's time by another's, whose epochs take longer the more views of an example they have. */
function secondsOf(job: SweepJob, timed: SweepJob, { seconds }: TimedTraining): number | null {
  return seconds && (epochsOf(job) * seconds.epoch * viewsOf(job)) / viewsOf(timed) + seconds.splits;
}

function epochsOf({ method, settings }: SweepJob): number {
  const { protocol = 'article', epochs } = settings as Pick<Part1Options, 'protocol'> & { epochs?: number };
  const byDefault = defaultsOf(methodNamed(method).settings, protocol) as { readonly epochs?: number };
  return epochs ?? byDefault.epochs ?? 0;
}

/** Fine-tuning computes both views of an example, or one where nothing is contrasted. */
function viewsOf({ from, settings }: SweepJob): number {
  return from === null || settings.contrast === false ? 1 : 2;
}

function dryRun(run: Omit<DryRun, 'seconds' | 'mostSeconds' | 'peakBytes'>): DryRun {
  const told = run.steps.filter(({ toldBy }) => toldBy !== 'nothing');
  return {
    ...run,
    seconds: total(told.map(({ seconds }) => seconds)),
    mostSeconds: total(told.map(({ mostSeconds }) => mostSeconds)),
    peakBytes: process.resourceUsage().maxRSS * 1024,
  };
}

function total(values: readonly (number | null)[]): number | null {
  return values.reduce<number | null>(
    (sum, value) => (sum === null || value === null ? null : sum + value),
    0,
  );
}
