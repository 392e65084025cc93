import { SingleBar } from 'cli-progress';
import type { ProgressEvent } from '../progress.js';
import { durationText, percentText, plural } from '../report/format.js';
import { plain } from '../report/text.js';
import type { RunOptions } from '../train/runOptions.js';

/** Time between the lines of a long step where no terminal can show a bar. */
const LINE_EVERY_MS = 15_000;

/** Seconds after which a step's length can be estimated, and from which it is long. */
const TELLABLE_AFTER_S = 3;
const LONG_S = 60;

/**
 * The output of a command. With `--json`, stdout carries one JSON document and everything else goes to stderr; with
 * `--quiet`, only results and errors are printed. Progress always goes to stderr.
 */
export class Output {
  readonly #json: boolean;
  readonly #quiet: boolean;
  readonly #muted: boolean;
  #bar: SingleBar | undefined;
  #task = '';
  #started = 0;
  #lastLine = 0;
  #isAnnounced = false;

  /** @param options.muted prints errors alone, as one of several processes */
  constructor(options: { readonly json: boolean; readonly quiet: boolean; readonly muted?: boolean }) {
    this.#muted = options.muted === true;
    this.#json = options.json && !this.#muted;
    this.#quiet = options.quiet || this.#muted;
  }

  /** Whether tables may use colour. */
  get color(): boolean {
    return !this.#json && process.stdout.isTTY && process.env.NO_COLOR === undefined;
  }

  /** Columns of the terminal; 100 without one. */
  get width(): number {
    return process.stdout.isTTY ? process.stdout.columns : Number(process.env.COLUMNS ?? 100);
  }

  /** A line about what is happening. */
  readonly info = (text: string): void => {
    if (this.#quiet) return;
    this.#clear();
    process.stderr.write(`${text}\n`);
  };

  /** A result: text for people, or the document that `--json` asks for. Called once per command. */
  result(text: string, document: unknown): void {
    if (this.#muted) return;
    this.#clear();
    process.stdout.write(this.#json ? `${JSON.stringify(document, null, 2)}\n` : `${text}\n`);
  }

  reportError(error: { readonly message: string }): void {
    this.#clear();
    process.stderr.write(`${error.message}\n`);
    if (this.#json) process.stdout.write(`${JSON.stringify({ error }, null, 2)}\n`);
  }

  /** Draws a bar with the time left, or prints lines if stderr is not a terminal. */
  readonly progress = (event: ProgressEvent): void => {
    if (this.#quiet) return;
    const { task, done, total } = event;
    const now = performance.now();
    if (task !== this.#task) {
      this.#clear();
      this.#task = task;
      this.#started = now;
      this.#lastLine = now;
      this.#isAnnounced = false;
    }
    const seconds = (now - this.#started) / 1000;
    this.#announce(event, seconds);
    if (!process.stderr.isTTY) {
      this.#line(event, seconds, now);
    } else {
      this.#bar ??= startBar(event);
      this.#bar.update(done);
      if (done >= total) this.#clear();
    }
    if (done >= total) this.#task = '';
  };

  /** Prints a line about each finished epoch, and once the remaining time. */
  epochLines(): NonNullable<RunOptions['onEpoch']> {
    const told = new Set<string | undefined>();
    return (metrics, { groupNames, stage, epochs }) => {
      const { val } = metrics;
      const parts = [
        ...(stage === undefined ? [] : [stage]),
        `epoch ${metrics.epoch}: training loss ${metrics.trainLoss.toFixed(4)}`,
        `validation loss ${metrics.valLoss.toFixed(4)}`,
        `worst group ${percentText(val.worstGroupAccuracy)} (${plain(groupNames[val.worstGroup] ?? String(val.worstGroup))})`,
        `average ${percentText(val.average)}`,
        `lr ${metrics.lr}`,
        `${metrics.seconds.toFixed(1)} s${metrics.best ? ', best so far' : ''}`,
      ];
      this.info(parts.join(', '));
      const left = (epochs - metrics.epoch) * metrics.seconds;
      if (told.has(stage) || left < LONG_S) return;
      told.add(stage);
      this.info(`${plural(epochs - metrics.epoch, 'more epoch')}: about ${durationText(left)}`);
    };
  }

  /** Announces once how long a step will take, as soon as there is an estimate, if it is over a minute. */
  #announce({ task, done, total, unit }: ProgressEvent, seconds: number): void {
    if (this.#isAnnounced || done === 0 || seconds < TELLABLE_AFTER_S) return;
    this.#isAnnounced = true;
    const estimate = (seconds / done) * total;
    const amount = unit === '%' ? '' : `${total} ${unit}, `;
    if (estimate > LONG_S) this.info(`${task}: ${amount}about ${durationText(estimate)}`);
  }

  #line({ task, done, total, unit }: ProgressEvent, seconds: number, now: number): void {
    if (done >= total) {
      process.stderr.write(`${task}: ${total} ${unit} in ${seconds.toFixed(1)} s\n`);
    } else if (now - this.#lastLine >= LINE_EVERY_MS) {
      this.#lastLine = now;
      const left = (seconds / Math.max(done, 1)) * (total - done);
      process.stderr.write(`${task}: ${done}/${total} ${unit}, ${Math.ceil(left)} s left\n`);
    }
  }

  #clear(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}

function startBar({ task, total, unit }: ProgressEvent): SingleBar {
  const bar = new SingleBar({
    format: `${task} {bar} {percentage}% | {value}/{total} ${unit} | {duration_formatted}, {eta_formatted} left`,
    barCompleteChar: '\u2588',
    barIncompleteChar: '\u2591',
    barsize: 30,
    hideCursor: true,
    etaBuffer: 50,
    stream: process.stderr,
  });
  bar.start(total, 0);
  return bar;
}
