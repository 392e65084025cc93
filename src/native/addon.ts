import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { messageOf, SpurmemError } from '../errors.js';
import { checkoutAddon, compiledAddon, prebuiltAddon } from './addonFiles.js';
import { buildRecord } from './buildRecord.js';
import { findLibtorch } from './findLibtorch.js';
import type { Libtorch } from './libtorch.js';
import { addonMissing, loadAdvice, notBuilt, platformProblem } from './loadAdvice.js';
import { loadLibtorch } from './loadLibraries.js';
import { tryAddon } from './trial.js';

/** What a tensor's elements are. */
type DType = 'float32' | 'float64' | 'int32' | 'int64' | 'uint8';
/** A tensor's elements in JavaScript. */
export type NativeArray = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;
/** How images and convolutions' weights lie in memory: NHWC, which convolutions on the CPU prefer, or NCHW. */
export const MEMORY_FORMATS = ['channels_last', 'contiguous'] as const;
export type MemoryFormat = (typeof MEMORY_FORMATS)[number];

/** What layers compute in: float32, or bfloat16 as under torch.autocast. Weights, logits and losses are float32. */
export const PRECISIONS = ['fp32', 'bf16'] as const;
export type Precision = (typeof PRECISIONS)[number];

/**
 * A handle on a libtorch tensor. Its memory is freed by `dispose()`, or at the end of the scope of a `using`
 * declaration; the garbage collector cannot see it. Use after dispose throws a TypeError.
 */
