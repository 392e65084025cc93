import {
  native,
  type Generator,
  type MemoryFormat,
  type NativeImageStore,
  type Tensor,
} from '../native/addon.js';
import type { JobOptions } from '../progress.js';
import type { Dataset } from './dataset.js';
import { buildImageStore, type ImageStoreIndex } from './imageStore.js';

/** One batch on the model's device. The consumer disposes it. */
export class Batch implements Disposable {
  constructor(
    /** Positions in the dataset's examples, [N]. */
    readonly indices: Int32Array,
    /** [N, 3, H, W] float32, normalized. */
    readonly images: Tensor,
    /** [N] int32 class labels. */
    readonly labels: Tensor,
  ) {}

  [Symbol.dispose](): void {
    this.images.dispose();
    this.labels.dispose();
  }
}

/** The images of a dataset as batches: decoded once into the image store, cropped and normalized on the data lane. */
export class BatchLoader implements Disposable {
  readonly #store: NativeImageStore;

  private constructor(
    readonly dataset: Dataset,
    readonly index: ImageStoreIndex,
    readonly device: string,
    readonly memoryFormat: MemoryFormat,
  ) {
    this.#store = new (native().ImageStore)(
      index.pixelsPath,
      index.bytes,
      index.offsets,
      index.heights,
      index.widths,
    );
  }

  /** Opens the dataset's image store, and builds it first where it is missing or out of date. */
  static async open(
    dataset: Dataset,
    options: JobOptions & { readonly device: string; readonly memoryFormat?: MemoryFormat },
  ): Promise<BatchLoader> {
    const index = await buildImageStore(dataset, options);
    return new BatchLoader(dataset, index, options.device, options.memoryFormat ?? 'channels_last');
  }

  /** [height, width] in pixels of what the model sees; where the preprocessing keeps sizes, those of the first image. */
  get inputSize(): [number, number] {
    const { resize, crop } = this.dataset.preprocessing;
    if (crop !== null) return crop;
    if (Array.isArray(resize)) return resize;
    return [this.index.heights[0] as number, this.index.widths[0] as number];
  }

  /** Batches of these examples in their order, with the evaluation preprocessing. */
  evaluation(indices: Int32Array, batchSize: number): AsyncGenerator<Batch, void, void> {
    return this.#batches(indices, batchSize, () => null);
  }

  /**
   * One training epoch over these examples: shuffled as PyTorch's `DataLoader(shuffle=True)` shuffles them with the
   * default generator, and augmented as torchvision's transforms do without workers.
   *
   * @param generator stands for PyTorch's default generator; the augmentations draw from it batch after batch
   */
  training(indices: Int32Array, batchSize: number, generator: Generator): AsyncGenerator<Batch, void, void> {
    generator.random(); // DataLoader draws the workers' base seed first, with or without workers.
    const order = new (native().Generator)(generator.random()).randperm(indices.length);
    const shuffled = order.map((position) => indices[position] as number);
    return this.augmented(shuffled, batchSize, generator);
  }

  /** Batches of these examples in their order, with the training augmentation, where the dataset has one. */
  augmented(indices: Int32Array, batchSize: number, generator: Generator): AsyncGenerator<Batch, void, void> {
    const { augmentation } = this.dataset.preprocessing;
    if (augmentation === null) return this.evaluation(indices, batchSize);
    const crop = augmentation.randomResizedCrop;
    const range = crop === null ? null : [...crop.scale, ...crop.ratio];
    return this.#batches(indices, batchSize, (batch) =>
      generator.augmentations(
        batch.map((index) => this.index.heights[index] as number),
        batch.map((index) => this.index.widths[index] as number),
        range,
        augmentation.horizontalFlip,
      ),
    );
  }

  [Symbol.dispose](): void {
    this.#store.dispose();
  }

  /** Keeps one batch ahead: the next one is prepared while the consumer works on this one. */
  async *#batches(
    indices: Int32Array,
    batchSize: number,
    drawCrops: (indices: Int32Array) => Int32Array | null,
  ): AsyncGenerator<Batch, void, void> {
    let next: Promise<Batch> | undefined;
    try {
      for (let start = 0; start < indices.length; start += batchSize) {
        const batch = await (next ?? this.#prepare(indices.slice(start, start + batchSize), drawCrops));
        const following = indices.slice(start + batchSize, start + 2 * batchSize);
        next = following.length > 0 ? this.#prepare(following, drawCrops) : undefined;
        // Handled here so that a failure while the consumer works is reported by the next turn, not as unhandled.
        next?.catch(() => undefined);
        yield batch;
      }
      next = undefined;
    } finally {
      if (next) (await next.catch(() => undefined))?.[Symbol.dispose]();
    }
  }

  async #prepare(indices: Int32Array, drawCrops: (indices: Int32Array) => Int32Array | null): Promise<Batch> {
    const { resize, crop, mean, std, augmentation } = this.dataset.preprocessing;
    const images = await this.#store.batch({
      indices,
      crops: drawCrops(indices),
      cropSize: augmentation?.randomResizedCrop?.size ?? null,
      resize: typeof resize === 'number' ? [resize] : resize,
      crop,
      mean,
      std,
      device: this.device,
      memoryFormat: this.memoryFormat,
    });
    const labels = await native().tensor(
      indices.map((index) => this.dataset.labels[index] as number),
      [indices.length],
      this.device,
    );
    return new Batch(indices, images, labels);
  }
}
