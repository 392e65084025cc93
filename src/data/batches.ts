import { native } from '../native/addon.js';
import { type BatchPart, ComputeContext, type InContext } from '../native/context.js';
import type { Generator, NativeImageStore, Tensor } from '../native/interface.js';
import type { JobOptions } from '../progress.js';
import type { Dataset } from './dataset.js';
import {
  batchPlan,
  cropPlacement,
  evaluationPlacement,
  type Placement,
  resizedSize,
  type Size,
} from './geometry.js';
import { openImageStore, type StoredImages } from './imageStore.js';
import type { Augmentation } from './preprocessing.js';
import { happens, randomAdjustments, randomResizedCrop, shuffled } from './sampling.js';

/** One batch on the model's device. The consumer disposes it. */
export class Batch implements Disposable {
  constructor(
    /** Positions in the dataset's examples, [N]. */
    readonly indices: Int32Array,
    /** [N, 3, H, W] float32, normalized. */
    readonly images: Tensor,
    /** [N] int32 class labels. */
    readonly labels: Tensor,
    /** This process's part of the batch, if several train. */
    readonly part: BatchPart,
  ) {}

  [Symbol.dispose](): void {
    this.images.dispose();
    this.labels.dispose();
  }
}

/** Two views of the same images; both may be one tensor. The consumer disposes it. */
export class ViewPair extends Batch {
  constructor(
    first: Batch,
    /** Second view, with the shape of the first. */
    readonly second: Tensor,
  ) {
    super(first.indices, first.images, first.labels, first.part);
  }

  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.second.dispose();
  }
}

/** A pass over examples, batch after batch. */
export class Batches<Prepared extends Batch> implements AsyncIterable<Prepared> {
  readonly #draw: (indices: Int32Array) => () => Promise<Prepared>;

  /**
   * @param indices positions in the dataset's examples, [N]
   * @param draw makes all random draws of a batch at once, and returns a function that prepares the batch
   */
  constructor(
    readonly indices: Int32Array,
    readonly batchSize: number,
    draw: (indices: Int32Array) => () => Promise<Prepared>,
  ) {
    this.#draw = draw;
  }

  /** Prepares the next batch while the consumer works on this one. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Prepared, void, void> {
    const { length } = this.indices;
    let next: Promise<Prepared> | undefined;
    try {
      for (let start = 0; start < length; start += this.batchSize) {
        const batch = await (next ?? this.#prepared(start));
        const following = start + this.batchSize;
        next = following < length ? this.#prepared(following) : undefined;
        // Handled here, so that the next turn reports a failure: it is no unhandled rejection.
        next?.catch(() => undefined);
        yield batch;
      }
      next = undefined;
    } finally {
      if (next) (await next.catch(() => undefined))?.[Symbol.dispose]();
    }
  }

  /** A batch of the first examples, however many. */
  async start(size: number): Promise<Prepared> {
    return this.#draw(this.indices.slice(0, size))();
  }

  /** Async, so that errors come in the batch's turn. */
  async #prepared(start: number): Promise<Prepared> {
    return this.#draw(this.indices.slice(start, start + this.batchSize))();
  }
}

/** The images of a dataset as batches: decoded once into the image store, cropped and normalized on the data lane. */
export class BatchLoader implements Disposable {
  readonly #store: NativeImageStore;

  private constructor(
    readonly dataset: Dataset,
    private readonly stored: StoredImages,
    readonly context: ComputeContext,
  ) {
    const { paths, fileOf, offsets, heights, widths } = stored;
    this.#store = new (native().ImageStore)(paths, fileOf, offsets, heights, widths);
  }

  /** Opens the dataset's image store, after decoding the images that are not in it. Throws what `openImageStore` throws. */
  static async open(dataset: Dataset, options: JobOptions & InContext): Promise<BatchLoader> {
    const context = ComputeContext.of(options);
    return new BatchLoader(dataset, await openImageStore(dataset, options), context);
  }

  /** A hash that identifies the images by their pixels. */
  get digest(): string {
    return this.stored.digest;
  }

  /** [height, width] in pixels of the model's input; the first image's if images keep their own size or ratio. */
  get inputSize(): [number, number] {
    const { resize, crop } = this.dataset.preprocessing;
    const [height, width] = crop ?? resizedSize(this.sizeOf(0), resize);
    return [height, width];
  }

