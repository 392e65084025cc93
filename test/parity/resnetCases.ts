import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Architecture } from '../../src/models/architectures.js';
import { Model } from '../../src/models/model.js';
import { readSafetensors, type TensorData } from '../../src/models/safetensors.js';
import { type MemoryFormat, native, type Precision } from '../../src/native/addon.js';
import { setThreads } from '../../src/native/device.js';
import { temporaryFolder } from '../temporary.js';
import { maxDifference, report } from './compare.js';
import {
  compareGradients,
  compareInitialWeights,
  compareStages,
  compareWithGradients,
  oracleOf,
} from './oracle.js';
import { reference, TEAM } from './python.js';

const folder = temporaryFolder();
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
  // With AMX, weight gradients of small outputs are products of their own (native/kernels/weightGradient.h).
  const isRounded = precision === 'bf16' && HAS_AMX;
  const [ofGradients, ofScores] = isRounded ? [2e-4, 2e-5] : [1e-6, 1e-6];
  let oracle: Readonly<Record<string, TensorData>>;
  let model: Model;
  let state: Record<string, TensorData>;

  beforeAll(async () => {
    const out = join(folder, `${arch}-${memoryFormat}-${precision}.safetensors`);
    const design = { ...given, memory_format: memoryFormat, classes: CLASSES };
    reference('resnet', { ...design, seed: SEED, threads: TEAM, out });
    oracle = (await readSafetensors(out)).tensors;
    await setThreads(TEAM);
    const generator = new (native().Generator)(SEED);
    const options = { arch, numClasses: CLASSES, generator, device: 'cpu', memoryFormat, precision };
    model = await Model.create(options);
    state = await model.stateDict();
  });

  afterAll(() => {
    model[Symbol.dispose]();
  });

  test('initial weights of a seed equal torchvision\u2019s, name by name', () => {
    compareInitialWeights(arch, state, oracle);
  });

  test('logits, gradients and neuron norms equal PyTorch\u2019s', async () => {
    const expected = oracleOf(oracle);
    const { shape, data } = expected('input');
    using contiguous = await native().tensor(data, shape, 'cpu');
    using images = memoryFormat === 'channels_last' ? await contiguous.channelsLast() : contiguous;
    using labels = await native().tensor(expected('labels').data, [given.batch], 'cpu');

    using trainLogits = await model.network.forward(images, { statistics: 'shared', grad: true });
    using loss = await native().crossEntropy(trainLogits, labels, 'mean');
    await loss.backward();
    // Batch-norm's own backward pass.
    await compareWithGradients(model, expected, 'training.grad.', isRounded ? ofGradients : 0);
    await model.network.zeroGrad();
    using logits = await model.network.forward(images, { grad: true });
    const inTraining = maxDifference(await trainLogits.data(), expected('logits.train').data);
    const inEval = maxDifference(await logits.data(), expected('logits.eval').data);
    report(`${arch}, ${precision}, logits in training mode, max difference`, inTraining, 0);
    report(`${arch}, ${precision}, logits in eval mode, max difference`, inEval, 0);
    expect(inTraining).toBe(0);
    expect(inEval).toBe(0);

    await compareGradients(model, expected, logits, labels, ofGradients, ofScores);
  });

  test('stages: running from each stage\u2019s input gives the same logits', async () => {
    const { shape, data } = oracleOf(oracle)('input');
    using contiguous = await native().tensor(data, shape, 'cpu');
    using images = memoryFormat === 'channels_last' ? await contiguous.channelsLast() : contiguous;
    await compareStages(model, images);
  });
}
