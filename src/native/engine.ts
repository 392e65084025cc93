import { availableParallelism } from 'node:os';
import { invalidParameter, SpurmemError } from '../errors.js';
import type { JobOptions } from '../progress.js';
import { isWhole, RANGES } from '../settings/ranges.js';
import { type GivenOf, givenOf, resolveSettings, setting, typesOf } from '../settings/setting.js';
import { integer, oneOf, text, toggle } from '../settings/values.js';
import { addonInUse, native } from './addon.js';
import { ComputeContext } from './context.js';
import { type Accelerator, MEMORY_FORMATS } from './interface.js';
import { joinedGroup } from './processGroup.js';

/** The precisions of float32 matrix products, by the words of torch.set_float32_matmul_precision. */
export const MATMUL_PRECISIONS = ['highest', 'high', 'medium'] as const;

const source = 'PyTorch\u2019s default';

/** Options that may change the last bits of numbers. */
const NUMERICS = {
  memoryFormat: setting({
    type: oneOf(MEMORY_FORMATS),
    argument: 'format',
    help: 'memory layout of images and convolutions: NHWC or NCHW',
    default: 'channels_last',
    source: 'faster than PyTorch\u2019s default, contiguous',
  }),
  float32MatmulPrecision: setting({
    type: oneOf(MATMUL_PRECISIONS),
    argument: 'precision',
    help: 'as torch.set_float32_matmul_precision: high and medium take TF32 on a GPU',
    default: 'highest',
    source,
  }),
  cudnnAllowTf32: setting({
    type: toggle(),
    argument: 'yes|no',
    help: 'torch.backends.cudnn.allow_tf32',
    default: true,
    source,
  }),
  cudnnBenchmark: setting({
    type: toggle(),
    argument: '',
    help: 'torch.backends.cudnn.benchmark: the fastest kernels, found by trying',
    default: false,
    source,
  }),
  deterministic: setting({
    type: toggle(),
    argument: '',
    help: 'torch.use_deterministic_algorithms: the same bits in each run on one GPU',
    default: false,
    source,
  }),
} as const;

/** The engine's options, declared once: types, checks, options of the command line and schemas of files. */
export const ENGINE_SETTINGS = {
  device: setting({
    type: text('auto, cpu or cuda:n'),
    argument: 'device',
    help: 'auto, cpu or cuda:n',
    default: 'auto',
    source: 'the first GPU, else the CPU',
  }),
  threads: setting({
    type: integer(0),
    argument: 'n',
    help: 'threads of the compute lane; 0: all cores',
    default: 0,
    source,
  }),
  ...NUMERICS,
} as const;

/** Where and how the engine computes. */
export type EngineOptions = GivenOf<typeof ENGINE_SETTINGS>;

export const ENGINE_TYPES = typesOf(ENGINE_SETTINGS);

/** The engine's options that were given. */
export function engineOptions(options: EngineOptions): EngineOptions {
  return givenOf(ENGINE_SETTINGS, options);
}

/**
 * Sets the process's threads and numerics until the context is disposed. Jobs that want the same settings may run at the same time.
 *
 * @throws `USAGE` if other jobs of the process want others, and what `resolveDevice` and `setThreads` throw
 */
export async function openEngine(
  options: EngineOptions & Pick<JobOptions, 'onInfo'>,
): Promise<ComputeContext> {
  const { device: name, memoryFormat, ...how } = resolveSettings(ENGINE_SETTINGS, 'article', options);
  const device = resolveDevice(name, joinedGroup().isDistributed);
  const release = claim(how);
  try {
    const { threads: wanted, ...numerics } = how;
    // PyTorch refuses deterministic products without it. cuBLAS reads it once: a program that computed on a GPU before must set it itself.
    if (numerics.deterministic) process.env.CUBLAS_WORKSPACE_CONFIG ??= ':4096:8';
    await native().setNumerics(numerics);
    const threads = await setThreads(wanted);
    const context = new ComputeContext({ device, memoryFormat }, threads, release);
    if (name === 'auto') explainCpu(context, options.onInfo);
    return context;
  } catch (error) {
    release();
    throw error;
  }
}

/** Claims the process's threads and numerics. Returns a function that ends the claim. Throws `USAGE`. */
function claim(wanted: Readonly<Record<string, unknown>>): () => void {
  const others = native().claim(JSON.stringify(wanted));
  if (others !== null) {
    const theirs = JSON.parse(others) as typeof wanted;
    const [name = '', value] = Object.entries(wanted).find(([key, one]) => theirs[key] !== one) ?? [];
    const advice = ['Wait for that job, give both the same, or start another process.'];
    throw new SpurmemError(
      'USAGE',
      `\`${name}\` is ${String(value)}, and another job of this process computes with ${String(theirs[name])}: it holds for the whole process.`,
      { parameter: name, value, advice },
    );
  }
  let isHeld = true;
  return () => {
    if (isHeld) native().release();
    isHeld = false;
  };
}

