import type { BenchCase } from '../case.js';
import type { FinetuneStepSettings } from '../workloads/finetune.js';
import { EAGER, labelOf, type PytorchSettings, TUNED } from './compute.js';

const RESNET50 = { arch: 'resnet50', size: 224, batch: 16, steps: 1 } as const;
/** 0.01 % of ResNet-50's channels. */
const MASK: FinetuneStepSettings['mask'] = [
  ['conv1', 7],
  ['layer1.0.conv3', 100],
  ['layer3.2.conv2', 31],
];

/** A fine-tuning step of both branches against PyTorch's. */
export function finetuneCase(
  name: string,
  settings: Omit<FinetuneStepSettings, 'mask'>,
  pytorch: PytorchSettings & { readonly released?: boolean },
  target: number,
  repeats = 9,
): BenchCase {
  const { released = false } = pytorch;
  const label = released ? 'the published code\u2019s step' : labelOf(pytorch, true);
  const all = { ...settings, mask: MASK };
  return {
    name,
    description: `${settings.arch}, ${settings.size} px, batch ${settings.batch}: fine-tuning step against ${label}`,
    unit: 'images',
    repeats,
    warmups: 1,
    target,
    prepare: () =>
      Promise.resolve({
        ours: { program: 'spurmem', label: 'spurmem', workload: 'finetune-step', settings: all },
        rival: {
          program: 'python',
          label,
          script: 'bench_finetune',
          settings: { ...all, ...pytorch, released },
        },
      }),
  };
}

export const FINETUNE: readonly BenchCase[] = [
  finetuneCase('finetune-step', RESNET50, EAGER, 1.25),
  finetuneCase('finetune-step-tuned', RESNET50, TUNED, 1),
  finetuneCase('finetune-step-released', RESNET50, { ...EAGER, released: true }, 1.5),
];
