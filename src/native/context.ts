import { type MemoryFormat, native, type NativeArray, type Tensor } from './addon.js';
import type { DeviceCache } from './engineOptions.js';
import { joinedGroup, ProcessGroup } from './processGroup.js';

export type { BatchPart } from './processGroup.js';

/** The context of programs that open no engine of their own. */
interface ContextOptions {
  /** `cpu`, or an accelerator such as `cuda:n` */
  readonly device: string;
  /** Default: channels_last. */
  readonly memoryFormat?: MemoryFormat | undefined;
  /** Default: auto. */
  readonly cacheOnDevice?: DeviceCache | undefined;
}

/** A context, or its options. */
export type InContext = { readonly context: ComputeContext } | ContextOptions;

/**
 * The place where a job computes, after Lightning's Fabric: the device, the memory format of images and weights, the threads, and the
 * processes that share the job. `openEngine` makes it; models, loaders, training and traces take it. It answers what differs between
 * devices.
 */
export class ComputeContext extends ProcessGroup {
  /** `cpu`, or an accelerator such as `cuda:n` */
  readonly device: string;
  readonly memoryFormat: MemoryFormat;
  readonly #cacheOnDevice: DeviceCache;

  constructor(
    { device, memoryFormat = 'channels_last', cacheOnDevice = 'auto' }: ContextOptions,
    /** Threads of the compute lane; 0: all cores. */
    readonly threads = 0,
  ) {
    super(joinedGroup());
    this.device = device;
    this.memoryFormat = memoryFormat;
    this.#cacheOnDevice = cacheOnDevice;
  }

  /** The context that is given, or one with the options that are. */
  static of(given: InContext): ComputeContext {
    return 'context' in given ? given.context : new ComputeContext(given);
  }

  /** The same with images and weights in another format. */
  withMemoryFormat(memoryFormat: MemoryFormat): ComputeContext {
    const { device, threads } = this;
    return new ComputeContext({ device, memoryFormat, cacheOnDevice: this.#cacheOnDevice }, threads);
  }

  get isCpu(): boolean {
    return this.device === 'cpu';
  }

  /** Whether bfloat16 is slower than float32. */
  get emulatesBf16(): boolean {
    return this.isCpu && !native().fastBf16;
  }

  /** The number of results that may be pending until the oldest one is read. */
  get mostPendingReads(): number {
    // Tests try a GPU's reads on the CPU.
    const asked = Number(process.env.SPURMEM_PENDING_READS);
    return asked > 0 ? asked : this.isCpu ? 1 : 3;
  }

  /** Whether decoded images of so many bytes are to lie in the device's own memory. */
  keepsImages(bytes: number): boolean {
    if (this.#cacheOnDevice !== 'auto') return this.#cacheOnDevice === 'on';
    const memory = native().deviceMemory(this.device);
    // The model and its activations need the rest.
    return memory !== null && bytes <= Math.min(memory.total / 4, memory.free / 2);
  }

  /** A tensor on the device. */
  tensor(data: NativeArray, shape: readonly number[] = [data.length]): Promise<Tensor> {
    return native().tensor(data, shape, this.device);
  }
}
