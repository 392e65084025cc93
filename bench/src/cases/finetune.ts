import type { BenchCase } from '../case.js';
import type { FinetuneStepSettings } from '../workloads/finetune.js';
import { EAGER, TUNED, labelOf, type PytorchSettings } from './compute.js';

/** 0.01 % of ResNet-50's channels. */
const RESNET50: FinetuneStepSettings = {
  ...{ arch: 'resnet50', size: 224, batch: 16, steps: 1 },
  mask: [
    ['conv1', 7],
    ['layer1.0.conv3', 100],
    ['layer3.2.conv2', 31],
  ],
};

function finetuneCase(
  name: string,
  label: string,
  pytorch: PytorchSettings & { readonly released: boolean },
  target: number,
): BenchCase {
  const settings = { ...RESNET50 };
  return {
    name,
    description: `${settings.arch}, ${settings.size} px, batch ${settings.batch}: fine-tuning step against ${label}`,
    unit: 'images',
    repeats: 9,
    warmups: 1,
    target,
    prepare: () =>
      Promise.resolve({
        ours: { program: 'spurmem', label: 'spurmem', workload: 'finetune-step', settings },
        rival: { program: 'python', label, script: 'bench_finetune', settings: { ...settings, ...pytorch } },
      }),
  };
}

export const FINETUNE: readonly BenchCase[] = [
  finetuneCase('finetune-step', labelOf(EAGER, true), { ...EAGER, released: false }, 1.25),
  finetuneCase('finetune-step-tuned', labelOf(TUNED, true), { ...TUNED, released: false }, 1),
  finetuneCase('finetune-step-released', 'the published code\u2019s step', { ...EAGER, released: true }, 1.5),
];
