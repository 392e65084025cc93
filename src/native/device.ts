import { availableParallelism } from 'node:os';
import { invalidParameter, SpurmemError } from '../errors.js';
import { addonInUse, native } from './addon.js';

const EXPECTED = 'auto, cpu, cuda or cuda:n';

/**
 * The device of that name (default: auto): `auto` takes the first CUDA device where there is one, or, of several processes, that
 * of the process's number on its machine (LOCAL_RANK, SLURM_LOCALID); else the CPU.
 *
 * @returns `cpu` or `cuda:n`
 * @throws `USAGE` for another word, `DEVICE_UNAVAILABLE` for a CUDA device that is not there
 */
export function resolveDevice(name = 'auto', isDistributed = false): string {
  const cudaDevices = native().cudaDevices;
  if (name === 'cpu') return 'cpu';
  if (name === 'auto') return automatic(cudaDevices, isDistributed ? process.env : {});
  const match = /^cuda(?::(\d+))?$/.exec(name);
  if (!match) throw invalidParameter('device', name, EXPECTED);
  const index = Number(match[1] ?? 0);
  if (index >= cudaDevices) {
    const [reason, ...advice] =
      cudaDevices === 0 ? whyNoCuda() : [`there are ${cudaDevices} CUDA devices, numbered from 0`];
    throw new SpurmemError('DEVICE_UNAVAILABLE', `\`device\` is ${JSON.stringify(name)}: ${reason}.`, {
      parameter: 'device',
      value: name,
      expected: EXPECTED,
      advice,
    });
  }
  return `cuda:${index}`;
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

/** A device for each process of a machine, as far as there are as many. */
export function automatic(
  cudaDevices: number,
  { LOCAL_RANK, SLURM_LOCALID }: Readonly<Record<string, string | undefined>>,
): string {
  if (cudaDevices === 0) return 'cpu';
  const place = Number(LOCAL_RANK ?? SLURM_LOCALID ?? 0);
  return `cuda:${Number.isInteger(place) && place >= 0 ? place % cudaDevices : 0}`;
}

/**
 * Sets the threads of the compute lane (0 keeps libtorch's default, all cores) and returns their number.
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
