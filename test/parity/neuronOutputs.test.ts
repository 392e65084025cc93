import { disposeOutputs } from '../../src/extras/atlas/observe.js';
import type { Architecture } from '../../src/models/architectures.js';
import type { Model } from '../../src/models/model.js';
import { native } from '../../src/native/addon.js';
import { maskNeurons } from '../../src/neurons/perturb.js';
import { imagesOf, newModel, settledTensors } from '../networks.js';
import { expectWithin, maxDifference } from './compare.js';
import { exported, openExported, SEED } from './exportedCases.js';
import { askOracle } from './oracle.js';

interface Case {
  readonly network: string;
  readonly height: number;
  readonly width: number;
  readonly patch?: number;
  /** Neurons of layers, in the order of their names, and [rows, columns] of the positions that are parts of the image. */
  readonly layers: readonly {
    readonly name: string;
    readonly neurons: readonly number[];
    readonly cells: readonly [number, number];
  }[];
}

const cases: readonly Case[] = [
  {
    network: 'resnet18',
    height: 64,
    width: 96,
    layers: [
      { name: 'conv1', neurons: [0, 9, 63], cells: [32, 48] },
      { name: 'layer2.0.downsample.0', neurons: [5], cells: [8, 12] },
      { name: 'layer4.1.conv2', neurons: [17, 511], cells: [2, 3] },
    ],
  },
  {
    network: 'vit_tiny_patch16_224',
    height: 64,
    width: 32,
    patch: 8,
    layers: [
      { name: 'blocks.0.mlp.fc1', neurons: [3, 700], cells: [8, 4] },
      { name: 'blocks.11.attn.qkv', neurons: [0, 575], cells: [8, 4] },
    ],
  },
  {
    network: 'branches',
    height: 24,
    width: 20,
    layers: [
      { name: 'large', neurons: [1, 7], cells: [24, 20] },
      { name: 'last', neurons: [0, 11], cells: [11, 9] },
    ],
  },
];

/** The network with the weights of the seed: a built-in one, or the program that PyTorch exported. */
async function opened({ network, height, width, patch }: Case): Promise<Model> {
  if (network === 'branches') {
    return openExported((await exported({ network, batch: 3, height, width })).program);
  }
  const size = patch === undefined ? {} : { imageSize: [height, width] as const, patchSize: patch };
  return newModel(network as Architecture, { seed: SEED, numClasses: 3, ...size });
}

test.each(cases)('neurons\u2019 outputs in $network equal PyTorch\u2019s forward hooks', async (given) => {
  const { layers, ...others } = given;
  const expected = await askOracle('neuron_outputs', { ...others, layers, seed: SEED, batch: 3 });
  using model = await opened(given);
  const live = await settledTensors();
  {
    const { data, shape } = expected('images');
    using images = await imagesOf(data, shape);
    const neurons = layers.flatMap(({ name, neurons }) => neurons.map((index) => ({ layer: name, index })));
    const found = await model.network.neuronOutputs(images, maskNeurons(neurons).edits);
    const [highest, places, means] = await Promise.all(
      [found.highest, found.places, found.means].map((tensor) => tensor.data()),
    );
    expect(found.highest.shape).toEqual([3, neurons.length]);
    let column = 0;
    for (const [at, { name, neurons: ofLayer, cells }] of layers.entries()) {
      const layer = found.layers[at];
      expect(layer?.cells).toEqual(cells);
      const outputs = await layer?.outputs.data();
      const wanted = expected(`outputs.${name}`);
      expect(layer?.outputs.shape).toEqual(wanted.shape);
      const difference = maxDifference(outputs ?? new Float32Array(), wanted.data);
      expectWithin(`${given.network}, outputs of ${name}, max difference`, difference, 0);
      const start = column;
      const part = (all: ArrayLike<number | bigint> | undefined): number[] =>
        [0, 1, 2].flatMap((image) =>
          ofLayer.map((_, own) => Number(all?.[image * neurons.length + start + own])),
        );
      expect(part(highest)).toEqual([...expected(`highest.${name}`).data]);
      expect(part(places)).toEqual([...expected(`places.${name}`).data]);
      const ofMeans = maxDifference(Float32Array.from(part(means)), expected(`means.${name}`).data);
      expectWithin(`${given.network}, means of ${name}, max difference`, ofMeans, 1e-6);
      column += ofLayer.length;
    }
    disposeOutputs(found);
    await expect(model.network.neuronOutputs(images, [])).rejects.toThrow(/no neurons are named/);
    const beyond = maskNeurons([{ layer: layers[0]?.name ?? '', index: 9999 }]).edits;
    await expect(model.network.neuronOutputs(images, beyond)).rejects.toThrow(/none is numbered 9999/);
  }
  expect(native().liveTensors()).toBe(live);
});
