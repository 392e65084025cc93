import type { JobOptions } from '../progress.js';
import { integer, oneOf, text, toggle } from '../settings/values.js';
import { addonInUse, MEMORY_FORMATS, native, type MemoryFormat } from './addon.js';
import { resolveDevice, setThreads, whyNoCuda } from './device.js';

/** How exactly float32 matrix products are computed, by the words of torch.set_float32_matmul_precision. */
export const MATMUL_PRECISIONS = ['highest', 'high', 'medium'] as const;
export type MatmulPrecision = (typeof MATMUL_PRECISIONS)[number];

/** Whether a GPU keeps the decoded images: where they take a quarter of its memory at most, always, or never. */
export const DEVICE_CACHES = ['auto', 'on', 'off'] as const;
export type DeviceCache = (typeof DEVICE_CACHES)[number];

/** Where and how the engine computes. The defaults are PyTorch's. */
export interface EngineOptions {
  /** `auto`, `cpu`, `cuda` or `cuda:n`; default: auto, the first CUDA device where there is one. */
  readonly device?: string | undefined;
  /** Threads of the compute lane; default: 0, all cores. */
  readonly threads?: number | undefined;
  /** Default: channels_last. */
  readonly memoryFormat?: MemoryFormat | undefined;
  /** As torch.set_float32_matmul_precision; default: highest. */
  readonly float32MatmulPrecision?: MatmulPrecision | undefined;
  /** torch.backends.cudnn.allow_tf32; default: yes. */
  readonly cudnnAllowTf32?: boolean | undefined;
  /** torch.backends.cudnn.benchmark; default: no. */
  readonly cudnnBenchmark?: boolean | undefined;
  /** torch.use_deterministic_algorithms, with cuDNN's deterministic kernels; default: no. */
  readonly deterministic?: boolean | undefined;
  /** Default: auto. */
  readonly cacheOnDevice?: DeviceCache | undefined;
}

/** What changes numbers, if only their last bits. */
const NUMERICS_TYPES = {
  memoryFormat: oneOf(MEMORY_FORMATS),
  float32MatmulPrecision: oneOf(MATMUL_PRECISIONS),
  cudnnAllowTf32: toggle(),
  cudnnBenchmark: toggle(),
  deterministic: toggle(),
} as const;

export const ENGINE_TYPES = {
  device: text('auto, cpu, cuda or cuda:n'),
  threads: integer(0),
  ...NUMERICS_TYPES,
  cacheOnDevice: oneOf(DEVICE_CACHES),
} as const;

/** What is given of the engine's options. */
export function engineOptions(options: EngineOptions): EngineOptions {
  return given(options, ENGINE_TYPES);
}

/** What is given of those that change numbers. */
export function numericOptions(options: EngineOptions): EngineOptions {
  return given(options, NUMERICS_TYPES);
}

function given(options: EngineOptions, types: object): EngineOptions {
  const names = Object.keys(types) as (keyof EngineOptions)[];
  return Object.fromEntries(
    names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]),
  );
}

/**
 * Makes the engine compute as these options say, for the whole process.
 *
 * @returns the device, `cpu` or `cuda:n`, and the threads of the compute lane
 * @throws what `resolveDevice` and `setThreads` throw
 */
export async function openEngine(
  options: EngineOptions & Pick<JobOptions, 'onInfo'>,
): Promise<{ device: string; threads: number }> {
  const device = resolveDevice(options.device);
  sayWhyCpu(device, options);
  const { deterministic = false } = options;
  // PyTorch refuses deterministic products without it. cuBLAS reads it once: a program that has computed on a GPU before sets it itself.
  if (deterministic) process.env.CUBLAS_WORKSPACE_CONFIG ??= ':4096:8';
  await native().setNumerics({
    float32MatmulPrecision: options.float32MatmulPrecision ?? 'highest',
    cudnnAllowTf32: options.cudnnAllowTf32 ?? true,
    cudnnBenchmark: options.cudnnBenchmark ?? false,
    deterministic,
  });
  return { device, threads: await setThreads(options.threads) };
}

let isSaid = false;

/** Says once why a libtorch with CUDA computes on the CPU, where nobody asked for that. */
function sayWhyCpu(
  device: string,
  { device: asked = 'auto', onInfo }: EngineOptions & Pick<JobOptions, 'onInfo'>,
): void {
  if (isSaid || asked !== 'auto' || device !== 'cpu' || addonInUse().libtorch.cuda === null) return;
  isSaid = true;
  onInfo?.(`Computing on the CPU: ${whyNoCuda()[0]}.`);
}
