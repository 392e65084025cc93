import type { Plan } from './plan.js';

/** The type of a tensor's elements. */
type DType = 'float32' | 'float64' | 'int32' | 'int64' | 'uint8';
/** A tensor's elements in JavaScript. */
export type NativeArray = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;
/** How images and convolutions' weights lie in memory: NHWC, which convolutions on the CPU prefer, or NCHW. */
export const MEMORY_FORMATS = ['channels_last', 'contiguous'] as const;
export type MemoryFormat = (typeof MEMORY_FORMATS)[number];

/** The layers' precision: float32, or bfloat16 as under torch.autocast. Weights, logits and losses are float32. */
export const PRECISIONS = ['fp32', 'bf16'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** A handle on a libtorch tensor. `dispose()` or the end of a `using` scope frees its memory; use after that throws a TypeError. */
export interface Tensor extends Disposable {
  readonly shape: number[];
  readonly dtype: DType;
  readonly disposed: boolean;
  dispose(): void;
  /** The value of a tensor with one element. */
  item(): Promise<number>;
  /** A copy in row-major order, as the typed array of its dtype. */
  data(): Promise<NativeArray>;
  /** Index of the largest value of each row of an [N, C] tensor; ties: the lowest one. */
  argmax(): Promise<Int32Array>;
  /** torch.softmax(dim=1) of an [N, C] tensor; records the graph if this tensor has one. */
  softmax(): Promise<Tensor>;
  /** Adds the gradient of this scalar, times `scale` (1), to the `grad` of every parameter of its graph. */
  backward(scale?: number): Promise<void>;
  /** A copy of [N, C, H, W] values in channels-last strides. */
  channelsLast(): Promise<Tensor>;
}

/** torch.Generator on the CPU: the same seed draws the same numbers as PyTorch. Draws run at once, on this thread. */
export interface Generator {
  /** A uniform int64 >= 0, as `torch.empty((), dtype=torch.int64).random_()` draws it. */
  random(): bigint;
  /** torch.randperm(n). */
  randperm(n: number): Int32Array;
  /** torch.randn(n). */
  randn(n: number): Float32Array;
  /** torch.multinomial(weights, n, replacement=True) of float64 weights, as WeightedRandomSampler draws. */
  multinomial(weights: Float64Array, n: number): Int32Array;
  /** torch.empty(1).uniform_(low, high), float32. */
  uniform(low: number, high: number): number;
  /** torch.exp(torch.empty(1).uniform_(log(low), log(high))), with float32 logarithms, as RandomResizedCrop draws ratios. */
  logUniform(low: number, high: number): number;
  /** torch.randint(0, high, ()). */
  randint(high: number): number;
  getState(): Uint8Array;
  setState(state: Uint8Array): void;
}

/** Changes of an image's pixels, by torchvision's names and in `ColorJitter`'s order. */
export const ADJUSTMENTS = ['brightness', 'contrast', 'saturation', 'hue', 'grayscale', 'blur'] as const;

/** A change of an image's pixels. */
export interface Adjustment {
  readonly kind: (typeof ADJUSTMENTS)[number];
  /** A factor; for a hue its shift, from -0.5 to 0.5; for a blur its sigma in pixels; for a grayscale unused. */
  readonly amount: number;
}

/** How images are resized, with antialiasing; by torchvision's names. */
export const INTERPOLATIONS = ['bilinear', 'bicubic'] as const;
type Interpolation = (typeof INTERPOLATIONS)[number];

/** How a batch of images is made. */
export interface BatchOptions {
  /**
   * [N, 14], for each image, in pixels: its index; the part to resize (top, left, height, width); the size after resizing (height,
   * width); the part of that to keep (top, left, height, width); its place in the batch image (top, left), which is zero elsewhere; 1 if it
   * is mirrored.
   */
  readonly placements: Int32Array;
  /** [height, width] of the batch in pixels. */
  readonly size: readonly [number, number];
  /** [M, 3], for each change, image after image: the image's position in the batch, the kind's in `ADJUSTMENTS`, and the amount. */
  readonly changes?: Float64Array;
  /** Side of a blur's kernel in pixels, odd; default: 1. */
  readonly blurKernel?: number;
  readonly interpolation: Interpolation;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly device: string;
  readonly memoryFormat: MemoryFormat;
}

/** The libraries that decode images, by file name or path; null: none. */
export interface ImageDecoders {
  readonly jpeg: string | null;
  readonly png: string | null;
}

/** Decoded images in memory-mapped files. */
export interface NativeImageStore {
  /** [N, 3, H, W] float32, normalized, on the device. Runs on the data lane while the model computes. */
  batch(options: BatchOptions): Promise<Tensor>;
  dispose(): void;
}

/**
 * How batch-norm normalizes: with the batch's statistics, which update the running ones (`shared`) or leave them alone
 * (`separate`), or with the running ones (`frozen`).
 */
export const BATCH_NORM_STATISTICS = ['shared', 'separate', 'frozen'] as const;
export type BatchNormStatistics = (typeof BATCH_NORM_STATISTICS)[number];

/** A neuron: an output channel or row with all its weights, or a single weight. */
export type Unit = 'neuron' | 'weight';

/** A perturbation of neurons of one layer. */
export interface WeightEdit {
  readonly layer: string;
  readonly unit: Unit;
  /**
   * `zero`, `replace` and `add` change the weights. `output` fixes a neuron's output, that of its convolution or linear layer, before
   * batch-norm; a single weight has none.
   */
  readonly kind: 'zero' | 'replace' | 'add' | 'output';
  /** Output channels or rows; single weights by their place in row-major order. */
  readonly neurons: Int32Array;
  /** For `replace` and `add`: all weights of the first neuron, then of the second, ...; for `output`: one per neuron. */
  readonly values?: Float32Array;
}

/** How a network runs. */
export interface PassOptions {
  /** Default: `frozen`. */
  readonly statistics?: BatchNormStatistics | undefined;
  /** Whether the graph is recorded; default: false. */
  readonly grad?: boolean | undefined;
  /** Neurons to perturb in this pass; the weights do not change. */
  readonly edits?: readonly WeightEdit[] | undefined;
  /** The stage whose input is given; default: 0, the images. */
  readonly stage?: number | undefined;
}

/** The outputs of K neurons of some layers for N images. Dispose of its tensors. */
export interface NeuronOutputs {
  /** In the order of the edits. */
  readonly layers: readonly {
    /** [N, K, P] float32: at each of P positions of a feature map, or for each of P tokens. */
    readonly outputs: Tensor;
    /** [rows, columns] of the last positions, which are parts of the image; zeros if unknown. */
    readonly cells: readonly [number, number];
  }[];
  /** [N, all K] float32: the highest output over the positions. */
  readonly highest: Tensor;
  /** [N, all K] int32: the first position that has it. */
  readonly places: Tensor;
  /** [N, all K] float32: the mean over positions. */
  readonly means: Tensor;
}

/** A network on a device, in the precision that it was made with. Jobs run in the order they are submitted. */
export interface Network {
  /** Runs it on a batch: logits [N, numClasses]. */
  run(input: Tensor, options?: PassOptions): Promise<{ logits: Tensor }>;
  /** Returns the penultimate features [N, D], too. */
  run(
    input: Tensor,
    options: PassOptions & { readonly features: true },
  ): Promise<{ logits: Tensor; features: Tensor }>;
  /** Returns the inputs of these stages, too. */
  run(
    input: Tensor,
    options: PassOptions & { readonly inputs: readonly number[] },
  ): Promise<{ logits: Tensor; inputs: Tensor[] }>;
  /** Returns the multiply-adds of each stage for this batch, too. */
  run(
    input: Tensor,
    options: PassOptions & { readonly costs: true },
  ): Promise<{ logits: Tensor; costs: Float64Array }>;
  /**
   * Grad-CAM of a logit at one of the `mappable` layers, with the running statistics: float32 heat maps [N, H, W] at the batch's size,
   * each with 1 as its highest value, and [rows, columns] of the layer, from which they were enlarged.
   */
  gradCam(batch: Tensor, layer: string, output: number): Promise<{ heat: Tensor; cells: [number, number] }>;
  /**
   * [M] float32 in layer order, of each neuron's weights w and their gradients g: ||w||_2, ||g||_2, or -(g . w), the loss's growth to
   * first order where w becomes 0.
   */
  neuronScores(score: 'weight' | 'gradient' | 'gradient-x-weight', unit: Unit): Promise<Tensor>;
  /**
   * [M] float64 in layer order, with the running statistics: the sum over a batch's images of each neuron's mean output over positions
   * or tokens. It is the output that an edit of kind `output` sets.
   */
  outputSums(batch: Tensor): Promise<Tensor>;
  /**
   * The outputs of some neurons for a batch, before batch-norm, with the running statistics, as PyTorch's forward hooks see them.
   *
   * @param neurons edits of kind `zero`, a layer each, as masks have them
   */
  neuronOutputs(batch: Tensor, neurons: readonly WeightEdit[]): Promise<NeuronOutputs>;
  /** Copies of the gradients by parameter name. */
  gradients(): Promise<Record<string, Tensor>>;
  /** Sets the gradients of the parameters of these names; the others keep theirs. */
  loadGradients(gradients: Readonly<Record<string, Tensor>>): Promise<void>;
  /**
   * Trains the weights of these neurons alone from now on, to be called once: other parameters have no gradient, and theirs is multiplied
   * by a mask in the backward pass, as a hook of PyTorch does.
   *
   * @param neurons edits of kind `zero`, a layer each, as masks have them
   */
  trainOnly(neurons: readonly WeightEdit[]): Promise<void>;
  /** @param reduces whether the next backward pass averages the gradients over the processes, if there are several */
  zeroGrad(reduces?: boolean): Promise<void>;
  /**
   * Has the processes of a group train it, each on a part of every batch. Its parameters must be the same in all.
   *
   * @param synchronizesNorms whether batch-norm takes its statistics over all parts
   */
  distribute(group: NativeProcessGroup, synchronizesNorms: boolean): Promise<void>;
  /** Sums the gradients over the processes; a process without any adds zeros. */
  sumGradients(group: NativeProcessGroup): Promise<void>;
  /** Copies the buffers, such as running statistics, from the first process. */
  copyBuffersFromFirst(group: NativeProcessGroup): Promise<void>;
  /** Moves every weight and running statistic a share (0 to 1) of the way to those of a network of the same shape. */
  moveToward(other: Network, share: number): Promise<void>;
  /** All parameters and buffers by PyTorch name. They share memory with the network: copy them out before it changes. */
  state(): Promise<Record<string, Tensor>>;
  /** Copies tensors into the parameters and buffers of their names; writes nothing if one does not fit. */
  loadState(tensors: Readonly<Record<string, Tensor>>): Promise<void>;
  dispose(): void;
}

/** c10d's process group. All processes make the same calls in the same order. */
export interface NativeProcessGroup {
  /** The sums over all processes. */
  sum(values: NativeArray): Promise<NativeArray>;
  /** The values of the first process; as many in all. */
  copyFromFirst(values: NativeArray): Promise<NativeArray>;
  /**
   * The rows [N, ...] of all processes, [total, ...], of which this one's begin at `offset`, with a graph: the gradient of a loss
   * that each process takes of all of them is that of its own rows times total / N.
   */
  gather(rows: Tensor, offset: number, total: number): Promise<Tensor>;
  /** The ranks of processes that have ended, after a call failed. */
  missing(): Promise<Int32Array>;
}

/** torch.optim.Adam on a network's parameters. */
export interface NativeAdam {
  /** Resolves to whether the gradients were finite, and the network's parameters and buffers are after the step. */
  step(lr: number): Promise<{ gradients: boolean; weights: boolean }>;
  /** `exp_avg.<parameter>`, `exp_avg_sq.<parameter>` and `step.<parameter>`, which share memory with the optimizer. */
  state(): Promise<Record<string, Tensor>>;
  loadState(state: Readonly<Record<string, Tensor>>): Promise<void>;
  dispose(): void;
}

/** Rows of a batch for a supervised contrastive loss. */
export interface ContrastiveSets {
  /** One per set, [S]. */
  readonly anchors: Int32Array;
  /** [S * M], set after set. */
  readonly positives: Int32Array;
  /** [S * N] in the same order. */
  readonly negatives: Int32Array;
}

/** How a network is made. */
interface NetworkOptions {
  /** Checked again. */
  readonly plan: Plan;
  /** The values of the plan's constants, by name. */
  readonly constants?: Readonly<Record<string, Tensor>>;
  /** Draws the initial values. */
  readonly generator: Generator;
  readonly device: string;
  /** The format of convolutions' weights; default: contiguous. */
  readonly memoryFormat?: MemoryFormat;
  /** Default: fp32. */
  readonly precision?: Precision;
}

/** The native addon: handles on libtorch's objects, and functions that compute on them. */
export interface Addon {
  readonly Tensor: { readonly prototype: Tensor };
  readonly Generator: new (seed: number | bigint) => Generator;
  readonly ImageStore: new (
    paths: readonly string[],
    fileOf: Int32Array,
    offsets: Float64Array,
    heights: Int32Array,
    widths: Int32Array,
  ) => NativeImageStore;
  readonly Adam: new (
    network: Network,
    options: { beta1: number; beta2: number; eps: number; weightDecay: number },
  ) => NativeAdam;
  /** Resolves once all processes are there. */
  joinProcessGroup(rendezvous: {
    readonly rank: number;
    readonly size: number;
    readonly host: string;
    readonly port: number;
    /** Whether this process keeps the store at which they meet. */
    readonly hostsStore: boolean;
    /** The keys' prefix in the store. */
    readonly prefix: string;
  }): Promise<NativeProcessGroup>;
  /**
   * Loads the first library of each list that loads, and returns its name; null if none does. A loaded library stays.
   *
   * @param jpeg libturbojpeg.so.0
   * @param png libspng.so.0
   */
  loadDecoders(jpeg: readonly string[], png: readonly string[]): ImageDecoders;
  /**
   * Decodes images to PIL's pixels, [height, width, 3] uint8, with their CRC-32. Stops early once they take much memory, after one image at
   * least. Null for an image that is damaged, reached through a link, or not decoded here.
   */
  decodeImages(
    paths: readonly string[],
  ): Promise<(Readonly<Record<'height' | 'width' | 'checksum', number> & { pixels: Uint8Array }> | null)[]>;
  tensor(data: NativeArray, shape: readonly number[], device: string): Promise<Tensor>;
  /** A network of a plan. */
  createNetwork(options: NetworkOptions): Promise<Network>;
  /** The operators that a plan may call, whether their results may alias their arguments, and whether they write there. */
  planOperators(): readonly {
    readonly name: string;
    readonly aliases: boolean;
    readonly writes: boolean;
  }[];
  crossEntropy(logits: Tensor, labels: Tensor, reduction: 'mean' | 'none'): Promise<Tensor>;
  /** torch.nn.MSELoss of the softmax against the one-hot class; `none`: the mean over classes of each sample. */
  squaredError(logits: Tensor, labels: Tensor, reduction: 'mean' | 'none'): Promise<Tensor>;
  /** NT-Xent of two views [N, D], with cosine similarity: a scalar, the mean over 2N rows. */
  ntXent(a: Tensor, b: Tensor, temperature: number): Promise<Tensor>;
  /**
   * The supervised contrastive loss of sets of rows of features [N, D], with cosine similarity: a scalar, the mean over sets
   * and positives p of -log(exp(s_p) / (sum over the set's positives and negatives of exp(s))), s = similarity / temperature.
   */
  supervisedContrast(features: Tensor, sets: ContrastiveSets, temperature: number): Promise<Tensor>;
  /** The sum of tensors times their weights, over all elements; a weight is a number, or one per element. */
  combine(
    terms: readonly { readonly tensor: Tensor; readonly weight: number | Float32Array }[],
  ): Promise<Tensor>;
  /** Sets how the whole process computes, by the names of torch.backends and torch.set_float32_matmul_precision. */
  setNumerics(numerics: {
    readonly float32MatmulPrecision: 'highest' | 'high' | 'medium';
    readonly cudnnAllowTf32: boolean;
    readonly cudnnBenchmark: boolean;
    readonly deterministic: boolean;
  }): Promise<void>;
  /** A GPU's name and memory in bytes; null for the CPU. */
  deviceMemory(
    device: string,
  ): { readonly name: string; readonly free: number; readonly total: number } | null;
  /** Sets the compute lane's threads (0: libtorch's default, all cores) and resolves to their number. */
  configure(threads: number): Promise<number>;
  /**
   * Claims the process's way of computing until `release`; jobs that want the same share it. Returns null, or the way that others claimed.
   * A closing environment releases its claims.
   */
  claim(how: string): string | null;
  release(): void;
  /** Drops the jobs that this thread has queued and waits for the running one; later ones are refused. */
  shutDown(): void;
  /** torch.matmul(a, b). */
  matmul(a: Tensor, b: Tensor): Promise<Tensor>;
  /** Tensors that are not disposed, in this process. */
  liveTensors(): number;
  /** The libtorch version that the addon was built with. */
  readonly torchVersion: string;
  /** The kinds of device besides the CPU, with their numbers. */
  accelerators(): readonly Accelerator[];
  /** The newest CUDA that NVIDIA's driver can run, 13020 for 13.2; null without a driver. */
  cudaDriver(): number | null;
  /** The operators that are looked up by name in libtorch; `without` describes the cost if one is missing. */
  operators(): readonly { readonly name: string; readonly isFound: boolean; readonly without: string }[];
  /** Whether the CPU's convolutions in bfloat16 are oneDNN's; without, they are many times slower than in float32. */
  readonly fastBf16: boolean;
}

/** A kind of device besides the CPU: `cuda`, or `test`, which tests register. */
export interface Accelerator {
  readonly name: string;
  /** How many libtorch sees here. */
  readonly devices: number;
}
