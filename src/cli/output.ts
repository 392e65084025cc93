import type { SingleBar } from 'cli-progress';
import type { ProgressEvent } from '../progress.js';

/** How often a long step says where it stands when no terminal can show a bar. */
const LINE_EVERY_MS = 15_000;

/** Seconds after which a step's length can be told, and from which it is long. */
const TELLABLE_AFTER_S = 3;
export const LONG_S = 60;

/** `40 s`, `12 min`, `3.5 h` */
export function durationText(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/**
 * What a command prints. With `--json`, stdout carries one JSON document and everything else goes to stderr; with
 * `--quiet`, only results and errors are printed. Progress always goes to stderr.
 */
export class Output {
  readonly #json: boolean;
  readonly #quiet: boolean;
  readonly #muted: boolean;
  #Bar: typeof SingleBar | undefined;
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

  /** Loads what bars take, where there will be some. */
  async loadBars(): Promise<void> {
    if (!this.#quiet && process.stderr.isTTY) this.#Bar = (await import('cli-progress')).SingleBar;
  }

  /** Whether tables may use colour. */
  get color(): boolean {
    return !this.#json && process.stdout.isTTY && process.env.NO_COLOR === undefined;
  }

  /** A line about what is happening. */
  info(text: string): void {
    if (this.#quiet) return;
    this.#clear();
    process.stderr.write(`${text}\n`);
  }

  /** A result: text for people, or the document that `--json` asks for. Called once a command. */
  result(text: string, document: unknown): void {
    if (this.#muted) return;
    this.#clear();
    process.stdout.write(this.#json ? `${JSON.stringify(document, null, 2)}\n` : `${text}\n`);
  }

  error(text: string, document: unknown): void {
    this.#clear();
    process.stderr.write(`${text}\n`);
    if (this.#json) process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  }

  /** Draws a bar with the time left, or prints lines where stderr is no terminal. */
  readonly progress = ({ task, done, total, unit }: ProgressEvent): void => {
    if (this.#quiet) return;
    const now = performance.now();
    if (task !== this.#task) {
      this.#clear();
      this.#task = task;
      this.#started = now;
      this.#lastLine = now;
      this.#isAnnounced = false;
    }
    this.#announce(task, done, total, unit, now);
    if (!this.#Bar) {
      this.#line(task, done, total, unit, now);
    } else {
      this.#bar ??= startBar(this.#Bar, task, total, unit);
      this.#bar.update(done);
      if (done >= total) this.#clear();
    }
    if (done >= total) this.#task = '';
  };

  /** Says once how long a step will take, as soon as that can be told, where it is more than a minute. */
  #announce(task: string, done: number, total: number, unit: string, now: number): void {
    const seconds = (now - this.#started) / 1000;
    if (this.#isAnnounced || done === 0 || seconds < TELLABLE_AFTER_S) return;
    this.#isAnnounced = true;
    const estimate = (seconds / done) * total;
    if (estimate > LONG_S) this.info(`${task}: ${total} ${unit}, about ${durationText(estimate)}`);
  }

  #line(task: string, done: number, total: number, unit: string, now: number): void {
    const seconds = (now - this.#started) / 1000;
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

function startBar(Bar: typeof SingleBar, task: string, total: number, unit: string): SingleBar {
  const bar = new Bar({
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
