import { availableParallelism } from 'node:os';
import { invalidParameter, SpurmemError } from '../errors.js';
import { isWhole, RANGES } from '../settings/ranges.js';
import { type Accelerator, addonInUse, native } from './addon.js';

/**
 * The device of that name (default: auto): `auto` takes the first GPU where there is one, or, of several processes, that of the
 * process's number on its machine (LOCAL_RANK, SLURM_LOCALID); else the CPU.
 *
 * @returns `cpu` or `cuda:n`
 * @throws `USAGE` for another word, `DEVICE_UNAVAILABLE` for a device that is not there
 */
export function resolveDevice(name = 'auto', isDistributed = false): string {
  const accelerators = native().accelerators();
  const expected = ['auto', 'cpu', ...accelerators.map((one) => `${one.name}:n`)].join(', ');
  if (name === 'cpu') return 'cpu';
  if (name === 'auto') return automatic(accelerators, isDistributed ? process.env : {});
  const [, kind, number = '0'] = /^([a-z]+)(?::(\d+))?$/.exec(name) ?? [];
  const accelerator = accelerators.find((one) => one.name === kind);
  if (!accelerator) throw invalidParameter('device', name, expected);
  const index = Number(number);
  const { devices } = accelerator;
  if (index >= devices) {
    const [reason, ...advice] =
      devices > 0 ? [`there are ${devices} such devices, numbered from 0`] : whyNoCuda();
    throw new SpurmemError('DEVICE_UNAVAILABLE', `\`device\` is ${JSON.stringify(name)}: ${reason}.`, {
      parameter: 'device',
      value: name,
      expected,
      advice,
    });
  }
  return `${accelerator.name}:${index}`;
}

/** The reason that libtorch sees no CUDA device, and what to do. */
export function whyNoCuda(): [string, ...string[]] {
  const { version, cuda } = addonInUse().libtorch;
  if (cuda === null) {
    return [
      `PyTorch ${version} here is built for CPUs`,
      'Use cpu, or install a PyTorch with CUDA (pip install torch) and activate its Python.',
    ];
  }
  const driver = native().cudaDriver();
  const built = `PyTorch ${version} here is built for CUDA ${cuda}`;
  if (driver === null) {
    return [
      `${built}, and this machine has no NVIDIA driver`,
      'Use cpu, or install the driver; a container must be started with its GPUs.',
    ];
  }
  const newest = `${Math.floor(driver / 1000)}.${Math.floor((driver % 1000) / 10)}`;
  if (Number.parseInt(newest) < Number.parseInt(cuda)) {
    return [
      `${built}, and the NVIDIA driver is too old for it: it runs CUDA up to ${newest}`,
      'Use cpu, update the driver, or install a PyTorch for an older CUDA.',
    ];
  }
  return [
    `${built}, and its driver shows no GPU`,
    'Use cpu, or look at nvidia-smi and CUDA_VISIBLE_DEVICES.',
  ];
}

/** A GPU for each process of a machine, as far as there are as many. */
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
 * @throws `USAGE` for more than 64 where there are fewer cores: OpenMP would try, and bring the machine to a standstill
 */
export async function setThreads(threads = 0): Promise<number> {
  const cores = availableParallelism();
  const most = Math.max(64, cores);
  if (threads > most) {
    const advice = `This machine has ${cores} cores, and 0 uses all of them.`;
    throw invalidParameter('threads', threads, `0 to ${most}`, [advice]);
  }
  return native().configure(threads);
}
