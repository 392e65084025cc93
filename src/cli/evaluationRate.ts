import type { ProgressEvent } from '../progress.js';

/** Times evaluations of variants by the progress that they report, and says when that is enough. */
export class EvaluationRate {
  readonly #most: number;
  readonly #enough: () => void;
  #begun = 0;
  #first: Report | undefined;
  #last: Report | undefined;
  #task = '';

  /**
   * @param most milliseconds of evaluation that are enough
   * @param enough called then, and where the chosen neurons are done
   */
  constructor(most: number, enough: () => void) {
    this.#most = most;
    this.#enough = enough;
  }

  begin(at: number): void {
    this.#begun = at;
  }

  add({ task, done }: ProgressEvent): void {
    const at = performance.now();
    if (this.#task === '') this.#task = task;
    // Of the chosen neurons alone: random ones take the same.
    if (task === this.#task) {
      this.#first ??= { at, done };
      this.#last = { at, done };
    }
    if (task !== this.#task || at - this.#begun > this.#most) this.#enough();
  }

  /** From the first report on, where there are more: that one pays for what kernels set up. */
  get secondsPerEvaluation(): number {
    const { at, done } = this.#last ?? { at: 0, done: 1 };
    const start = this.#first && this.#first.done < done ? this.#first : { at: this.#begun, done: 0 };
    return (at - start.at) / 1000 / (done - start.done);
  }
}

interface Report {
  readonly at: number;
  readonly done: number;
}
