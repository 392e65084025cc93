import type { Moments } from '../metrics/statistics.js';
import type { ComputeContext } from '../native/context.js';
import type { GroupOutcome, Judged } from './outcomes.js';
import type { LostExample } from './results.js';

/** Counts the outcomes of a group under a variant as its batches arrive, and records the first `named` lost examples. */
export class OutcomeCounter {
  #correct = 0;
  #lost = 0;
  #gained = 0;
  readonly #margin = new MomentSums();
  readonly #loss = new MomentSums();
  #first: LostExample[] = [];

  constructor(readonly named: number) {}

  add(examples: Int32Array, before: Judged, after: Judged): void {
    for (const [i, example] of examples.entries()) {
      const [wasRight, isRight] = [before.right[i] === true, after.right[i] === true];
      if (isRight) this.#correct += 1;
      if (!wasRight && isRight) this.#gained += 1;
      if (wasRight && !isRight) {
        this.#lost += 1;
        if (this.#first.length < this.named) {
          this.#first.push({ example, predicted: after.predicted[i] as number });
        }
      }
      this.#margin.add((after.margins[i] as number) - (before.margins[i] as number));
      this.#loss.add((after.losses[i] as number) - (before.losses[i] as number));
    }
  }

  /** Returns the counts as a fixed number of values, which another process's `addCounted` takes. */
  get counted(): readonly number[] {
    const missing = new Array<number>(2 * (this.named - this.#first.length)).fill(-1);
    const first = this.#first.flatMap(({ example, predicted }) => [example, predicted]);
    const counts = [this.#correct, this.#lost, this.#gained];
    return [...counts, ...this.#margin.sums, ...this.#loss.sums, ...first, ...missing];
  }

  addCounted(counted: Float64Array): void {
    const [correct = 0, lost = 0, gained = 0, ...sums] = counted;
    this.#correct += correct;
    this.#lost += lost;
    this.#gained += gained;
    this.#margin.addSums(sums.slice(0, 3));
    this.#loss.addSums(sums.slice(3, 6));
    for (let at = 9; at < counted.length; at += 2) {
      const [example = -1, predicted = -1] = counted.subarray(at, at + 2);
      if (example >= 0) this.#first.push({ example, predicted });
    }
    this.#first = this.#first.sort((a, b) => a.example - b.example).slice(0, this.named);
  }

  get outcome(): GroupOutcome {
    const margin = this.#margin.moments;
    const [correct, lost, gained] = [this.#correct, this.#lost, this.#gained];
    return { total: margin.count, correct, lost, gained, margin, loss: this.#loss.moments };
  }

  get first(): readonly LostExample[] {
    return this.#first;
  }
}

/** Merges the counters of all processes by position. */
export async function countersOfProcesses(
  context: Pick<ComputeContext, 'gather'>,
  counters: readonly OutcomeCounter[],
): Promise<OutcomeCounter[]> {
  const counts = counters.map(({ counted }) => counted);
  const ofProcesses = await context.gather(Float64Array.from(counts.flat()));
  return counters.map(({ named, counted: { length } }, i) => {
    const merged = new OutcomeCounter(named);
    for (const ofOne of ofProcesses) merged.addCounted(ofOne.subarray(i * length, (i + 1) * length));
    return merged;
  });
}

/** Returns the means over all processes' values, by position; NaN without values. */
export async function meansOfProcesses(
  context: Pick<ComputeContext, 'gather'>,
  all: readonly MomentSums[],
): Promise<number[]> {
  const ofProcesses = await context.gather(Float64Array.from(all.flatMap(({ sums }) => sums)));
  return all.map(({ sums: { length } }, i) => {
    const merged = new MomentSums();
    for (const ofOne of ofProcesses) merged.addSums([...ofOne.subarray(i * length, (i + 1) * length)]);
    return merged.moments.mean;
  });
}

/** Computes moments by Welford's recurrence, which avoids cancellation, and its form for two sets (Chan et al. 1979). */
export class MomentSums {
  #count = 0;
  #mean = 0;
  #squares = 0;

  add(value: number): void {
    this.#count += 1;
    const distance = value - this.#mean;
    this.#mean += distance / this.#count;
    this.#squares += distance * (value - this.#mean);
  }

  get sums(): readonly [count: number, mean: number, squares: number] {
    return [this.#count, this.#mean, this.#squares];
  }

  addSums([count = 0, mean = 0, squares = 0]: readonly number[]): void {
    if (count === 0) return;
    const all = this.#count + count;
    const distance = mean - this.#mean;
    this.#mean += (distance * count) / all;
    this.#squares += squares + (distance ** 2 * this.#count * count) / all;
    this.#count = all;
  }

  get moments(): Moments {
    const count = this.#count;
    return {
      count,
      mean: count > 0 ? this.#mean : Number.NaN,
      variance: count > 1 ? this.#squares / (count - 1) : Number.NaN,
    };
  }
}
