import { availableParallelism } from 'node:os';
import { SpurmemError, invalidParameter } from '../errors.js';
import { native } from './addon.js';

/** What names a device. */
const EXPECTED = 'auto, cpu, cuda or cuda:n';

/**
 * The device of that name (default: auto): `auto` takes the first CUDA device where there is one, else the CPU.
 *
 * @returns `cpu` or `cuda:n`
 * @throws `USAGE` for another word, `DEVICE_UNAVAILABLE` for a CUDA device that is not there
 */
export function resolveDevice(name = 'auto'): string {
  const cudaDevices = native().cudaDevices;
  if (name === 'cpu') return 'cpu';
  if (name === 'auto') return cudaDevices > 0 ? 'cuda:0' : 'cpu';
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
