import { join, resolve } from 'node:path';
import { TraceSession, type TracePlan } from '../experiments/traceSession.js';
import { engineOptions } from '../native/engine.js';
import type { JobOptions } from '../progress.js';
import { hasToBeTrained, trainingOf, type Part1Options } from '../reproduce/part1.js';
import { neededTraces, type NeededTrace } from '../reproduce/part1Traces.js';
import { methodNamed } from '../train/methods.js';
import { closingLines, peakMemory, withScratch } from './calibration.js';
import { dryRun, type DryRun } from './dryRun.js';
import { durationText } from './output.js';
import { linkedRun } from './traceDryRun.js';
import { TraceWatch, type TimedTrace } from './traceWatch.js';

/** How long each trace is evaluated, in milliseconds: there are several of them. */
const EACH_MS = 4000;

/** A trace that figures need of a model, and what it would take. */
export interface FigureTrace
  extends Pick<TracePlan, 'examples' | 'evaluations' | 'randomEvaluations'>, Omit<TimedTrace, 'plan'> {
  readonly step: string;
}

/** What figures of Part I would take. */
export interface Part1DryRun {
  /** Models that have all traces, that lack some, and that have to be trained first. */
  readonly models: { readonly finished: number; readonly open: number; readonly untrained: number };
  /** One of the untrained; null where there is none. */
  readonly training: DryRun | null;
  /** Of the first trained model that lacks some; null where there is none. */
  readonly traces: {
    readonly run: string;
    readonly secondsOfScores: number;
    readonly evaluated: readonly FigureTrace[];
    /** Those whose time is not told: they take little beside the others, or their work depends on what they find. */
    readonly others: readonly string[];
  } | null;
  /** Of all models; null where no time is told of training, or of traces that some model lacks. */
  readonly seconds: number | null;
  readonly mostSeconds: number | null;
  readonly peakBytes: number;
}

/** A model whose figures are asked for. */
export interface FigureModel {
  readonly run: string;
  readonly seed: number | undefined;
}

/**
 * Tells what figures of Part I would take, by some seconds of training of a model that is not there yet, and of each trace that is
 * missing of one that is. The folders that this writes to are removed.
 *
 * @throws `USAGE` where a model is missing that cannot be trained, and what training and tracing throw
 */
export async function part1DryRun(
  options: Omit<Part1Options, 'run' | 'seed'>,
  models: readonly FigureModel[],
  control: JobOptions,
): Promise<Part1DryRun> {
  const trained: FigureModel[] = [];
  const untrained: FigureModel[] = [];
  for (const model of models) {
    ((await hasToBeTrained({ ...options, run: model.run })) ? untrained : trained).push(model);
  }
  const [first] = untrained;
  const training = first ? await trainingDryRun(options, first, control) : null;
  let finished = 0;
  let traces: Part1DryRun['traces'] = null;
  for (const model of trained) {
    traces = await tracesDryRun({ ...options, ...model }, control);
    if (traces) break;
    finished++;
  }
  const open = trained.length - finished;
  const perModel = traces?.evaluated.reduce(
    (sum, each) => ({ least: sum.least + each.seconds, most: sum.most + each.mostSeconds }),
    { least: traces.secondsOfScores, most: traces.secondsOfScores },
  );
  const total = (ofModel: number | undefined): number | null => {
    const trainingSeconds = training ? training.seconds : 0;
    const traced = open + untrained.length;
    if (trainingSeconds === null || (traced > 0 && ofModel === undefined)) return null;
    return untrained.length * trainingSeconds + traced * (ofModel ?? 0);
  };
  return {
    models: { finished, open, untrained: untrained.length },
    ...{ training, traces },
    seconds: total(perModel?.least),
    mostSeconds: total(perModel?.most),
    peakBytes: peakMemory(),
  };
}

function trainingDryRun(
  options: Omit<Part1Options, 'run' | 'seed'>,
  { run, seed }: FigureModel,
  control: JobOptions,
): Promise<DryRun> {
  const { data = '', datasetOptions } = options;
  return dryRun(
    { ...trainingOf(options), ...engineOptions(options), ...{ data, datasetOptions, seed, out: run } },
    control,
    (tried) => methodNamed('erm').train(tried),
  );
}

/** null where the model has all traces. */
async function tracesDryRun(options: Part1Options, control: JobOptions): Promise<Part1DryRun['traces']> {
  return withScratch(async (scratch) => {
    const watch = new TraceWatch(control, EACH_MS);
    using session = await TraceSession.open({
      ...options,
      run: await linkedRun(options.run, join(scratch, 'run')),
      onWarning: control.onWarning,
      ...watch.options,
      get signal() {
        return watch.signal;
      },
    });
    const { unstructured, layers, ...rest } = await neededTraces(session, options);
    const evaluated: FigureTrace[] = [];
    for (const { step, make } of missing([...unstructured, layers])) {
      const { plan, ...times } = await watch.time(make);
      const { examples, evaluations, randomEvaluations } = plan;
      evaluated.push({ step, examples, evaluations, randomEvaluations, ...times });
    }
    const others = missing(Object.values(rest)).map(({ step }) => step);
    const { secondsOfScores } = watch;
    return evaluated.length + others.length === 0
      ? null
      : { run: resolve(options.run), secondsOfScores, evaluated, others };
  });
}

function missing(traces: readonly (NeededTrace | undefined)[]): NeededTrace[] {
  return traces.filter((trace) => trace !== undefined && trace.made === undefined) as NeededTrace[];
}

/** A dry run for people. */
export function part1DryRunText({
  models,
  training,
  traces,
  seconds,
  mostSeconds,
  peakBytes,
}: Part1DryRun): string {
  const count = (number: number): string => number.toLocaleString('en');
  return [
    `Models: ${models.finished} with all traces, ${models.open} without, ${models.untrained} to be trained`,
    ...(training
      ? [
          `Training of one: ${training.seconds === null ? 'no epoch began within the calibration' : `about ${durationText(training.seconds)}`}`,
        ]
      : []),
    ...(traces
      ? [
          `Traces of ${traces.run}, after about ${durationText(traces.secondsOfScores)} for scores:`,
          ...traces.evaluated.map(
            (each) =>
              `  ${each.step}: ${count(each.evaluations)} passes of an image, at most ${count(each.randomEvaluations)} for random neurons; ` +
              `${durationText(each.seconds)}, at most ${durationText(each.mostSeconds)}`,
          ),
          ...traces.others.map((step) => `  ${step}: time not told`),
        ]
      : []),
    timeLine(models, seconds, mostSeconds),
    ...closingLines(peakBytes),
  ].join('\n');
}

function timeLine(
  { open, untrained }: Part1DryRun['models'],
  seconds: number | null,
  mostSeconds: number | null,
): string {
  if (open + untrained === 0) return 'Time: nothing is missing';
  if (seconds === null || mostSeconds === null) {
    return 'Time: told once there is a trained model, whose traces are timed';
  }
  return `Time: about ${durationText(seconds)}, at most ${durationText(mostSeconds)} with random neurons`;
}
