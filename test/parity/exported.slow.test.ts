import { join } from 'node:path';
import { type Model, takeData } from '../../src/models/model.js';
import { type TensorData, writeSafetensors } from '../../src/models/safetensors.js';
import { loadWeights } from '../../src/models/weights.js';
import { native } from '../../src/native/addon.js';
import type { Tensor, WeightEdit } from '../../src/native/interface.js';
import { imagesOf, newModel } from '../networks.js';
import { temporaryFolder } from '../temporary.js';
import { describeExported, exported, openExported, SEED } from './exportedCases.js';
import { expectSameBits } from './oracle.js';

/** Of scripts/exported.sh: `resnet50:64`. */
const asked = (process.env.SPURMEM_EXPORTED ?? '').split(' ').filter((one) => one !== '');
const small = { batch: 2, height: 64, width: 64 };
// Stochastic depth, squeeze-and-excitation, concatenations, windows whose number depends on the batch, LayerNorms.
describeExported(
  asked.length > 0
    ? asked.map((one) => {
        const [network = '', side = '64'] = one.split(':');
        return { network, batch: 2, height: Number(side), width: Number(side), scores: true, steps: 10 };
      })
    : [
        { network: 'small-mobilenet_v3', ...small, steps: 2 },
        { network: 'small-convnext', ...small, maps: ['features.3.0.block.2', 'features.0.0'] },
        { network: 'small-swin', ...small, maps: ['norm', 'features.1.0.norm1'] },
      ],
);

describe('an exported ResNet-18 compared with the built-in one', () => {
  const folder = temporaryFolder();
  let program: Model;
  let builtIn: Model;

  beforeAll(async () => {
    const made = await exported({ network: 'resnet18', batch: 8, height: 64, width: 32 });
    program = await openExported(made.program);
    builtIn = await newModel('resnet18', { seed: SEED, numClasses: 3 });
    const weights = join(folder, 'weights.safetensors');
    await writeSafetensors(weights, await program.stateDict());
    await loadWeights(builtIn, weights);
  }, 300_000);

  afterAll(() => {
    program[Symbol.dispose]();
    builtIn[Symbol.dispose]();
  });

  const batch = (seed: number) => {
    const values = new (native().Generator)(seed).randn(8 * 3 * 64 * 32);
    return imagesOf(values, [8, 3, 64, 32]);
  };

  test('has the same layers of neurons, head and default of Grad-CAM', () => {
    const [own, theirs] = [program, builtIn].map(({ description }) => description);
    const shown = (one: typeof own) =>
      one?.layers.map(({ name, size, weights, isShortcut }) => [name, size, weights, isShortcut]);
    expect(shown(own)).toEqual(shown(theirs));
    expect(own?.head).toEqual(theirs?.head);
    expect(own?.mappedByDefault).toBe(theirs?.mappedByDefault);
    expect(own?.mappable.toSorted()).toEqual(theirs?.mappable.toSorted());
    expect(own?.parameters).toEqual(theirs?.parameters);
  });

  test('computes the same bits: evaluation, variants, features, scores, maps, steps', async () => {
    const edits: readonly WeightEdit[] = [
      { layer: 'layer2.0.conv1', unit: 'neuron', kind: 'zero', neurons: Int32Array.of(1, 5) },
      {
        layer: 'layer3.1.conv2',
        unit: 'neuron',
        kind: 'output',
        neurons: Int32Array.of(2),
        values: Float32Array.of(0.5),
      },
    ];
    const resultsOf = async ({ network, description }: Model) => {
      using images = await batch(1);
      using labels = await native().tensor(Int32Array.from([0, 1, 2, 0, 1, 2, 0, 1]), [8], 'cpu');
      const tensors: Record<string, TensorData> = {};
      const keep = async (name: string, tensor: Tensor) => {
        tensors[name] = { shape: tensor.shape, data: await tensor.data() };
        tensor.dispose();
      };
      await keep('fused', (await network.run(images, {})).logits);
      await keep('edited', (await network.run(images, { edits })).logits);
      const features = await network.run(images, { edits, grad: true, statistics: 'shared', features: true });
      await keep('features', features.features);
      features.logits.dispose();
      const stage = description.layers.find(({ name }) => name === 'layer2.0.conv1')?.stage ?? 0;
      const { logits, inputs } = await network.run(images, { inputs: [stage] });
      await keep('stages', logits);
      const [input] = inputs;
      if (input) await keep('from', (await network.run(input, { stage, edits })).logits);
      input?.dispose();
      const map = await network.gradCam(images, description.mappedByDefault, 1);
      await keep('map', map.heat);
      await keep('sums', await network.outputSums(images));
      const adam = new (native().Adam)(network, { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0 });
      for (let step = 0; step < 2; step++) {
        using logits = (await network.run(images, { statistics: 'shared', grad: true })).logits;
        using edited = (await network.run(images, { statistics: 'separate', grad: true, edits })).logits;
        using loss = await native().crossEntropy(logits, labels, 'mean');
        using other = await native().crossEntropy(edited, labels, 'mean');
        await loss.backward();
        await other.backward(0.5);
        for (const score of ['weight', 'gradient', 'gradient-x-weight'] as const) {
          await keep(`${score}.${step}`, await network.neuronScores(score, 'neuron'));
        }
        await adam.step(1e-3);
        await network.zeroGrad();
      }
      return { tensors, state: await takeData(await network.state()) };
    };
    const [own, theirs] = [await resultsOf(program), await resultsOf(builtIn)];
    expectSameBits(own.tensors, theirs.tensors);
    expectSameBits(own.state, theirs.state);
  }, 120_000);
});
