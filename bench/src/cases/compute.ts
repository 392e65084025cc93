import type { Precision } from '#src/native/interface.js';
import type { BenchCase, BenchPlace, SideSpec } from '../case.js';
import { tracedResnet50 } from '../data.js';
import type { ComputeSettings } from '../workloads/compute.js';

/** The way in which PyTorch computes. */
export interface PytorchSettings {
  readonly memoryFormat: 'contiguous' | 'channels_last';
  readonly fused: boolean;
  /** Under autocast; default: float32. */
  readonly precision?: 'bf16';
  /** The mode of torch.compile, whose first call is timed apart; in forward passes with frozen weights. */
  readonly compiled?: 'default' | 'max-autotune';
  /** As one CUDA graph. */
  readonly graphed?: boolean;
}

/** Like the authors' published code, and most code. */
export const EAGER: PytorchSettings = { memoryFormat: 'contiguous', fused: false };
/** PyTorch at its fastest without compiling. */
export const TUNED: PytorchSettings = { memoryFormat: 'channels_last', fused: true };

/** `TUNED` under autocast. */
export const AUTOCAST: PytorchSettings = { ...TUNED, precision: 'bf16' };
const COMPILED: PytorchSettings = { ...TUNED, compiled: 'default' };
const COMPILED_BF16: PytorchSettings = { ...COMPILED, precision: 'bf16' };

const RESNET50: ComputeSettings = { arch: 'resnet50', size: 224, batch: 16, steps: 1 };
const RESNET18: ComputeSettings = { arch: 'resnet18', size: 64, batch: 64, steps: 4 };
/** As studies/photographs/plan.md trains. */
const PHOTOGRAPHS: ComputeSettings = { ...RESNET18, size: 112, steps: 2 };
const VIT_S: ComputeSettings = { arch: 'vit_small_patch16_224', size: 224, batch: 16, steps: 1 };

export type Work = 'forward' | 'erm-step';

interface CaseOptions {
  /** Times faster than PyTorch. */
  readonly target?: number;
  /** The precision of ours. */
  readonly precision?: Precision | undefined;
  /** Makes a run on whose images the precision's effect is measured. */
  readonly run?: (place: BenchPlace) => Promise<string>;
  /** Default: 9. */
  readonly repeats?: number;
  /** Whether the floor is measured; default: yes. */
  readonly floor?: boolean;
}

/** A forward pass or a training step against PyTorch's, with the floor under both. */
export function computeCase(
  name: string,
  work: Work,
  settings: ComputeSettings,
  pytorch: PytorchSettings,
  { target, precision, run, repeats = 9, floor = true }: CaseOptions = {},
): BenchCase {
  const { arch, size, batch } = settings;
  const training = work === 'erm-step';
  const label = labelOf(pytorch, training);
  const ourPrecision = precision === undefined ? '' : `, ${precision},`;
  return {
    name,
    description: `${arch}, ${size} px, batch ${batch}: ${training ? 'ERM step' : 'forward pass'}${ourPrecision} against ${label}`,
    unit: 'images',
    repeats,
    warmups: 1,
    ...(target === undefined ? {} : { target }),
    prepare: async (place) => ({
      ours: {
        program: 'spurmem',
        label: `spurmem${ourPrecision}`.replace(/,$/, ''),
        workload: work,
        settings: { ...settings, precision, run: await run?.(place) },
      },
      rival: pytorchSide(label, { ...settings, ...pytorch, work }),
      ...(floor
        ? {
            floor: pytorchSide('bare kernels', { ...settings, ...TUNED, precision, work: 'floor', training }),
          }
        : {}),
    }),
  };
}

export function labelOf(
  { memoryFormat, fused, precision, compiled, graphed = false }: PytorchSettings,
  training: boolean,
): string {
  const layout = memoryFormat === 'contiguous' ? 'NCHW' : 'channels_last';
  const parts = [
    ...['PyTorch', layout],
    ...(compiled === undefined ? [] : [training ? 'compiled' : 'compiled and frozen']),
    ...(compiled === 'max-autotune' ? [compiled] : []),
    ...(graphed ? ['a CUDA graph'] : []),
    ...(precision === undefined ? [] : [`autocast to ${precision}`]),
    ...(training ? [`${fused ? 'fused' : 'default'} Adam`] : []),
  ];
  return parts.join(', ');
}

