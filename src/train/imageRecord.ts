import type { Dataset, Example } from '../data/dataset.js';
import type { ComputeContext } from '../native/context.js';
import { count, real, type Recorded } from '../recorded.js';
import * as z from '../zod.js';

/** `results/images.json`, with the rows of `images.csv`. */
export const imagesSchema = z.looseObject({
  kind: z.literal('images'),
  rows: z.array(
    z.looseObject({
      file: z.string().describe('relative to the dataset\u2019s folder'),
      class: z.string(),
      attribute: z.string(),
      group: count,
      epochs: count.describe('epochs that showed the image'),
      lossSum: real.describe('sum of the losses of these epochs, in training mode'),
      forgotten: count.describe('times right in one epoch and wrong in the next'),
      firstRight: count.nullable().describe('the first epoch that predicted it right; null: none'),
    }),
  ),
});
/** What training measured of each training image, in the dataset's order. */
export type TrackedImages = Recorded<typeof imagesSchema>;

/** Numbers of an image in an epoch: how often it was shown, and right, and its losses' sum. */
const SHOWN = 3;
/** Numbers of an image over epochs: those that showed it, their losses' sum, times forgotten, first right (0: never), right last. */
const TRACKED = 5;

/**
 * Tracks each training image by the passes that train, as Toneva et al. (2019) do: an image is forgotten if it is right in an epoch and
 * wrong in the next. An image that an epoch shows several times has their mean loss, and is right if it is right each time.
 */
export class ImageRecord {
  #shown: Float64Array;

  /** @param state zeros, saved with the run */
  constructor(
    readonly dataset: Dataset,
    readonly state: { value: Float64Array },
  ) {
    this.#shown = new Float64Array(SHOWN * dataset.examples.length);
  }

  static zeros({ examples }: Dataset): Float64Array {
    return new Float64Array(TRACKED * examples.length);
  }

  /** Adds a batch, [N] each. */
  add(indices: Int32Array, losses: Float32Array, predictions: Int32Array): void {
    for (const [i, index] of indices.entries()) {
      const numbers = [1, Number(predictions[i] === this.dataset.labels[index]), losses[i] as number];
      for (const [at, number] of numbers.entries()) {
        this.#shown[SHOWN * index + at] = (this.#shown[SHOWN * index + at] as number) + number;
      }
    }
  }

  /** Ends an epoch, counted from 1, of all processes. */
  async endEpoch(epoch: number, context: Pick<ComputeContext, 'sum'>): Promise<void> {
    const shown = await context.sum(this.#shown);
    this.#shown = new Float64Array(shown.length);
    const { value } = this.state;
    for (const index of this.dataset.splits.train) {
      const [times = 0, right = 0, losses = 0] = shown.subarray(SHOWN * index, SHOWN * (index + 1));
      if (times === 0) continue;
      const tracked = value.subarray(TRACKED * index, TRACKED * (index + 1));
      const [epochs = 0, lossSum = 0, forgotten = 0, firstRight = 0, wasRight = 0] = tracked;
      const isRight = Number(right === times);
      tracked.set([
        epochs + 1,
        lossSum + losses / times,
        forgotten + Number(wasRight > isRight),
        firstRight === 0 && isRight === 1 ? epoch : firstRight,
        isRight,
      ]);
    }
  }

  get rows(): TrackedImages['rows'] {
    const { examples, splits, targetNames, spuriousNames } = this.dataset;
    return Array.from(splits.train, (index) => {
      const { filename: file, y, a, group } = examples[index] as Example;
      const tracked = this.state.value.subarray(TRACKED * index, TRACKED * (index + 1));
      const [epochs = 0, lossSum = 0, forgotten = 0, firstRight = 0] = tracked;
      const names = { class: targetNames[y] ?? '', attribute: spuriousNames[a] ?? '' };
      return {
        file,
        ...names,
        group,
        epochs,
        lossSum,
        forgotten,
        firstRight: firstRight === 0 ? null : firstRight,
      };
    });
  }
}
