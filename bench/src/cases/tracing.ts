import { resolve } from 'node:path';
import type { Precision } from '#src/native/interface.js';
import type { BenchCase, BenchPlace, Sides, SideSettings } from '../case.js';
import { copyOfRun, tracedResnet18, tracedResnet50 } from '../data.js';

/** Number of variants evaluated one by one if all of them would take half an hour or more. */
export const FEW_VARIANTS = 12;

/** Structured tracing (article, Fig. 7) against one pass over the split per variant, both ours. */
const structuredResnet18: BenchCase = {
  name: 'trace-structured-resnet18',
  description: 'ResNet-18, every layer, both criteria, 4 groups, k = 1: variants together or each alone',
  unit: 'variants',
  repeats: 1,
  warmups: 0,
  target: 3.5,
  limits: { 'cost.ratio': 0.3 },
  needsRun: true,
  needsPytorch: false,
  prepare: ({ run }) => Promise.resolve(variantSides({ run: resolve(run ?? '') })),
};

const structuredResnet50: BenchCase = {
  name: 'trace-structured-resnet50',
  description:
    'ResNet-50, 224 px, 200 images, every layer, both criteria, 4 groups: variants together or each alone',
  unit: 'variants',
  repeats: 1,
  warmups: 0,
  target: 3.5,
  limits: { 'cost.ratio': 0.3 },
  needsPytorch: false,
  prepare: async (place: BenchPlace) => variantSides({ run: await tracedResnet50(place) }, FEW_VARIANTS),
};

/** Whole traces, from the data to the accuracies, against the published procedure in PyTorch. */
const releasedResnet18: BenchCase = {
  name: 'trace-unstructured-released',
  description: 'ResNet-18, unstructured, both criteria, k = 1, 2, 3: against the published procedure',
  unit: 'traces',
  repeats: 3,
  warmups: 0,
  needsRun: true,
  prepare: async (place) =>
    releasedSides(await copyOfRun(place.run ?? '', place), {
      kind: 'unstructured',
      criteria: ['gradient', 'magnitude'],
      topK: [1, 2, 3],
    }),
};

const releasedResnet50 = releasedResnet50Case('trace-structured-released');

const releasedResnet50Bf16 = releasedResnet50Case('trace-structured-released-bf16', 'bf16');

/** For the guard against regressions: some seconds. */
const releasedSmall: BenchCase = {
  name: 'trace-released-small',
  description:
    'ResNet-18, 64 x 32 px, 960 images, unstructured, gradient, k = 1: against the published procedure',
  unit: 'traces',
  repeats: 5,
  warmups: 1,
  prepare: async (place) =>
    releasedSides(await copyOfRun(await tracedResnet18(place), place), {
      kind: 'unstructured',
      criteria: ['gradient'],
      topK: [1],
    }),
};

export const TRACING: readonly BenchCase[] = [
  structuredResnet18,
  structuredResnet50,
  releasedResnet18,
  releasedResnet50,
  releasedResnet50Bf16,
  releasedSmall,
];

/**
 * A whole trace of a run, and the published procedure in PyTorch on the same weights and images.
 *
 * @param most how many variants the published procedure evaluates; its time is scaled up to all
 * @param network torchvision's name of the run's network; default: as the run calls it
 */
export async function releasedSides(
  run: string,
  trace: SideSettings,
  most = Number.MAX_SAFE_INTEGER,
  network?: string,
): Promise<Sides> {
  const { openRun } = await import('#src/train/runFolder.js');
  const { config, environment, weights } = await openRun(run);
  const { batchSize } = config;
  const arch = network ?? config.arch;
  return {
    ours: {
      program: 'spurmem',
      label: 'spurmem',
      workload: 'released-trace',
      settings: { ...trace, run },
    },
    rival: {
      program: 'python',
      label: 'the published procedure',
      script: 'bench_trace',
      settings: { ...trace, most, arch, weights, data: environment.data, batch: batchSize },
    },
  };
}

/** Structured tracing of ResNet-50 in a precision (default: the run's, float32); the published code has float32 alone. */
function releasedResnet50Case(name: string, precision?: Precision): BenchCase {
  return {
    name,
    description:
      `ResNet-50, 224 px, 200 images, structured, gradient, k = 1, every layer${precision ? `, ${precision}` : ''}: ` +
      'against the published procedure',
    unit: 'traces',
    repeats: 1,
    warmups: 0,
    target: 15,
    prepare: async (place) => {
      const { ours, ...others } = await releasedSides(
        await tracedResnet50(place),
        { kind: 'structured', criteria: ['gradient'], topK: [1] },
        FEW_VARIANTS,
      );
      return { ...others, ours: { ...ours, settings: { ...ours.settings, precision } } };
    },
  };
}

function variantSides(place: { readonly run: string }, most?: number): Sides {
  const settings: SideSettings = {
    ...place,
    split: 'train',
    criteria: ['gradient', 'magnitude'],
    topK: 1,
  };
  return {
    ours: { program: 'spurmem', label: 'together', workload: 'variants-together', settings },
    rival: {
      program: 'spurmem',
      label: 'each alone',
      workload: 'variants-alone',
      settings: most === undefined ? settings : { ...settings, most },
    },
    agreement: 'right predictions of each variant',
  };
}
