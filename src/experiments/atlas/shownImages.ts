import type { Example } from '../../data/dataset.js';
import { greyPng, inputThumbnail } from '../../data/pictures.js';
import { receptiveField } from '../../models/receptiveField.js';
import { type NeuronPlace, placeText } from '../../neurons/neuron.js';
import { throwIfAborted } from '../../progress.js';
import type { PicturedExample } from '../results.js';
import type { TraceSession } from '../traceSession.js';
import type { StrongImage } from './atlasResult.js';
import { columnsOf, disposeOutputs, type Observation, type StrongestAt } from './observe.js';

/** Cells of a map along a side at most; of finer ones, neighbours are one cell with their highest value. */
const MOST_CELLS = 32;

/** The images that an atlas shows. */
interface ShownImages {
  readonly pictures: readonly PicturedExample[];
  /** A neuron's map of an image as a picture. */
  readonly mapOf: (neuron: NeuronPlace, example: number) => string | undefined;
}

/**
 * Draws images, and the maps of neurons on some of them.
 *
 * @param neurons with what was observed, and the images whose maps are drawn
 * @param others images without a map
 */
export async function drawShown(
  { dataset, loader, model, job }: TraceSession,
  neurons: readonly { readonly neuron: NeuronPlace; readonly observed: Observation }[],
  others: readonly number[],
): Promise<ShownImages> {
  const task = 'pictures';
  const { edits, columns } = columnsOf(neurons.map(({ neuron }) => neuron));
  const shownBy = neurons.map(({ neuron, observed }) => ({
    text: placeText(neuron),
    observed,
    examples: new Set(strongestOf(observed).map(({ example }) => example)),
  }));
  const all = [...new Set([...others, ...shownBy.flatMap(({ examples }) => [...examples])])];
  const pictures: PicturedExample[] = [];
  const maps = new Map<string, string>();
  for await (const batch of loader.evaluation(Int32Array.from(all).sort(), job.batchSize)) {
    using current = batch;
    throwIfAborted(job.signal, task);
    const pixels = (await current.images.data()) as Float32Array;
    const [, , height = 0, width = 0] = current.images.shape;
    const outputs = await model.network.neuronOutputs(current.images, edits);
    try {
      const values = await Promise.all(outputs.layers.map((layer) => layer.outputs.data()));
      for (const [at, example] of current.indices.entries()) {
        const size = 3 * height * width;
        const { filename, group, y } = dataset.examples[example] as Example;
        const input = pixels.subarray(at * size, (at + 1) * size);
        const image = await inputThumbnail(input, [height, width], dataset.preprocessing);
        pictures.push({ example, filename, group, label: y, image });
        for (const { text, observed, examples } of shownBy) {
          const column = columns.get(text);
          if (!examples.has(example) || !column) continue;
          const [, inLayer = 0, positions = 0] = outputs.layers[column.layer]?.outputs.shape ?? [];
          const start = (at * inLayer + column.own) * positions;
          const map = values[column.layer]?.subarray(start, start + positions) as Float32Array;
          const drawn = await drawMap(map, observed);
          if (drawn !== undefined) maps.set(`${text} ${example}`, drawn);
        }
      }
    } finally {
      disposeOutputs(outputs);
    }
    job.onProgress?.({ task, done: pictures.length, total: all.length, unit: 'images' });
  }
  return { pictures, mapOf: (neuron, example) => maps.get(`${placeText(neuron)} ${example}`) };
}

/** All strongest images of a neuron. */
function strongestOf({ strongest, strongestOfGroups }: Observation): StrongestAt[] {
  return [...strongest, ...strongestOfGroups.flat()];
}

/** A neuron's output on an image, from its mean over all images to its highest here; undefined where positions are no parts of the image. */
async function drawMap(values: Float32Array, observed: Observation): Promise<string | undefined> {
  const [rows, columns] = observed.cells;
  const cells = rows * columns;
  if (cells === 0) return undefined;
  const { mean } = observed.moments;
  const ofImage = values.slice(values.length - cells);
  const highest = ofImage.reduce((most, value) => Math.max(most, value), mean);
  const scaled = ofImage.map((value) => (highest > mean ? (value - mean) / (highest - mean) : 0));
  const [down, across] = [poolOf(rows), poolOf(columns)];
  const [height, width] = [rows / down, columns / across];
  const pooled = new Float32Array(height * width).fill(Number.NEGATIVE_INFINITY);
  for (const [at, value] of scaled.entries()) {
    const row = Math.floor(Math.floor(at / columns) / down);
    const place = row * width + Math.floor((at % columns) / across);
    pooled[place] = Math.max(pooled[place] as number, value);
  }
  return greyPng(pooled, height, width);
}

/** The least number of cells that become one, so that few enough are left; 1 where none divides them. */
function poolOf(cells: number): number {
  for (let each = 1; each < cells; each += 1) {
    if (cells % each === 0 && cells / each <= MOST_CELLS) return each;
  }
  return 1;
}

/** A strongest image as a result has it, with the place of its highest output. */
export function strongImage(
  { dataset, loader, model }: TraceSession,
  neuron: NeuronPlace,
  { cells: [rows, columns], positions }: Observation,
  { example, activation, at }: StrongestAt,
): Omit<StrongImage, 'map'> {
  const { filename, group } = dataset.examples[example] as Example;
  const inMap = at - (positions - rows * columns);
  if (rows * columns === 0 || inMap < 0)
    return { example, filename, group, activation, place: null, frame: null };
  const place = { row: Math.floor(inMap / columns), column: inMap % columns };
  const [height, width] = loader.inputSize;
  const cell = { height: height / rows, width: width / columns };
  const field = receptiveField(model, neuron.layer, place) ?? {
    top: place.row * cell.height,
    left: place.column * cell.width,
    ...cell,
  };
  const [top, left] = [Math.max(0, field.top), Math.max(0, field.left)];
  const frame = {
    top,
    left,
    height: Math.min(height, field.top + field.height) - top,
    width: Math.min(width, field.left + field.width) - left,
  };
  return { example, filename, group, activation, place, frame };
}
