import type { Dataset } from '../data/dataset.js';
import { thumbnail } from '../data/pictures.js';
import type { ComputeContext } from '../native/context.js';
import type { Judged } from './outcomes.js';
import type { LostExample, PicturedExample } from './results.js';

/** Examples that a trace names of those that a group lost, and of each group that it keeps pictures of. */
export const NAMED_EXAMPLES = 12;
const MOST_PICTURES = 24;

/** The first examples of a group that a variant loses, as the batches arrive in the examples' order. */
export class LostExamples {
  #found: LostExample[] = [];

  constructor(readonly most: number) {}

  add(indices: Int32Array, before: Judged, after: Judged): void {
    for (const [i, example] of indices.entries()) {
      if (this.#found.length >= this.most) return;
      if (before.right[i] !== true || after.right[i] === true) continue;
      this.#found.push({ example, predicted: after.predicted[i] as number });
    }
  }

  get first(): readonly LostExample[] {
    return this.#found;
  }

  /** As numbers that `setNumbers` takes: as many for each process. */
  get numbers(): readonly number[] {
    const missing = Array.from({ length: 2 * (this.most - this.#found.length) }, () => -1);
    return [...this.#found.flatMap(({ example, predicted }) => [example, predicted]), ...missing];
  }

  /** Takes what several processes found. */
  setNumbers(numbers: readonly number[]): void {
    const pairs = Array.from({ length: numbers.length / 2 }, (_, i) => ({
      example: numbers[2 * i] as number,
      predicted: numbers[2 * i + 1] as number,
    }));
    this.#found = pairs
      .filter(({ example }) => example >= 0)
      .sort((a, b) => a.example - b.example)
      .slice(0, this.most);
  }
}

/** Gives each the first examples that all processes found. */
export async function shareLostExamples(
  context: ComputeContext,
  lost: readonly LostExamples[],
): Promise<void> {
  const ofProcesses = await context.gather(Float64Array.from(lost.flatMap(({ numbers }) => [...numbers])));
  let start = 0;
  for (const one of lost) {
    const end = start + 2 * one.most;
    one.setNumbers(ofProcesses.flatMap((numbers) => [...numbers.subarray(start, end)]));
    start = end;
  }
}

/** Pictures of examples: of each group the first ones. */
export async function picturesOf(dataset: Dataset, examples: Iterable<number>): Promise<PicturedExample[]> {
  const groupOf = (example: number): number => dataset.groups[example] as number;
  const distinct = [...new Set(examples)];
  const shown = dataset.groupNames.flatMap((_, group) =>
    distinct.filter((example) => groupOf(example) === group).slice(0, MOST_PICTURES),
  );
  const pictures: PicturedExample[] = [];
  for (const index of shown.sort((a, b) => a - b)) {
    const example = dataset.examples[index];
    if (!example) throw new RangeError(`There is no example ${index}`);
    pictures.push({
      example: index,
      filename: example.filename,
      group: groupOf(index),
      label: dataset.labels[index] as number,
      image: await thumbnail(dataset, example),
    });
  }
  return pictures;
}
