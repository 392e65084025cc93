import { join } from 'node:path';
import type { BenchCase } from '../case.js';
import { dominoes } from '../data.js';

const RECIPE = { arch: 'resnet18', batchSize: 64, lr: 1e-4 } as const;
/** Milliseconds that a callback may wait at most, in 99 of 100 cases. */
const MOST_DELAY = 20;

/** `train erm` beside the same loop in PyTorch, with DataLoader. */
function epochCase(which: 'first' | 'later', description: string, target?: number): BenchCase {
  return {
    name: `erm-${which}-epoch`,
    description: `ResNet-18, 64 px: ${description}, against scripts/reference/erm.py`,
    unit: 'images',
    repeats: 5,
    warmups: 1,
    ...(target === undefined ? {} : { target }),
    limits: { 'event-loop delay p99 ms': MOST_DELAY },
    prepare: async (place) => {
      const data = await dominoes(place);
      const out = join(place.folder, `erm-${which}`);
      return {
        ours: {
          program: 'spurmem',
          label: 'spurmem',
          workload: `${which}-epoch`,
          settings: { ...RECIPE, data, out },
        },
        rival: {
          program: 'python',
          label: 'PyTorch, DataLoader',
          script: 'bench_erm',
          settings: { ...RECIPE, data, threads: place.threads, first: which === 'first' },
        },
      };
    },
  };
}

export const EPOCHS: readonly BenchCase[] = [
  epochCase('first', 'the first epoch of a run, images not decoded yet'),
  epochCase('later', 'an epoch with validation, images decoded', 1.3),
];
