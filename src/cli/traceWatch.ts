import type { TracePlan } from '../experiments/traceSession.js';
import type { JobOptions, ProgressEvent } from '../progress.js';
import { anySignal, untilEnough } from './calibration.js';

/** A trace's plan, and what its evaluations would take. */
export interface TimedTrace {
  readonly plan: TracePlan;
  /** Of the chosen neurons. */
  readonly seconds: number;
  /** With random neurons, at most. */
  readonly mostSeconds: number;
}

/** Times traces one after the other, each until there is enough of it; a trace is given what `options` holds. */
export class TraceWatch {
  readonly #control: JobOptions;
  readonly #most: number;
  #enough = new AbortController();
  #rate: EvaluationRate | undefined;
  #started = 0;
  #plan: TracePlan | undefined;
  /** Of all traces: what the first one computed serves the others of its session. */
  secondsOfScores = 0;

  /** @param most milliseconds of evaluation that are enough */
  constructor(control: JobOptions, most: number) {
    this.#control = control;
    this.#most = most;
  }

  /** What a trace reports to; its signal is that of the trace that is timed. */
  readonly options = {
    onPlan: (plan: TracePlan): void => {
      const at = performance.now();
      this.secondsOfScores += (at - this.#started) / 1000;
      this.#plan = plan;
      this.#rate?.begin(at);
    },
    onProgress: (event: ProgressEvent): void => {
      if (this.#plan === undefined) this.#control.onProgress?.(event);
      else this.#rate?.add(event);
    },
  };

  get signal(): AbortSignal {
    return anySignal(this.#enough, this.#control);
  }

  async time(trace: () => Promise<unknown>): Promise<TimedTrace> {
    const enough = new AbortController();
    const rate = new EvaluationRate(this.#most, () => {
      enough.abort();
    });
    this.#enough = enough;
    this.#rate = rate;
    this.#plan = undefined;
    this.#started = performance.now();
    await untilEnough(this.#control, trace);
    const plan = this.#told();
    const seconds = plan.evaluations * rate.secondsPerEvaluation;
    return { plan, seconds, mostSeconds: seconds + plan.randomEvaluations * rate.secondsPerEvaluation };
  }

  #told(): TracePlan {
    if (this.#plan === undefined) throw new RangeError('The trace has no plan');
    return this.#plan;
  }
}

/** Times evaluations of variants by the progress that they report, and says when that is enough. */
class EvaluationRate {
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
