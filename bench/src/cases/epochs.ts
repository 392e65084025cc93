import { join } from 'node:path';
import type { BenchCase } from '../case.js';
import { dominoes } from '../data.js';
import { AUTOCAST, EAGER, labelOf, type PytorchSettings, TUNED } from './compute.js';

const RECIPE = { arch: 'resnet18', batchSize: 64, lr: 1e-4 } as const;
const WHICH = {
  first: 'the first epoch of a run, images not decoded yet',
  later: 'an epoch with validation, images decoded',
} as const;
/** The samples of the gradient, and the share of the neurons that it masks. */
const MASK = { gradientWorst: 256, gradientDrawn: 128, fraction: 0.001 };
/** The max wait of a callback in milliseconds, as the 99th percentile. */
const MAX_DELAY = 20;

/** `train erm` against the same loop in PyTorch, which decodes its images on the training thread. */
function epochCase(
  name: string,
  which: 'first' | 'later',
  pytorch: PytorchSettings,
  target?: number,
): BenchCase {
  const label = `${labelOf(pytorch, true)}, DataLoader, 0 workers`;
  const { precision } = pytorch;
  return {
    name,
    description: `ResNet-18, 64 x 32 px${precision === undefined ? '' : `, ${precision}`}: ${WHICH[which]}, against ${label}`,
    unit: 'images',
    repeats: 5,
    warmups: 1,
    ...(target === undefined ? {} : { target }),
    limits: { 'event-loop delay p99 ms': MAX_DELAY },
    prepare: async (place) => {
      const data = await dominoes(place);
      const out = join(place.folder, name);
      return {
        ours: {
          program: 'spurmem',
          label: 'spurmem',
          workload: `${which}-epoch`,
          settings: { ...RECIPE, precision, data, out },
        },
        rival: {
          program: 'python',
          label,
          script: 'bench_erm',
          settings: { ...RECIPE, ...pytorch, data, threads: place.threads, first: which === 'first' },
        },
      };
    },
  };
}

/** `train finetune` against the same loop in PyTorch. */
function finetuningCase(name: string, pytorch: PytorchSettings, target: number): BenchCase {
  const label = `${labelOf(pytorch, true)}, DataLoader, 0 workers`;
  const { arch, batchSize } = RECIPE;
  const { precision } = pytorch;
  return {
    name,
    description: `ResNet-18, 64 x 32 px${precision === undefined ? '' : `, ${precision}`}: a fine-tuning epoch with validation, against ${label}`,
    unit: 'images',
    repeats: 5,
    warmups: 1,
    target,
    limits: { 'event-loop delay p99 ms': MAX_DELAY },
    prepare: async (place) => {
      const settings = { arch, batchSize, precision, data: await dominoes(place), ...MASK };
      return {
        ours: {
          program: 'spurmem',
          label: 'spurmem',
          workload: 'later-finetuning-epoch',
          settings: { ...settings, out: join(place.folder, name), scale: [0.7, 1] },
        },
        rival: {
          program: 'python',
          label,
          script: 'bench_finetune',
          settings: { ...settings, ...pytorch, released: false },
        },
      };
    },
  };
}

export const EPOCHS: readonly BenchCase[] = [
  epochCase('erm-first-epoch', 'first', EAGER),
  epochCase('erm-later-epoch', 'later', EAGER, 1.3),
  epochCase('erm-later-epoch-tuned', 'later', TUNED, 1.5),
  epochCase('erm-later-epoch-autocast', 'later', AUTOCAST, 1.5),
  finetuningCase('finetune-later-epoch-tuned', TUNED, 1.5),
  finetuningCase('finetune-later-epoch-autocast', AUTOCAST, 1.5),
];
