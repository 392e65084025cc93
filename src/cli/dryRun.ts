import { join } from 'node:path';
import { SPLITS, type Split } from '../data/split.js';
import type { JobOptions, ProgressEvent } from '../progress.js';
import { inWords } from '../settings/setting.js';
import { plain } from '../report/text.js';
import type { MethodOptions } from '../train/method.js';
import type { RunConfig } from '../train/runConfig.js';
import type { RunStart } from '../train/startRun.js';
import { CALIBRATION_MS, calibrate, closingLines, peakMemory } from './calibration.js';
import { durationText } from './output.js';

/** What an image's evaluation takes of its training where only training was timed: a forward pass, without a backward one. */
const EVALUATION_SHARE = 1 / 3;

/** What a run would be, and would take. */
export interface DryRun {
  readonly config: RunConfig;
  /** The run's folder. */
  readonly out: string;
  /** Examples of each split. */
  readonly images: Readonly<Record<Split, number>>;
  /** Images that an epoch shows, as the first one does; 0 where none began within the calibration. */
  readonly imagesPerEpoch: number;
  /** Passes of an image through the model in evaluation: after each epoch the validation split, at the end all splits. */
  readonly evaluations: number;
  /** null where no epoch began within the calibration. */
  readonly secondsPerEpoch: number | null;
  readonly seconds: number | null;
  /** The most memory that this process held. */
  readonly peakBytes: number;
}

/**
 * Trains for some seconds in a folder that is removed, and tells from that what the run would take. Nothing else is written but the
 * dataset's store of decoded images, where it is not there yet.
 *
 * @param train a way to train
 */
export async function dryRun(
  options: MethodOptions,
  control: JobOptions,
  train: (options: MethodOptions) => Promise<unknown>,
): Promise<DryRun> {
  const enough = new AbortController();
  const timing = new Timing(() => {
    enough.abort();
  });
  let begun: RunStart | undefined;
  await calibrate(control, enough, ({ scratch, signal }) =>
    train({
      ...options,
      out: join(scratch, 'run'),
      onInfo: control.onInfo,
      onWarning: control.onWarning,
      signal,
      onProgress: (event) => {
        timing.add(event);
      },
      // Of the run itself, and not of one that it trains first.
      onStart: (start) => (begun ??= start),
      onEpoch: ({ seconds, train: { total } }) => {
        timing.epoch = { seconds, images: total.reduce((sum, count) => sum + count, 0) };
        enough.abort();
      },
    }),
  );
  return estimateOf(begun as RunStart, options, timing);
}

function estimateOf({ config, dataset }: RunStart, { out, from }: MethodOptions, timing: Timing): DryRun {
  const { splits } = dataset;
  const images = { train: splits.train.length, val: splits.val.length, test: splits.test.length };
  const all = SPLITS.reduce((sum, split) => sum + images[split], 0);
  const { epochs = 0 } = config;
  const { epoch, training, evaluating } = timing;
  const imagesPerEpoch = epoch?.images ?? training?.total ?? 0;
  const trained = epoch
    ? epoch.seconds / (epoch.images + images.val)
    : (training?.secondsPerUnit ?? Number.NaN);
  const perImage = evaluating?.secondsPerUnit ?? trained * EVALUATION_SHARE;
  const rest = Number.isNaN(trained) ? null : imagesPerEpoch * trained + images.val * perImage;
  const ofEpoch = epoch?.seconds ?? rest;
  const method = config.command.replace('train ', '');
  return {
    config,
    out:
      out ??
      (from === undefined ? `runs/${method}-${dataset.name}` : `${from.replace(/\/+$/, '')}-${method}`),
    images,
    imagesPerEpoch,
    evaluations: epochs * images.val + all,
    secondsPerEpoch: ofEpoch,
    seconds: ofEpoch === null ? null : epochs * ofEpoch + all * perImage,
    peakBytes: peakMemory(),
  };
}

/** Examples of each split for people. */
export function imagesLine(images: DryRun['images']): string {
  return `Images: ${SPLITS.map((name) => `${images[name].toLocaleString('en')} ${name}`).join(', ')}`;
}

/** A dry run for people. */
export function dryRunText(run: DryRun): string {
  const { config, out, images, imagesPerEpoch, evaluations, secondsPerEpoch, seconds, peakBytes } = run;
  const { command, epochs = 0, ...settings } = config;
  const shown = imagesPerEpoch.toLocaleString('en');
  return [
    `${command} would write ${plain(out)}:`,
    ...Object.entries({ epochs, ...settings }).map(([name, value]) => `  ${name}: ${inWords(value)}`),
    imagesLine(images),
    `Training: ${shown} images an epoch, ${(epochs * imagesPerEpoch).toLocaleString('en')} in all`,
    `Evaluation: ${evaluations.toLocaleString('en')} passes of an image`,
    secondsPerEpoch === null || seconds === null
      ? 'Time: no epoch began within the calibration'
      : `Time: about ${durationText(secondsPerEpoch)} an epoch, ${durationText(seconds)} in all`,
    ...closingLines(peakBytes),
  ].join('\n');
}

interface Rate {
  readonly total: number;
  readonly secondsPerUnit: number;
}

/** Times epochs by the progress that they report, and says when that is enough. */
class Timing {
  readonly #enough: () => void;
  #task = '';
  #start: { readonly at: number; readonly done: number } = { at: 0, done: 0 };
  #trainingSince: number | undefined;
  /** A whole epoch, where one was finished. */
  epoch: { readonly seconds: number; readonly images: number } | undefined;
  training: Rate | undefined;
  evaluating: Rate | undefined;

  constructor(enough: () => void) {
    this.#enough = enough;
  }

  add({ task, done, total }: ProgressEvent): void {
    if (!task.startsWith('epoch ')) return;
    const now = performance.now();
    if (task !== this.#task) {
      this.#task = task;
      this.#start = { at: now, done };
      this.#trainingSince ??= now;
      return;
    }
    // Not before its second batch: the first one pays for what kernels set up.
    const rate = { total, secondsPerUnit: (now - this.#start.at) / 1000 / (done - this.#start.done) };
    if (task.endsWith('validation')) this.evaluating = rate;
    else this.training = rate;
    if (now - (this.#trainingSince ?? now) > CALIBRATION_MS) this.#enough();
  }
}