  /** Batches of these examples in their order, with the evaluation preprocessing. */
  evaluation(indices: Int32Array, batchSize: number): Batches<Batch> {
    return new Batches(indices, batchSize, (batch) => {
      const placements = this.#placements(batch, null);
      return () => this.#prepare(batch, placements);
    });
  }

  /**
   * One training epoch over these examples: shuffled as PyTorch's `DataLoader(shuffle=True)` does with the default generator,
   * and augmented as torchvision's transforms do without workers. Several processes draw the same, and each gets its part of
   * every batch.
   *
   * @param batchSize of all processes together
   * @param generator stands for PyTorch's default generator; the augmentations draw from it batch after batch
   */
  training(indices: Int32Array, batchSize: number, generator: Generator): Batches<Batch> {
    return this.augmented(shuffled(indices, generator), batchSize, generator);
  }

  /**
   * Like `training`, as views for a contrastive loss.
   *
   * @param options.views `two`: each augmented with its own draws, first view first; `one`: both are one view
   */
  trainingViews(
    indices: Int32Array,
    batchSize: number,
    generator: Generator,
    options: { readonly viewAugmentation: Augmentation; readonly views: 'two' | 'one' },
  ): Batches<ViewPair> {
    const augmentation = options.viewAugmentation;
    return new Batches(shuffled(indices, generator), batchSize, (batch) => {
      const firstView = this.#placements(batch, augmentation, generator);
      const secondView =
        options.views === 'two' ? this.#placements(batch, augmentation, generator) : undefined;
      return async () => {
        const first = await this.#part(batch, firstView);
        if (secondView === undefined) return new ViewPair(first, first.images);
        try {
          const second = await this.#images(first.indices, this.context.partOf(secondView).own);
          return new ViewPair(first, second);
        } catch (error) {
          first[Symbol.dispose]();
          throw error;
        }
      };
    });
  }

  /** Batches of these examples in their order, with the training augmentation if the dataset has one. */
  augmented(indices: Int32Array, batchSize: number, generator: Generator): Batches<Batch> {
    const { augmentation } = this.dataset.preprocessing;
    return new Batches(indices, batchSize, (batch) => {
      const placements = this.#placements(batch, augmentation, generator);
      return () => this.#part(batch, placements);
    });
  }

  [Symbol.dispose](): void {
    this.#store.dispose();
  }

  /** How images become a batch: as in evaluation, or as an augmentation draws it image after image. */
  #placements(indices: Int32Array, augmentation: Augmentation, generator?: Generator): Placement[] {
    const { preprocessing } = this.dataset;
    return Array.from(indices, (index) => {
      const image = this.sizeOf(index);
      if (augmentation === null || generator === undefined) {
        return evaluationPlacement(image, preprocessing, false);
      }
      const { randomResizedCrop: crop, horizontalFlip } = augmentation;
      const source = crop && randomResizedCrop(image, crop, generator);
      const flip = happens(horizontalFlip, generator);
      const placement = source
        ? cropPlacement(source, crop.size ?? this.inputSize, flip)
        : evaluationPlacement(image, preprocessing, flip);
      return { ...placement, adjustments: randomAdjustments(augmentation, generator) };
    });
  }

  /** [height, width] of an example's image in pixels. */
  sizeOf(index: number): Size {
    return [this.stored.heights[index] as number, this.stored.widths[index] as number];
  }

  /** This process's part of a batch. */
  #part(batch: Int32Array, placements: readonly Placement[]): Promise<Batch> {
    const { own, part } = this.context.partOf(batch);
    return this.#prepare(own, this.context.partOf(placements).own, part);
  }

  async #prepare(
    indices: Int32Array,
    placements: readonly Placement[],
    part: BatchPart = { offset: 0, total: indices.length },
  ): Promise<Batch> {
    const images = await this.#images(indices, placements);
    const labels = await this.context.tensor(indices.map((index) => this.dataset.labels[index] as number));
    return new Batch(indices, images, labels, part);
  }

  async #images(indices: Int32Array, placements: readonly Placement[]): Promise<Tensor> {
    const { interpolation = 'bilinear', mean, std } = this.dataset.preprocessing;
    const { device, memoryFormat } = this.context;
    const nameOf = (index: number): string => this.dataset.examples[index]?.filename ?? '';
    const plan = batchPlan(indices, placements, nameOf);
    return this.#store.batch({ ...plan, interpolation, mean, std, device, memoryFormat });
  }
}