function neuronNorms(name: string, label: string, oneByOne: boolean): BenchCase {
  const settings = { ...RESNET50, batch: 4, steps: oneByOne ? 4 : 20 };
  return {
    name,
    description: `l2 norms of all ${settings.arch} channels' gradients against ${label}`,
    unit: 'neurons',
    repeats: 9,
    warmups: 1,
    prepare: () =>
      Promise.resolve({
        ours: { program: 'spurmem', label: 'spurmem', workload: 'neuron-norms', settings },
        rival: pytorchSide(label, { ...settings, ...TUNED, work: 'neuron-norms', oneByOne }),
      }),
  };
}

export const COMPUTE: readonly BenchCase[] = [
  computeCase('resnet50-forward', 'forward', RESNET50, EAGER),
  computeCase('resnet50-forward-tuned', 'forward', RESNET50, TUNED),
  computeCase('resnet50-forward-bf16', 'forward', RESNET50, TUNED, {
    target: 2,
    precision: 'bf16',
    run: tracedResnet50,
  }),
  computeCase('resnet50-erm-step', 'erm-step', RESNET50, EAGER, { target: 1.25 }),
  computeCase('resnet50-erm-step-tuned', 'erm-step', RESNET50, TUNED, { target: 1 }),
  computeCase('resnet50-erm-step-bf16', 'erm-step', RESNET50, EAGER, { target: 2.8, precision: 'bf16' }),
  computeCase('resnet50-erm-step-autocast', 'erm-step', RESNET50, AUTOCAST, { target: 1, precision: 'bf16' }),
  computeCase('resnet18-forward', 'forward', RESNET18, TUNED),
  computeCase('resnet18-erm-step', 'erm-step', RESNET18, TUNED),
  computeCase('resnet18-erm-step-autocast', 'erm-step', PHOTOGRAPHS, AUTOCAST, {
    target: 1,
    precision: 'bf16',
  }),
  computeCase('vit-small-forward', 'forward', VIT_S, EAGER),
  computeCase('vit-small-erm-step', 'erm-step', VIT_S, EAGER, { target: 1 }),
  computeCase('vit-small-forward-bf16', 'forward', VIT_S, TUNED, { target: 1.8, precision: 'bf16' }),
  computeCase('vit-small-erm-step-bf16', 'erm-step', VIT_S, TUNED, { target: 1.8, precision: 'bf16' }),
  computeCase('vit-small-forward-autocast', 'forward', VIT_S, AUTOCAST, { target: 1, precision: 'bf16' }),
  computeCase('vit-small-erm-step-autocast', 'erm-step', VIT_S, AUTOCAST, { target: 1, precision: 'bf16' }),
  computeCase('resnet50-forward-compiled', 'forward', RESNET50, COMPILED, { target: 1.05 }),
  computeCase('resnet50-forward-bf16-compiled', 'forward', RESNET50, COMPILED_BF16, {
    target: 1.05,
    precision: 'bf16',
  }),
  computeCase('resnet50-erm-step-compiled', 'erm-step', RESNET50, COMPILED, { target: 1 }),
  computeCase('resnet50-erm-step-bf16-compiled', 'erm-step', RESNET50, COMPILED_BF16, {
    target: 1,
    precision: 'bf16',
  }),
  computeCase('resnet18-erm-step-compiled', 'erm-step', RESNET18, COMPILED, { target: 1 }),
  computeCase('vit-small-forward-compiled', 'forward', VIT_S, COMPILED, { target: 1 }),
  computeCase('vit-small-erm-step-compiled', 'erm-step', VIT_S, COMPILED, { target: 1 }),
  neuronNorms('neuron-norms', 'PyTorch, a layer at a time', false),
  neuronNorms('neuron-norms-by-channel', 'PyTorch, a channel at a time', true),
];

export function pytorchSide(label: string, settings: Readonly<Record<string, unknown>>): SideSpec {
  return { program: 'python', label, script: 'bench_compute', settings };
}
