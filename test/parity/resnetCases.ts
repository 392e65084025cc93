import { vectorInstructions } from '../../src/machine.js';
import type { Architecture } from '../../src/models/architectures.js';
import { native } from '../../src/native/addon.js';
import type { MemoryFormat, Precision } from '../../src/native/interface.js';
import { imagesOf, newModel } from '../networks.js';
import { expectWithin, maxDifference } from './compare.js';
import { askOracle, compareInitialWeights, holdNetwork } from './oracle.js';
import { TEAM } from './python.js';

const SEED = 7;
const CLASSES = 3;
/** With it, PyTorch itself is wrong in bf16 where images are 32 px wide (test/native/narrowOutput.slow.test.ts). */
export const HAS_AMX = vectorInstructions() === 'AMX';

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
  describe.each(cases)('$arch, $memoryFormat, $precision, $batch x $height x $width', (given) => {
    const { arch, memoryFormat, precision } = given;
    // With AMX, weight gradients of small outputs are matrix products and round differently (native/kernels/convolution.h). A norm averages
    // these differences out; gradient x weight does not, since its terms cancel.
    const isRounded = precision === 'bf16' && HAS_AMX;
    holdNetwork(
      async () => {
        const design = { ...given, memory_format: memoryFormat, classes: CLASSES, gradients: true };
        const expected = await askOracle('resnet', { ...design, seed: SEED, threads: TEAM });
        const model = await newModel(arch, { seed: SEED, numClasses: CLASSES, memoryFormat, precision });
        const { data, shape } = expected('input');
        const isContiguous = memoryFormat === 'contiguous';
        const images = () => (isContiguous ? native().tensor(data, shape, 'cpu') : imagesOf(data, shape));
        return { model, expected, images };
      },
      isRounded ? [2e-4, 2e-4, 2e-5, 2e-4] : [0, 1e-6, 1e-6],
    );
  });
}

/** Holds networks against torchvision's: initial weights by their names, and logits. Their blocks are those of other cases. */
export function testWeightsAndLogits(archs: readonly Architecture[]): void {
  test.each(archs)('%s: initial weights and logits equal PyTorch\u2019s', async (arch) => {
    const size = { batch: 2, height: 64, width: 64, memory_format: 'channels_last', precision: 'fp32' };
    const asked = { arch, ...size, classes: CLASSES, seed: SEED, gradients: false };
    const expected = await askOracle('resnet', asked);
    using model = await newModel(arch, { seed: SEED, numClasses: CLASSES });
    compareInitialWeights(arch, await model.stateDict(), expected);
    using images = await imagesOf(expected('input').data, expected('input').shape);
    // With the graph: batch-norm stays a layer of its own, as in PyTorch, to the bit.
    using logits = (await model.network.run(images, { grad: true })).logits;
    const difference = maxDifference(await logits.data(), expected('logits.eval').data);
    expectWithin(`${arch}, logits, max difference`, difference, 0);
  });
}
