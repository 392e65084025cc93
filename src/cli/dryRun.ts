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
import { methodNamed } from '../train/methods.js';
import { erm } from '../train/methods/erm.js';
import { defaultRunFolder } from '../train/runFolder.js';
import type { EpochOptions } from '../train/runOptions.js';
import { type TimedTraining, timeTraining, TraceTimer, withScratch } from './calibration.js';
import type { DryRun, Step } from './dryRunText.js';

/** The training of one run. Throws what training throws. */
export async function trainDryRun(
  options: EpochOptions,
  control: JobOptions,
  method: string,
): Promise<DryRun> {
  const timed = await timeTraining(method, options, control);
  const { command, ...settings } = timed.config;
  const { out, from } = options;
  const folder = out ?? defaultRunFolder(method, timed.dataset, from);
  const title = `${command} would write ${plain(folder)}`;
  return dryRun({ title, settings, images: timed.images, steps: [stepOf(timed, method)] });
}

/** The runs of a list of jobs that are not finished, by some seconds of each training method. Throws what training throws. */
export async function jobsDryRun(
  plan: SweepPlan,
  options: EpochOptions,
  control: JobOptions,
): Promise<DryRun> {
  const statuses = await sweepStatus(plan);
  const open = statuses.filter(({ state }) => state !== 'finished').map(({ job }) => job);
  const { data, datasetOptions } = plan;
  const common = { ...options, ...numericOptions(plan), data, datasetOptions };
  const timed = new Map<string, { readonly job: SweepJob; readonly training: TimedTraining }>();
  const time = async (job: SweepJob): Promise<void> => {
    const { method, settings, seed, out, keepEpochs } = job;
    const canBegin = job.from === null || statuses[job.from]?.state === 'finished';
    if (timed.has(method) || !canBegin || !('epochs' in methodNamed(method).settings)) return;
    const from = job.from === null ? undefined : plan.jobs[job.from]?.out;
    const own = { ...common, ...settings, keepEpochs, seed, out, from };
    timed.set(method, { job, training: await timeTraining(method, own, control) });
  };
  await withScratch(async () => {
    for (const job of open) await time(job);
  });
  const steps = [...new Set(open.map(({ method }) => method))].map((method): Step => {
    const jobs = open.filter((job) => job.method === method);
    const own = timed.get(method);
    const known = own ?? timed.get(erm.name);
    const seconds = total(jobs.map((job) => (known ? secondsOf(job, known.job, known.training) : null)));
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
  const title = `${statuses.length} runs on ${data}, ${finished} of them finished`;
  return dryRun({ title, settings: {}, images: first?.training.images ?? {}, steps });
}

/** A trace that evaluates variants. Throws what the trace throws. */
export async function traceDryRun<Options extends SessionOptions>(
  options: Options,
  control: JobOptions,
  trace: (options: Options) => Promise<unknown>,
): Promise<DryRun> {
  return TraceTimer.of(options.run, control, async (timer) => {
    const { settings, examples, ...counts } = await timer.time(() =>
      trace({ ...options, ...timer.options, signal: timer.signal }),
    );
    return dryRun({
      title: `The trace of ${resolve(options.run)} would take`,
      settings,
      images: { measured: examples },
      steps: [scoresStep(timer), { name: 'evaluation', runs: 1, ...counts, toldBy: 'own' }],
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
  models: readonly { readonly run: string; readonly seed: number }[],
  control: JobOptions,
): Promise<DryRun> {
  const trained: Pick<Part1Options, 'run' | 'seed'>[] = [];
  const untrained: typeof trained = [];
  for (const model of models) {
    ((await hasToBeTrained({ ...options, run: model.run })) ? untrained : trained).push(model);
  }
  const [first] = untrained;
  const training = first && (await timeModel({ ...options, ...first }, control));
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

function timeModel(options: Part1Options, control: JobOptions): Promise<TimedTraining> {
  const { data = '', datasetOptions, seed, run: out } = options;
  const own = { ...trainingOf(options), ...engineOptions(options), data, datasetOptions, seed, out };
  return timeTraining(erm.name, own, control);
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
    for (const { step: name, make } of missing([...unstructured, layers])) {
      const { settings: _settings, examples: _examples, ...timed } = await timer.time(make, true);
      steps.push({ name, runs: 1, ...timed, toldBy: 'own' });
    }
    const untimed = missing(Object.values(others)).map(({ step: name }): Step => {
      return { name, runs: 1, seconds: null, mostSeconds: null, toldBy: 'nothing' };
    });
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
function times(step: Step, runs: number): Step {
  const entries = Object.entries(step).map(([key, value]: [string, unknown]) => [
    key,
    typeof value === 'number' ? runs * value : value,
  ]);
  return Object.fromEntries(entries) as Step;
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
  const timed = run.steps.filter(({ toldBy }) => toldBy !== 'nothing');
  return {
    ...run,
    seconds: total(timed.map(({ seconds }) => seconds)),
    mostSeconds: total(timed.map(({ mostSeconds }) => mostSeconds)),
    peakBytes: process.resourceUsage().maxRSS * 1024,
  };
}

/** The sum; null where a value is not known. */
function total(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length < values.length ? null : known.reduce((sum, value) => sum + value, 0);
}
