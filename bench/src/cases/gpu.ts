import { join } from 'node:path';
import type { Precision } from '#src/native/interface.js';
import type { BenchCase } from '../case.js';
import { manySquares } from '../data.js';
import type { ComputeSettings } from '../workloads/compute.js';
import { computeCase, type PytorchSettings, TUNED } from './compute.js';
import { finetuneCase } from './finetune.js';

/** Steps at the article's batch size, on a GPU: `npm run bench -- --case all --device cuda`. */
const BATCH = { batch: 256, steps: 10 } as const;
const MODELS = {
  resnet50: { arch: 'resnet50', size: 224, ...BATCH },
  'vit-small': { arch: 'vit_small_patch16_224', size: 224, ...BATCH },
} satisfies Readonly<Record<string, ComputeSettings>>;

/** The numbers of both sides. */
const NUMBERS: Readonly<Record<string, { readonly precision?: Precision; readonly tf32?: boolean }>> = {
  float32: {},
  tf32: { tf32: true },
  bf16: { precision: 'bf16' },
};

interface Rival extends Pick<PytorchSettings, 'compiled' | 'graphed'> {
  readonly name: string;
  readonly target: number;
}

const RIVALS: readonly Rival[] = [
  { name: 'eager', target: 1.2 },
  { name: 'compiled', compiled: 'default', target: 1 },
];
/** Only for bf16: each takes minutes to compile, or holds a second copy of all activations. */
const FASTEST: readonly Rival[] = [
  { name: 'graphed', graphed: true, target: 1 },
  { name: 'max-autotune', compiled: 'max-autotune', target: 1 },
];

const REPEATS = { repeats: 5, floor: false } as const;

/** `train erm` from the decoded images to the last gradient, with validation, against a DataLoader with worker processes. */
const EPOCH: BenchCase = {
  name: 'gpu-resnet50-erm-epoch-bf16',
  description: 'resnet50, 224 px, batch 256: an epoch with validation, bf16, against PyTorch with DataLoader',
  unit: 'images',
  repeats: 5,
  warmups: 1,
  target: 1.2,
  prepare: async (place) => {
    const recipe = { arch: 'resnet50', batchSize: 256, lr: 1e-4, precision: 'bf16' } as const;
    const settings = { ...recipe, data: await manySquares(place) };
    const { threads } = place;
    return {
      ours: {
        program: 'spurmem',
        label: 'spurmem',
        workload: 'later-epoch',
        settings: { ...settings, out: join(place.folder, 'gpu-epoch') },
      },
      rival: {
        program: 'python',
        label: 'PyTorch, channels_last, autocast to bf16, fused Adam, DataLoader',
        script: 'bench_erm',
        settings: { ...settings, ...TUNED, threads, workers: threads, first: false },
      },
    };
  },
};

const STEPS: readonly BenchCase[] = Object.entries(MODELS).flatMap(([model, settings]) =>
  Object.entries(NUMBERS).flatMap(([numbers, { precision, tf32 = false }]) => {
    const sides = { ...settings, tf32 };
    const pytorch: PytorchSettings = { ...TUNED, ...(precision === 'bf16' ? { precision } : {}) };
    return [
      ...[...RIVALS, ...(precision === 'bf16' ? FASTEST : [])].flatMap(({ name, target, ...how }) =>
        (['forward', 'erm-step'] as const).map((work) =>
          computeCase(
            `gpu-${model}-${work}-${numbers}-${name}`,
            work,
            sides,
            { ...pytorch, ...how },
            { ...REPEATS, target, precision },
          ),
        ),
      ),
      // The mask's names are ResNet-50's, and torch.compile does not take functional_call's graph whole.
      ...(model === 'resnet50'
        ? [
            finetuneCase(
              `gpu-${model}-finetune-step-${numbers}`,
              { ...sides, precision },
              pytorch,
              1.2,
              REPEATS.repeats,
            ),
          ]
        : []),
    ];
  }),
);

export const GPU: readonly BenchCase[] = [...STEPS, EPOCH].map((one) => ({ ...one, needsGpu: true }));