/** Numbers the processes that run jobs side by side, in their environment: each takes a GPU of its own. */
export const PROCESS_NUMBER = 'SPURMEM_PROCESS_NUMBER';

let isExplained = false;

/** Explains once why a libtorch with CUDA computes on the CPU of a machine with its driver though `device` is auto. */
function explainCpu({ isCpu }: ComputeContext, onInfo: JobOptions['onInfo']): void {
  const hasDriver = addonInUse().libtorch.cuda !== null && native().cudaDriver() !== null;
  if (isExplained || !isCpu || !hasDriver) return;
  isExplained = true;
  onInfo?.(`Computing on the CPU: ${whyNoCuda()[0]}.`);
}

/**
 * Resolves a device's name (default: auto). `auto` is the first GPU, or the one of this process's number on its machine (LOCAL_RANK,
 * SLURM_LOCALID, or that of jobs side by side); without a GPU, the CPU.
 *
 * @returns `cpu` or `cuda:n`
 * @throws `USAGE` for another word, `DEVICE_UNAVAILABLE` for a missing device
 */
export function resolveDevice(name = 'auto', isDistributed = false): string {
  const accelerators = native().accelerators();
  const expected = ['auto', 'cpu', ...accelerators.map((one) => `${one.name}:n`)].join(', ');
  if (name === 'cpu') return 'cpu';
  if (name === 'auto')
    return automatic(accelerators, isDistributed ? process.env : { LOCAL_RANK: process.env[PROCESS_NUMBER] });
  const [, kind, number = '0'] = /^([a-z]+)(?::(\d+))?$/.exec(name) ?? [];
  const accelerator = accelerators.find((one) => one.name === kind);
  if (!accelerator) throw invalidParameter('device', name, expected);
  const index = Number(number);
  const { devices } = accelerator;
  if (index >= devices) {
    const [reason, ...advice] =
      devices > 0 ? [`there are ${devices} such devices, numbered from 0`] : whyNoCuda();
    const details = { parameter: 'device', value: name, expected, advice };
    throw new SpurmemError(
      'DEVICE_UNAVAILABLE',
      `\`device\` is ${JSON.stringify(name)}: ${reason}.`,
      details,
    );
  }
  return `${accelerator.name}:${index}`;
}

/** The reason that libtorch sees no CUDA device, and what to do. */
export function whyNoCuda(): [reason: string, advice: string] {
  const { version, cuda } = addonInUse().libtorch;
  if (cuda === null) {
    return [
      `PyTorch ${version} here is built for CPUs`,
      'Use cpu, or install a PyTorch with CUDA (pip install torch) and activate its Python.',
    ];
  }
  const built = `PyTorch ${version} here is built for CUDA ${cuda}`;
  const driver = native().cudaDriver();
  if (driver === null) {
    return [
      `${built}, and this machine has no NVIDIA driver`,
      'Use cpu, or install the driver; a container must be started with its GPUs.',
    ];
  }
  const newest = Math.floor(driver / 1000);
  return newest < Number.parseInt(cuda)
    ? [
        `${built}, and the NVIDIA driver is too old for it: it runs CUDA ${newest}`,
        'Use cpu, update the driver, or install a PyTorch for an older CUDA.',
      ]
    : [`${built}, and its driver shows no GPU`, 'Use cpu, or look at nvidia-smi and CUDA_VISIBLE_DEVICES.'];
}

/** The GPU of this process's number on its machine; the CPU if there is none. */
export function automatic(
  accelerators: readonly Accelerator[],
  { LOCAL_RANK, SLURM_LOCALID }: Readonly<Record<string, string | undefined>>,
): string {
  const devices = accelerators.find(({ name }) => name === 'cuda')?.devices ?? 0;
  if (devices === 0) return 'cpu';
  const place = Number(LOCAL_RANK ?? SLURM_LOCALID ?? 0);
  return `cuda:${isWhole(place, [0, RANGES.processes[1] - 1]) ? place % devices : 0}`;
}

/**
 * Sets the threads of the compute lane (0: libtorch's default, all cores) and returns their number.
 *
 * @throws `USAGE` for more than 64 threads on fewer cores: OpenMP would bring the machine to a standstill
 */
export async function setThreads(threads = 0): Promise<number> {
  const cores = availableParallelism();
  const max = Math.max(64, cores);
  if (threads > max) {
    const advice = `This machine has ${cores} cores, and 0 uses all of them.`;
    throw invalidParameter('threads', threads, `0 to ${max}`, [advice]);
  }
  return native().configure(threads);
}
