import { readFileSync } from 'node:fs';
import type { Architecture } from '../../src/models/architectures.js';
import type { Model } from '../../src/models/model.js';
import type { TensorData } from '../../src/models/safetensors.js';
import { type MemoryFormat, native, type Precision, type Tensor } from '../../src/native/addon.js';
import { imagesOf, newModel } from '../networks.js';
import {
  askOracle,
  compareGradients,
  compareInitialWeights,
  comparePasses,
  compareStages,
  type Oracle,
} from './oracle.js';
import { TEAM } from './python.js';

const SEED = 7;
const CLASSES = 3;
/** With it, PyTorch itself is wrong in bf16 where images are 32 px wide (test/native/narrowOutput.slow.test.ts). */
export const HAS_AMX = readFileSync('/proc/cpuinfo', 'utf8').includes('amx_tile');

export interface ResNetCase {
  readonly arch: Architecture;
  readonly memoryFormat: MemoryFormat;
  readonly precision: Precision;
  readonly batch: number;
  readonly height: number;
  readonly width: number;
}

/** Holds networks against torchvision's: weights of a seed, logits, gradients, neurons' scores, and stages. */
export function describeResNets(cases: readonly ResNetCase[]): void {
  describe.each(cases)('$arch, $memoryFormat, $precision, $batch x $height x $width', describeResNet);
}

function describeResNet(given: ResNetCase): void {
  const { arch, memoryFormat, precision } = given;
  // With AMX, weight gradients of small outputs are products of their own (native/kernels/convolution.h).
  const isRounded = precision === 'bf16' && HAS_AMX;
  const [ofGradients, ofScores] = isRounded ? [2e-4, 2e-5] : [1e-6, 1e-6];
  let expected: Oracle;
  let model: Model;
  let state: Record<string, TensorData>;

  beforeAll(async () => {
    const design = { ...given, memory_format: memoryFormat, classes: CLASSES };
    expected = await askOracle('resnet', { ...design, seed: SEED, threads: TEAM });
    model = await newModel(arch, { seed: SEED, numClasses: CLASSES, memoryFormat, precision });
    state = await model.stateDict();
  });

  afterAll(() => {
    model[Symbol.dispose]();
  });

  test('initial weights of a seed equal torchvision\u2019s, name by name', () => {
    compareInitialWeights(arch, state, expected);
  });

  const input = (): Promise<Tensor> => {
    const { data, shape } = expected('input');
    return memoryFormat === 'contiguous' ? native().tensor(data, shape, 'cpu') : imagesOf(data, shape);
  };

  test('logits, gradients and neuron norms equal PyTorch\u2019s', async () => {
    using images = await input();
    using labels = await native().tensor(expected('labels').data, [given.batch], 'cpu');
    using logits = await comparePasses(model, expected, images, labels, isRounded ? ofGradients : 0);
    await compareGradients(model, expected, logits, labels, ofGradients, ofScores);
  });

  test('stages: running from each stage\u2019s input gives the same logits', async () => {
    using images = await input();
    await compareStages(model, images);
  });
}