export interface Tensor extends Disposable {
  readonly shape: number[];
  readonly dtype: DType;
  readonly disposed: boolean;
  dispose(): void;
  /** The value of a tensor with one element. */
  item(): Promise<number>;
  /** A copy in row-major order, as the typed array of its dtype. */
  data(): Promise<NativeArray>;
  /** Index of the largest value of each row of an [N, C] tensor; the lowest one where several tie. */
  argmax(): Promise<Int32Array>;
  /** torch.softmax(dim=1) of an [N, C] tensor; records the graph where this tensor has one. */
  softmax(): Promise<Tensor>;
  /** torch.Tensor.detach: the same values, outside of the graph. */
  detach(): Promise<Tensor>;
  /** Adds the gradient of this scalar, times `scale` (1), to the `grad` of every parameter of its graph. */
  backward(scale?: number): Promise<void>;
  /** The same [N, C, H, W] values in channels-last strides. */
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

/** What can be changed of an image's pixels, by torchvision's names and in `ColorJitter`'s order. */
export const ADJUSTMENTS = ['brightness', 'contrast', 'saturation', 'hue', 'grayscale', 'blur'] as const;

/** A change of an image's pixels. */
export interface Adjustment {
  readonly kind: (typeof ADJUSTMENTS)[number];
  /** The factor; of a hue its shift, from -0.5 to 0.5; of a blur its sigma in pixels; of a grayscale nothing. */
  readonly amount: number;
}

/** How images become a batch. */
export interface BatchOptions {
  /**
   * [N, 14], for each image: its index; the part that is resized (top, left, height, width); what it is resized to (height,
   * width); the part of that which is kept (top, left, height, width); where it lies in the batch (top, left), which is zero
   * elsewhere; 1 where it is mirrored. In pixels.
   */
  readonly placements: Int32Array;
  /** [height, width] of the batch in pixels. */
  readonly size: readonly [number, number];
  /**
   * [M, 3], for each change of an image's pixels, in the order in which they are made and image after image: the image's position
   * in the batch, the place of its kind in `ADJUSTMENTS`, and its amount. Left out: none.
   */
  readonly changes?: Float64Array;
  /** Side of a blur's kernel in pixels, odd; default: 1. */
  readonly blurKernel?: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly device: string;
  readonly memoryFormat: MemoryFormat;
}

/** Decoded images in a memory-mapped file. */
export interface NativeImageStore {
  /** [N, 3, H, W] float32, normalized, on the device. Runs on the data lane, beside the model's work. */
  batch(options: BatchOptions): Promise<Tensor>;
  /** Copies all pixels to a device, from which its batches are made there from now on. */
  cacheOn(device: string): Promise<void>;
  dispose(): void;
}

/**
 * How batch-norm normalizes: with the batch's statistics, which update the running ones (`shared`) or leave them alone
 * (`separate`), or with the running ones (`frozen`).
 */
export const BATCH_NORM_STATISTICS = ['shared', 'separate', 'frozen'] as const;
export type BatchNormStatistics = (typeof BATCH_NORM_STATISTICS)[number];

/** What a neuron is: an output channel or row with all its weights, or a single weight. */
export type Unit = 'neuron' | 'weight';

/** A perturbation of neurons of one layer. */
export interface WeightEdit {
  readonly layer: string;
  readonly unit: Unit;
  /**
   * Of weights z, `zero`: z = 0; `replace`: z = values; `add`: z = z + values. `output`: a neuron, which no single weight is,
   * gives a value, whatever it sees: all that its convolution or linear layer gives there, before batch-norm.
   */
  readonly kind: 'zero' | 'replace' | 'add' | 'output';
  /** Output channels or rows; single weights by their place in row-major order. */
  readonly neurons: Int32Array;
  /** For `replace` and `add`: all weights of the first neuron, then of the second, ...; for `output`: one a neuron. */
  readonly values?: Float32Array;
}

/** What a network is made of. */
export interface NetworkDescription {
  readonly parameters: readonly { readonly name: string; readonly shape: readonly number[] }[];
  readonly buffers: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** Names of the stages, in the order that a batch passes them. */
  readonly stages: readonly string[];
  /** Layers of neurons, in the order of their parameters. */
  readonly layers: readonly {
    readonly name: string;
    /** Its neurons. */
    readonly size: number;
    /** The weights of each neuron. */
    readonly weights: number;
    /** The stage that runs it. */
    readonly stage: number;
    /** Whether it lies around a residual block's layers, as ResNet's downsample convolutions do. */
    readonly isShortcut: boolean;
  }[];
  /** The classifier: the parameters' names, and how many features it takes. Null for a network without one. */
  readonly head: { readonly weight: string; readonly bias: string; readonly features: number } | null;
  /**
   * Layers whose output Grad-CAM can map onto the image, in the order of a forward pass: convolutions (within a block, its
   * downsample convolution comes last), and of vision transformers the LayerNorms before attention and MLP. The last
   * block's norm2 and the final norm are left out: behind them only the class token counts, so that their patches have no
   * gradient.
   */
  readonly mappable: readonly string[];
  /**
   * The layer that Grad-CAM maps where none is named: the last one, which is layer4.2.conv3 for ResNet-50, as in the
   * article, layer4.1.conv2 for ResNet-18, and the last block's norm1 for a vision transformer.
   */
  readonly mappedByDefault: string;
  /** Of a vision transformer: rows and columns of the patches. */
  readonly patches: readonly [number, number] | null;
}

/** How a batch passes a network. */
export interface PassOptions {
  /** Default: `frozen`. */
  readonly statistics?: BatchNormStatistics | undefined;
  /** Whether the graph is recorded; default: false. */
  readonly grad?: boolean | undefined;
  /** Neurons to perturb in this pass; the weights do not change. */
  readonly edits?: readonly WeightEdit[] | undefined;
  /** uint8 by layer: these weights are multiplied by it in this pass, as `magnitudeMasks` gives them. */
  readonly masks?: Readonly<Record<string, Tensor>> | undefined;
  /** Batch-norms to use instead of its own, as `copyNorms` gives them; `shared` updates their running statistics. */
  readonly norms?: Network | undefined;
  /** Whether no gradient of the logits reaches the features; default: false. */
  readonly detachFeatures?: boolean | undefined;
}

/** A network on a device, in the precision that it was made with. Jobs run in the order they are submitted. */
export interface Network {
  describe(): NetworkDescription;
  /** Logits [N, numClasses]. */
  forward(batch: Tensor, options?: PassOptions): Promise<Tensor>;
  /** Penultimate features [N, D], and their logits [N, numClasses]. */
  forwardFeatures(batch: Tensor, options?: PassOptions): Promise<{ features: Tensor; logits: Tensor }>;
  /** Logits and the input of each stage asked for, with the running statistics and without a graph. */
  forwardStages(batch: Tensor, stages: readonly number[]): Promise<{ logits: Tensor; inputs: Tensor[] }>;
  /** Logits from the input of a stage on, with neurons perturbed, with the running statistics and without a graph. */
  forwardFrom(stage: number, activation: Tensor, edits?: readonly WeightEdit[]): Promise<Tensor>;
  /**
   * Grad-CAM with the running statistics: float32 heat maps [N, H, W] at the batch's size, each with 1 as its highest value,
   * and [rows, columns] of the layer, from which they were enlarged.
   *
   * @param layer one of the description's `mappable`
   * @param output the logit
   */
  gradCam(batch: Tensor, layer: string, output: number): Promise<{ heat: Tensor; cells: [number, number] }>;
  /** Multiply-adds of each stage for a batch, [stages], from a forward pass. */
  stageCosts(batch: Tensor): Promise<Float64Array>;
  /**
   * [M] float32 in layer order, of each neuron's weights w and their gradients g: ||w||_2, ||g||_2, or -(g . w), how much the
   * loss grows where w becomes 0, to first order.
   */
  neuronScores(score: 'weight' | 'gradient' | 'gradient-x-weight', unit: Unit): Promise<Tensor>;
  /**
   * [M] float64: the sum over a batch's images of each neuron's mean output over positions or tokens, in layer order, with the
   * running statistics. It is what `output` sets: that of a convolution or linear layer, before batch-norm.
   */
  outputSums(batch: Tensor): Promise<Tensor>;
  /**
   * A mask that prunes a share of the single weights of all layers of neurons by magnitude: uint8 of each weight's shape, by
   * layer. It keeps what is at least as large as the smallest weight but ceil(share * M) of M.
   *
   * @param share above 0 and below 1
   */
  magnitudeMasks(share: number): Promise<Record<string, Tensor>>;
  /** A network of nothing but copies of its batch-norms' parameters and buffers, to train beside it; it has no stage. */
  copyNorms(): Promise<Network>;
  /** Copies of the gradients by parameter name. */
  gradients(): Promise<Record<string, Tensor>>;
  /** Sets the gradients of the parameters of these names; the others keep theirs. */
  loadGradients(gradients: Readonly<Record<string, Tensor>>): Promise<void>;
  /** Sets all gradients to none. */
  zeroGrad(): Promise<void>;
  /**
   * Makes it one that the processes of a group train, each on a part of every batch. Its parameters must be the same in all.
   *
   * @param synchronizesNorms whether batch-norm takes its statistics over all parts
   */
  distribute(group: NativeProcessGroup, synchronizesNorms: boolean): Promise<void>;
  /** Makes the next backward pass average the gradients over the processes; nothing where one process trains it. */
  prepareReduction(): Promise<void>;
  /** Sums the gradients over the processes; of a process without any, zeros. */
  sumGradients(group: NativeProcessGroup): Promise<void>;
  /** Makes the buffers, such as running statistics, what they are in the first process. */
  copyBuffersFromFirst(group: NativeProcessGroup): Promise<void>;
  /** Moves every weight and running statistic a share (0 to 1) of the way to those of a network of the same shape. */
  moveToward(other: Network, share: number): Promise<void>;
  /** All parameters and buffers by PyTorch name. They share memory with the network: copy them out before it changes. */
  state(): Promise<Record<string, Tensor>>;
  /** Copies tensors into the parameters and buffers of their names; nothing is written when one does not fit. */
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
  /** The ranks of processes that have ended, after a call failed: what is left of them asks. */
  missing(): Promise<Int32Array>;
}

/** torch.optim.Adam on a network's parameters. */
export interface NativeAdam {
  /** Resolves to whether the gradients were finite, and the network's parameters and buffers are after the step. */
  step(lr: number): Promise<{ gradients: boolean; weights: boolean }>;
  /** `exp_avg.<parameter>`, `exp_avg_sq.<parameter>` and `step.<parameter>`, which share memory with the optimizer. */
  state(): Promise<Record<string, Tensor>>;
  loadState(state: Readonly<Record<string, Tensor>>): Promise<void>;
}

/** Rows of a batch for a supervised contrastive loss. */
export interface ContrastiveSets {
  /** One a set, [S]. */
  readonly anchors: Int32Array;
  /** [S * M], those of the first set, then of the second, ... */
  readonly positives: Int32Array;
  /** [S * N] in the same order. */
  readonly negatives: Int32Array;
}

/** How a network is made. */
export interface NetworkOptions {
  /** What a file of `native/nn` makes: `resnet`, `vit`, `projection head`. */
  readonly family: string;
  /** What tells it from others of its family, by the family's own names. */
  readonly design: Readonly<Record<string, number | readonly number[]>>;
  readonly generator: Generator;
  readonly device: string;
  /** Of convolutions' weights; default: contiguous. */
  readonly memoryFormat?: MemoryFormat;
  /** Default: fp32. */
  readonly precision?: Precision;
}

/** The native addon: handles on libtorch's objects, and what computes on them. */
export interface Addon {
  readonly Tensor: { readonly prototype: Tensor };
  readonly Generator: new (seed: number | bigint) => Generator;
  readonly ImageStore: new (
    path: string,
    bytes: number,
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
    /** Of the keys in the store. */
    readonly prefix: string;
  }): Promise<NativeProcessGroup>;
  tensor(data: NativeArray, shape: readonly number[], device: string): Promise<Tensor>;
  /** A network with PyTorch's initial weights. */
  createNetwork(options: NetworkOptions): Promise<Network>;
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
  /** The sum of tensors times their weights, over all elements; a weight is a number, or one an element. */
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
  /** A GPU's name and memory in bytes; null for the CPU, and where the build had no headers of CUDA. */
  deviceMemory(
    device: string,
  ): { readonly name: string; readonly free: number; readonly total: number } | null;
  /** Sets the compute lane's threads (0 keeps them) and resolves to their number. */
  configure(threads: number): Promise<number>;
  /** Drops the jobs that this thread has queued and waits for the one at work; later ones are refused. */
  shutDown(): void;
  /** torch.matmul(a, b). */
  matmul(a: Tensor, b: Tensor): Promise<Tensor>;
  /** Tensors that are not disposed, in this process. */
  liveTensors(): number;
  /** The libtorch version that the addon was built with. */
  readonly torchVersion: string;
  readonly cudaDevices: number;
  /** The newest CUDA that NVIDIA's driver can run, 13020 for 13.2; null without a driver. */
  cudaDriver(): number | null;
  /** What is looked up by name in libtorch, and whether this one has it. */
  operators(): readonly {
    readonly name: string;
    readonly isFound: boolean;
    /** What is computed otherwise without it, and what that costs. */
    readonly without: string;
  }[];
  /** Whether the CPU's convolutions in bfloat16 are oneDNN's; without, they are many times slower than in float32. */
  readonly fastBf16: boolean;
}

