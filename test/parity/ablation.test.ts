import { join } from 'node:path';
import type { Architecture } from '../../src/models/architectures.js';
import type { TensorData } from '../../src/models/safetensors.js';
import type { NeuronPlace } from '../../src/neurons/neuron.js';
import { type NeuronValues, outputsOf, perturbedVariants, weightsIn } from '../../src/neurons/perturb.js';
import type { PerturbationName } from '../../src/neurons/perturbations.js';
import { imagesOf, newModel } from '../networks.js';
import { temporaryFolder } from '../temporary.js';
import { expectWithin, relativeDifference } from './compare.js';
import { askOracle } from './oracle.js';

const folder = temporaryFolder();
const BATCH = 12;

interface Case {
  readonly arch: Architecture;
  readonly neurons: readonly NeuronPlace[];
  /**
   * Of logits, layer after layer. A fixed output is a bias, which is 0 for the layer's other neurons or their own: their sums
   * are rounded as before.
   */
  readonly tolerance: number;
  /** Of logits without gradients, where a ResNet's batch-norm is folded into its convolutions, which rounds otherwise. */
  readonly folded: number;
}

const cases: Case[] = [
  {
    arch: 'resnet18',
    neurons: [
      { layer: 'conv1', index: 5 },
      { layer: 'layer2.0.conv1', index: 100 },
      { layer: 'layer2.0.conv1', index: 7 },
      { layer: 'layer2.0.downsample.0', index: 3 },
      { layer: 'layer4.1.conv2', index: 511 },
    ],
    tolerance: 0,
    folded: 1e-5,
  },
  {
    arch: 'vit_tiny_patch16_224',
    neurons: [
      { layer: 'blocks.0.attn.qkv', index: 400 },
      { layer: 'blocks.3.attn.proj', index: 11 },
      { layer: 'blocks.3.mlp.fc1', index: 700 },
      { layer: 'blocks.11.mlp.fc2', index: 0 },
    ],
    tolerance: 1e-6,
    folded: 1e-6,
  },
];

/** Means over positions are rounded to float32 before they are added. */
const MEANS = 1e-6;

test.each(cases)('$arch: rewound and mean-ablated neurons', async ({ arch, neurons, tolerance, folded }) => {
  const earlier = join(folder, `${arch}-earlier.safetensors`);
  const [height, width] = [64, 32];
  const places = neurons.map(({ layer, index }) => `${layer}:${index}`);
  const size = { batch: BATCH, height, width };
  const expected = await askOracle('ablation', { arch, neurons: places, seed: 3, ...size, earlier });
  using model = await newModel(arch, { imageSize: [height, width], patchSize: 8, layerNormEps: 1e-6 });
  const state = expected.names.filter((name) => name.startsWith('state.'));
  await model.loadStateDict(
    Object.fromEntries(state.map((name): [string, TensorData] => [name.slice(6), expected(name)])),
  );
  const { data, shape } = expected('input');
  using images = await imagesOf(data, shape);

  // Two batches of different sizes.
  const means = new Float64Array(model.numNeurons);
  const each = data.length / BATCH;
  for (const [from, to] of [
    [0, 8],
    [8, BATCH],
  ] as const) {
    using part = await imagesOf(data.slice(from * each, to * each), [to - from, ...shape.slice(1)]);
    using sums = await model.network.outputSums(part);
    for (const [i, sum] of ((await sums.data()) as Float64Array).entries()) {
      means[i] = (means[i] as number) + sum / BATCH;
    }
  }
  const theirMeans = expected('means').data as Float64Array;
  const ofMeans = relativeDifference(means, theirMeans);
  expectWithin(`${arch}, mean outputs of all layers, relative difference`, ofMeans, MEANS);

  const known: [PerturbationName, string, NeuronValues][] = [
    ['rewind', 'rewound', await weightsIn(earlier, 'earlier', model, 'neuron')],
    ['mean', 'ablated', outputsOf(theirMeans, 'means', model)],
  ];
  for (const [kind, state, values] of known) {
    const perturbation = { kind, sigma: null, seeds: [], known: values };
    const [variant] = perturbedVariants(neurons, perturbation, model.description.layers);
    const theirs = expected(`logits.${state}`).data;
    expect(relativeDifference(theirs, expected('logits').data)).toBeGreaterThan(1e-3);
    for (const grad of [true, false]) {
      using logits = (await model.network.run(images, { grad, edits: variant?.edits })).logits;
      const difference = relativeDifference(await logits.data(), theirs);
      const what = `${arch}, ${state} neurons, logits ${grad ? 'layer after layer' : 'without gradients'}`;
      expectWithin(`${what}, relative difference`, difference, grad ? tolerance : folded);
    }
  }
});
