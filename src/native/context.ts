import { type MemoryFormat, native, type NativeArray, type Tensor } from './addon.js';
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
 * processes that share the job. `openEngine` makes it; models, loaders, training and traces take it. It answers what differs between
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

  /** The context that is given, or one with the options that are. */
  static of(given: InContext): ComputeContext {
    return 'context' in given ? given.context : new ComputeContext(given);
  }

  /** The same with images and weights in another format. */
  withMemoryFormat(memoryFormat: MemoryFormat): ComputeContext {
    return new ComputeContext({ device: this.device, memoryFormat }, this.threads);
  }

  /** Ends its claim on how the process computes: jobs with other threads or numerics may begin. */
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