/** An addon's file, and the libtorch that it computes with. */
interface AddonFile {
  readonly path: string;
  readonly libtorch: Libtorch;
}

let addon: (AddonFile & { readonly exports: Addon }) | undefined;

/** The addon, loaded at first use, so that nothing loads libtorch before it is needed. Throws `NATIVE_LOAD_FAILED`. */
export function native(): Addon {
  return loaded().exports;
}

/** The addon's file and its libtorch. Throws `NATIVE_LOAD_FAILED`. */
export function addonInUse(): AddonFile {
  const { path, libtorch } = loaded();
  return { path, libtorch };
}

function loaded(): AddonFile & { readonly exports: Addon } {
  if (addon === undefined) {
    const file = findAddon();
    addon = { ...file, exports: loadAddon(file.path, file.libtorch) };
  }
  return addon;
}

/**
 * Which addon is loaded: what SPURMEM_ADDON names, else what was built in the checkout, else, for the libtorch of this machine,
 * the addon of `spurmem build` or of the package.
 *
 * @throws SpurmemError `NATIVE_LOAD_FAILED` where there is none, `LIBTORCH_UNUSABLE` where there is no libtorch
 */
function findAddon(): AddonFile {
  const problem = platformProblem();
  if (problem !== undefined) throw new SpurmemError('NATIVE_LOAD_FAILED', problem);
  const chosen = process.env.SPURMEM_ADDON === '' ? undefined : process.env.SPURMEM_ADDON;
  if (chosen !== undefined && !existsSync(chosen)) {
    throw new SpurmemError('NATIVE_LOAD_FAILED', addonMissing(resolve(chosen)));
  }
  const path = chosen === undefined ? checkoutAddon() : resolve(chosen);
  if (path !== undefined) return { path, libtorch: buildRecord(path) ?? findLibtorch() };
  const libtorch = findLibtorch();
  return { path: compiledAddon(libtorch) ?? fittingPrebuild(libtorch), libtorch };
}

