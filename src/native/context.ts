import { messageOf, systemCode } from '../errors.js';
import { native } from './addon.js';
import type { MemoryFormat, NativeArray, Tensor } from './interface.js';
import { joinedGroup, ProcessGroup } from './processGroup.js';

export type { BatchPart } from './processGroup.js';

/** The context of programs that open no engine of their own. */
interface ContextOptions {
  /** `cpu` or `cuda:n` */
  readonly device: string;
  /** Default: channels_last. */
  readonly memoryFormat?: MemoryFormat | undefined;
}

/** A context, or its options. */
export type InContext = { readonly context: ComputeContext } | ContextOptions;

/**
 * The place where a job computes, after Lightning's Fabric: the device, the memory format of images and weights, the threads, and the
 * processes that share the job. `openEngine` makes it; models, loaders, training and traces take it. It hides the differences between
 * devices.
 */
export class ComputeContext extends ProcessGroup implements Disposable {
  /** `cpu` or `cuda:n` */
  readonly device: string;
  readonly memoryFormat: MemoryFormat;

  constructor(
    { device, memoryFormat = 'channels_last' }: ContextOptions,
    /** Threads of the compute lane; 0: all cores. */
    readonly threads = 0,
    private readonly release: () => void = () => undefined,
  ) {
    super(joinedGroup());
    this.device = device;
    this.memoryFormat = memoryFormat;
  }

  /** Returns the given context, or one with the given options. */
  static of(given: InContext): ComputeContext {
    return 'context' in given ? given.context : new ComputeContext(given);
  }

  /** Returns a context with images and weights in another format. */
  withMemoryFormat(memoryFormat: MemoryFormat): ComputeContext {
    return new ComputeContext({ device: this.device, memoryFormat }, this.threads);
  }

  /** Ends its claim on the process's way of computing: jobs with other threads or numerics may begin. */
  [Symbol.dispose](): void {
    this.release();
  }

  get isCpu(): boolean {
    return this.device === 'cpu';
  }

  /** Whether bfloat16 is slower than float32. */
  get emulatesBf16(): boolean {
    return this.isCpu && !native().fastBf16;
  }

  /** The number of results that may be pending until the oldest one is read. */
  get maxPendingReads(): number {
    return this.isCpu ? 1 : 3;
  }

  /** A tensor on the device. */
  tensor(data: NativeArray, shape: readonly number[] = [data.length]): Promise<Tensor> {
    return native().tensor(data, shape, this.device);
  }
}

/** Work on the compute lane, and the rest of the work once its values are read. */
export interface PendingRead<Values> {
  readonly read: Promise<Values>;
  readonly finish: (values: Values) => void | Promise<void>;
  /** Called in the end, also after an error. */
  readonly dispose?: () => void;
}

/**
 * Reads that stay pending while the next work begins: a GPU has the next piece's kernels before this one ends, and no step waits for
 * the host. Pieces are finished in order. On the CPU, whose lane has a queue of its own, each is finished before the next.
 */
export class PendingReads implements AsyncDisposable {
  readonly #pending: PendingRead<unknown>[] = [];
  readonly #max: number;

  constructor({ maxPendingReads }: Pick<ComputeContext, 'maxPendingReads'>) {
    this.#max = maxPendingReads;
  }

  /** Takes one more piece, and finishes the oldest ones until few enough are pending. Throws their errors. */
  async add<Values>(piece: PendingRead<Values>): Promise<void> {
    // Handled when its turn comes.
    piece.read.catch(() => undefined);
    this.#pending.push(piece as PendingRead<unknown>);
    while (this.#pending.length >= this.#max) await this.#finishOldest();
  }

  /** Finishes all that are pending. */
  async drain(): Promise<void> {
    while (this.#pending.length > 0) await this.#finishOldest();
  }

  /** Disposes of pending pieces after an error. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { read, dispose } of this.#pending.splice(0)) {
      await read.catch(() => undefined);
      dispose?.();
    }
  }

  async #finishOldest(): Promise<void> {
    const oldest = this.#pending.shift();
    if (!oldest) return;
    try {
      await oldest.finish(await oldest.read);
    } finally {
      oldest.dispose?.();
    }
  }
}

/** Whether the engine failed because memory has run out: the host's or the device's. */
export function isOutOfMemory(error: unknown): boolean {
  if (systemCode(error) !== 'NATIVE_FAILED') return false;
  return /can't allocate memory|out of memory|bad_alloc|could not create a (memory|primitive)/i.test(
    messageOf(error),
  );
}

/** Tensors that are freed together, at the end of the scope of a `using` declaration. */
export class TensorScope implements Disposable {
  readonly #tensors = new Set<Tensor>();

  /** Takes a tensor, or all of an object's, and returns its argument. */
  own<Made extends Tensor | Readonly<Record<string, Tensor>>>(made: Made): Made {
    const tensors = typeof made.dispose === 'function' ? [made as Tensor] : Object.values(made);
    for (const tensor of tensors as readonly Tensor[]) this.#tensors.add(tensor);
    return made;
  }

  /** Lets tensors outlive the scope. */
  release(...tensors: readonly Tensor[]): void {
    for (const tensor of tensors) this.#tensors.delete(tensor);
  }

  [Symbol.dispose](): void {
    for (const tensor of this.#tensors) tensor.dispose();
  }
}
