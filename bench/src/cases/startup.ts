import { fileURLToPath } from 'node:url';
import type { BenchCase, SideSpec } from '../case.js';
import { pythonPath, referenceScript } from '../python.js';

const PROGRAM = fileURLToPath(new URL('../../../bin/spurmem.js', import.meta.url));

function command(label: string, ...words: [string, ...string[]]): SideSpec {
  return { program: 'spurmem', label, workload: 'command', settings: { command: words } };
}

/** From the shell's call to the end of the process. */
export const STARTUP: readonly BenchCase[] = [
  {
    name: 'startup-help',
    description: 'start-up: `spurmem --help` against the help of a PyTorch script',
    unit: 'starts',
    repeats: 15,
    warmups: 1,
    limits: { milliseconds: 150 },
    prepare: () =>
      Promise.resolve({
        ours: command('spurmem --help', process.execPath, PROGRAM, '--help'),
        rival: command('erm.py --help', pythonPath(), referenceScript('erm'), '--help'),
      }),
  },
  {
    name: 'startup-doctor',
    description: 'start-up: `spurmem doctor` against PyTorch\u2019s own collect_env',
    unit: 'starts',
    repeats: 5,
    warmups: 1,
    prepare: () =>
      Promise.resolve({
        ours: command('spurmem doctor', process.execPath, PROGRAM, 'doctor'),
        rival: command('collect_env', pythonPath(), '-m', 'torch.utils.collect_env'),
      }),
  },
];
