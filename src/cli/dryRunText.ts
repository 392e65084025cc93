import { type Split, SPLITS } from '../data/split.js';
import { durationText } from '../report/format.js';
import { inWords } from '../settings/setting.js';
import type { Output } from './output.js';

/** One kind of step of a command: its counts, and its time by some seconds of it. */
export interface Step {
  /** A training method, or a trace. */
  readonly name: string;
  readonly runs: number;
  /** In all these runs. */
  readonly epochs?: number;
  /** Passes of an image: in training, in evaluation, and of random neurons at most. */
  readonly trained?: number;
  readonly evaluations?: number;
  readonly randomEvaluations?: number;
  /** In all these runs; null where it is not known. */
  readonly seconds: number | null;
  /** With random neurons, at most. */
  readonly mostSeconds: number | null;
  /**
   * The source of the estimate. `own`: some seconds of the step. `erm`: ERM's time, an epoch for each view of an example, where the runs
   * that the step starts from are missing; DFR, which has no epochs, takes that of the evaluation of the splits. `nothing`: the step takes
   * little, or its work depends on its results, and the total leaves it out.
   */
  readonly toldBy: 'own' | 'erm' | 'nothing';
}

/** The steps of a command, and their time on this machine. A dry run writes nothing that stays but the store of decoded images. */
export interface DryRun {
  readonly title: string;
  /** The resolved settings of a single run or trace. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Examples of each split, or those that a trace measures. */
  readonly images: Readonly<Partial<Record<Split | 'measured', number>>>;
  readonly steps: readonly Step[];
  /** null where a step's time is not known. */
  readonly seconds: number | null;
  readonly mostSeconds: number | null;
  /** The most memory that this process held. */
  readonly peakBytes: number;
}

/** Prints a dry run. */
export function tell(output: Output, run: DryRun): void {
  const values = Object.entries(run.settings).filter(([, value]) => value !== undefined);
  const lines = [
    `${run.title}:`,
    ...values.map(([name, value]) => `  ${name}: ${inWords(value)}`),
    ...run.steps.map((step) => `  ${step.name}: ${[...counts(step), stepTime(step)].join(', ')}`),
    ...imagesLine(run.images),
    wholeTime(run),
    `Memory: ${(run.peakBytes / 1e9).toFixed(2)} GB at most so far`,
    'Nothing was written.',
  ];
  output.result(lines.join('\n'), run);
}

function counts({ runs, epochs, trained, evaluations, randomEvaluations }: Step): string[] {
  const texts: readonly (readonly [number | undefined, string])[] = [
    [epochs === undefined && runs === 1 ? undefined : runs, 'runs'],
    [epochs, 'epochs in all'],
    [trained, 'passes of an image in training'],
    [evaluations, 'passes of an image in evaluation'],
    [randomEvaluations, 'at most for random neurons'],
  ];
  return texts.flatMap(([number, what]) =>
    number === undefined ? [] : [`${number.toLocaleString('en')} ${what}`],
  );
}

function stepTime({ seconds, mostSeconds, toldBy }: Step): string {
  if (seconds === null || mostSeconds === null) return 'time not told';
  const most = mostSeconds > seconds ? `, at most ${durationText(mostSeconds)}` : '';
  return `about ${durationText(seconds)}${most}${toldBy === 'erm' ? ' by ERM’s time' : ''}`;
}

function imagesLine({ measured, ...splits }: DryRun['images']): string[] {
  if (measured !== undefined) return [`Images: ${measured.toLocaleString('en')} measured`];
  const texts = SPLITS.flatMap((split) => {
    const images = splits[split];
    return images === undefined ? [] : [`${images.toLocaleString('en')} ${split}`];
  });
  return texts.length === 0 ? [] : [`Images: ${texts.join(', ')}`];
}

function wholeTime({ steps, seconds, mostSeconds }: DryRun): string {
  if (steps.length === 0) return 'Time: nothing is missing';
  if (seconds === null || mostSeconds === null) return 'Time: not told, since a step has none yet';
  const most = mostSeconds > seconds ? `, at most ${durationText(mostSeconds)} with random neurons` : '';
  return `Time: about ${durationText(seconds)}${most} on this machine`;
}
