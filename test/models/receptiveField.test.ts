import { disposeOutputs } from '../../src/extras/atlas/observe.js';
import type { Architecture } from '../../src/models/architectures.js';
import type { Model } from '../../src/models/model.js';
import { type ReceptiveField, receptiveField } from '../../src/models/receptiveField.js';
import { native } from '../../src/native/addon.js';
import { maskNeurons } from '../../src/neurons/perturb.js';
import { imagesOf, newModel } from '../networks.js';

const SIDE = 128;

/** A layer's outputs at the position for images, an image after the other. */
async function outputsAt(
  model: Model,
  layer: string,
  place: { row: number; column: number },
  images: readonly Float32Array[],
): Promise<number[][]> {
  const data = Float32Array.from(images.flatMap((image) => [...image]));
  using batch = await imagesOf(data, [images.length, 3, SIDE, SIDE]);
  const { size = 0 } = model.description.layers.find(({ name }) => name === layer) ?? {};
  const neurons = Array.from({ length: size }, (_, index) => ({ layer, index }));
  const found = await model.network.neuronOutputs(batch, maskNeurons(neurons).edits);
  const [of] = found.layers;
  const values = (await of?.outputs.data()) as Float32Array;
  const [rows = 0, columns = 0] = of?.cells ?? [];
  disposeOutputs(found);
  return images.map((_, image) =>
    neurons.map(
      (_neuron, own) =>
        values[(image * size + own) * rows * columns + place.row * columns + place.column] as number,
    ),
  );
}

/** An image with other values where `isOther` says. */
function changed(image: Float32Array, isOther: (row: number, column: number) => boolean): Float32Array {
  return image.map((value, at) => {
    const row = Math.floor((at % (SIDE * SIDE)) / SIDE);
    return isOther(row, at % SIDE) ? value + 30 : value;
  });
}

test.each<[Architecture, string, ReceptiveField]>([
  ['resnet18', 'conv1', { top: 29, left: 29, height: 7, width: 7 }],
  ['resnet18', 'layer1.0.conv1', { top: 55, left: 55, height: 19, width: 19 }],
  ['resnet18', 'layer2.0.conv2', { top: 31, left: 31, height: 67, width: 67 }],
  ['resnet18', 'layer2.0.downsample.0', { top: 43, left: 43, height: 43, width: 43 }],
  ['resnet50', 'layer2.0.conv2', { top: 43, left: 43, height: 43, width: 43 }],
  ['resnet50', 'layer2.0.conv1', { top: 15, left: 15, height: 35, width: 35 }],
  ['resnet20', 'layer2.0.conv2', { top: 6, left: 6, height: 21, width: 21 }],
])(
  '%s, %s: the output depends on each edge of the field, and on nothing beyond',
  async (arch, layer, field) => {
    const place = layer.startsWith('layer1') ? { row: 16, column: 16 } : { row: 8, column: 8 };
    const at = layer === 'conv1' ? { row: 16, column: 16 } : place;
    using model = await newModel(arch);
    const found = receptiveField(model, layer, at);
    expect(found).toEqual(field);
    const { top, left, height, width } = field;
    const bottom = top + height - 1;
    const right = left + width - 1;
    const image = new (native().Generator)(3).randn(3 * SIDE * SIDE);
    const inRows = (row: number): boolean => row >= top && row <= bottom;
    const inColumns = (column: number): boolean => column >= left && column <= right;
    const [own = [], beyond = [], ...edges] = await outputsAt(model, layer, at, [
      image,
      changed(image, (row, column) => !(inRows(row) && inColumns(column))),
      changed(image, (row, column) => row === top && inColumns(column)),
      changed(image, (row, column) => row === bottom && inColumns(column)),
      changed(image, (row, column) => column === left && inRows(row)),
      changed(image, (row, column) => column === right && inRows(row)),
    ]);
    const largest = (other: readonly number[]): number =>
      Math.max(...own.map((value, neuron) => Math.abs(value - (other[neuron] as number))));
    const scale = Math.max(...own.map(Math.abs));
    expect(largest(beyond)).toBeLessThanOrEqual(1e-5 * scale);
    for (const edge of edges) expect(largest(edge)).toBeGreaterThan(1e-3 * scale);
  },
);

test('fields of vision transformers\u2019 layers are not known', async () => {
  using model = await newModel('vit_tiny_patch16_224', { imageSize: [32, 32], patchSize: 8 });
  expect(receptiveField(model, 'blocks.0.mlp.fc1', { row: 0, column: 0 })).toBeUndefined();
});
