import { cp, mkdir, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { SessionOptions, TracePlan } from '../experiments/traceSession.js';
import type { JobOptions } from '../progress.js';
import { inWords } from '../settings/setting.js';
import { CALIBRATION_MS, closingLines, peakMemory, withScratch } from './calibration.js';
import { durationText } from './output.js';
import { TraceWatch } from './traceWatch.js';

/** What a trace reads of a run's folder; it writes into `results/` and `history.jsonl`, which are the copy's own. */
const READ = ['config.json', 'data.json', 'metrics.jsonl', 'checkpoints'];

/** What a trace would evaluate, and would take. */
export interface TraceDryRun extends TracePlan {
  readonly run: string;
  /** Scores that choose the neurons, which the dry run computes whole. */
  readonly secondsOfScores: number;
  /** With the chosen neurons' evaluations. */
  readonly seconds: number;
  /** With those of random neurons besides, at most. */
  readonly mostSeconds: number;
  /** The most memory that this process held. */
  readonly peakBytes: number;
}

/**
 * Chooses a trace's neurons and evaluates variants for some seconds, in a folder that is removed, and tells from that what the trace
 * would take. Nothing else is written but the dataset's store of decoded images, where it is not there yet.
 *
 * @param trace a trace that evaluates variants
 */
export async function traceDryRun<Options extends SessionOptions>(
  options: Options,
  control: JobOptions,
  trace: (options: Options) => Promise<unknown>,
): Promise<TraceDryRun> {
  const watch = new TraceWatch(control, CALIBRATION_MS);
  const { plan, seconds, mostSeconds } = await withScratch(async (scratch) => {
    const run = await linkedRun(options.run, join(scratch, 'run'));
    const { onWarning } = control;
    return watch.time(() => trace({ ...options, run, onWarning, ...watch.options, signal: watch.signal }));
  });
  const { secondsOfScores } = watch;
  return {
    ...plan,
    run: resolve(options.run),
    ...{ secondsOfScores, seconds: secondsOfScores + seconds, mostSeconds: secondsOfScores + mostSeconds },
    peakBytes: peakMemory(),
  };
}

/** A folder that reads as the run's, and whose results are its own. */
export async function linkedRun(run: string, copy: string): Promise<string> {
  const from = resolve(run);
  await mkdir(copy);
  for (const name of READ) await symlink(join(from, name), join(copy, name));
  await cp(join(from, 'results'), join(copy, 'results'), { recursive: true }).catch(() => undefined);
  return copy;
}

/** A dry run for people. */
export function traceDryRunText(run: TraceDryRun): string {
  const { settings, examples, evaluations, randomEvaluations, peakBytes } = run;
  const values = Object.entries(settings).filter(([, value]) => value !== undefined);
  const count = (number: number): string => number.toLocaleString('en');
  return [
    `The trace of ${run.run} would take:`,
    ...values.map(([name, value]) => `  ${name}: ${inWords(value)}`),
    `Images: ${count(examples)} measured`,
    `Evaluation: ${count(evaluations)} passes of an image for the chosen neurons, at most ${count(randomEvaluations)} for random ones`,
    `Time: about ${durationText(run.secondsOfScores)} for the scores, ${durationText(run.seconds)} with the chosen neurons, ` +
      `at most ${durationText(run.mostSeconds)} with random ones`,
    ...closingLines(peakBytes),
  ].join('\n');
}