/** The package's addon for a libtorch, which was tried with it. */
function fittingPrebuild(libtorch: Libtorch): string {
  const path = prebuiltAddon(libtorch);
  const problem = path === undefined ? undefined : tryAddon(path, libtorch);
  if (path === undefined || problem !== undefined) {
    throw new SpurmemError('NATIVE_LOAD_FAILED', notBuilt(libtorch, path, problem));
  }
  return path;
}

/**
 * Loads the addon of a file with a libtorch.
 *
 * @throws SpurmemError `NATIVE_LOAD_FAILED`
 */
export function loadAddon(path: string, libtorch: Libtorch): Addon {
  quietUcx();
  boundSpinning();
  let loaded: Addon;
  try {
    loadLibtorch(libtorch);
    loaded = createRequire(import.meta.url)(path) as Addon;
  } catch (error) {
    throw new SpurmemError('NATIVE_LOAD_FAILED', loadAdvice(path, libtorch, messageOf(error)), {
      cause: error,
    });
  }
  if (typeof (loaded as Partial<Addon>).createNetwork !== 'function') {
    throw new SpurmemError(
      'NATIVE_LOAD_FAILED',
      loadAdvice(path, libtorch, 'it is another module, not spurmem\u2019s addon'),
    );
  }
  // libtorch must not be torn down under a running kernel, and process.exit() runs no hook of the addon's.
  process.once('exit', () => {
    loaded.shutDown();
  });
  Object.defineProperty(loaded.Tensor.prototype, Symbol.dispose, {
    configurable: true,
    value(this: Tensor) {
      this.dispose();
    },
  });
  return loaded;
}

/**
 * Debian's libtorch brings Open MPI and with it UCX, which patches the process's memory functions as it is loaded. Node's
 * threads are at work by then, and about one start in a hundred crashed on a busy machine. Nothing here uses MPI.
 */
function quietUcx(): void {
  process.env.UCX_MEM_EVENTS ??= 'n';
  process.env.UCX_MEM_MMAP_HOOK_MODE ??= 'none';
}

/**
 * OpenMP's threads wait for one another by spinning. Where another process has a core, they spin while the thread that they wait
 * for is not scheduled, which slows a training step several times over. 1000 turns cost nothing alone (docs/benchmarks.md).
 * libgomp reads this when it is loaded, which is when the addon is.
 */
function boundSpinning(): void {
  if (process.env.OMP_WAIT_POLICY === undefined) process.env.GOMP_SPINCOUNT ??= '1000';
}
