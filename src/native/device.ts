import { availableParallelism } from 'node:os';
import { SpurmemError, invalidParameter } from '../errors.js';
import { native } from './addon.js';
import { processGroup } from './processGroup.js';

/** What names a device. */
const EXPECTED = 'auto, cpu, cuda or cuda:n';

/**
 * The device of that name (default: auto): `auto` takes the first CUDA device where there is one, or, in a group of processes, that
 * of the process's number on its machine (LOCAL_RANK, SLURM_LOCALID); else the CPU.
 *
 * @returns `cpu` or `cuda:n`
 * @throws `USAGE` for another word, `DEVICE_UNAVAILABLE` for a CUDA device that is not there
 */
export function resolveDevice(name = 'auto'): string {
  const cudaDevices = native().cudaDevices;
  if (name === 'cpu') return 'cpu';
  if (name === 'auto') return automatic(cudaDevices, processGroup() ? process.env : {});
  const match = /^cuda(?::(\d+))?$/.exec(name);
  if (!match) {
    throw invalidParameter('device', name, EXPECTED);
  }
  const index = Number(match[1] ?? 0);
  if (index >= cudaDevices) {
    const [reason, advice] =
      cudaDevices === 0
        ? [
            'this libtorch sees no CUDA device (a CPU build, no driver, or no GPU)',
            [
              'Use cpu, or build against a CUDA libtorch (name its folder in LIBTORCH; docs/install.md says how).',
            ],
          ]
        : [`there are ${cudaDevices} CUDA devices, numbered from 0`, []];
    throw new SpurmemError('DEVICE_UNAVAILABLE', `\`device\` is ${JSON.stringify(name)}: ${reason}.`, {
      ...{ parameter: 'device', value: name, expected: EXPECTED, advice },
    });
  }
  return `cuda:${index}`;
}

/** A device for each process of a machine, where it has as many. */
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
  const most = Math.max(64, availableParallelism());
  if (threads > most) {
    throw invalidParameter('threads', threads, `0 to ${most}`, [
      `This machine has ${availableParallelism()} cores, and 0 uses all of them.`,
    ]);
  }
  return native().configure(threads);
}
