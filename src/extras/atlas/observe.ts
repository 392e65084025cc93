import type { Example } from '../../data/dataset.js';
import { greyPng, inputThumbnail } from '../../data/pictures.js';
import { MomentSums } from '../../experiments/outcomeCounter.js';
import type { PicturedExample } from '../../experiments/results.js';
import type { TraceSession } from '../../experiments/traceSession.js';
import { meanInterval } from '../../metrics/intervals.js';
import { middle, type Moments } from '../../metrics/statistics.js';
import { receptiveField } from '../../models/receptiveField.js';
import type { NeuronOutputs } from '../../native/interface.js';
import { type NeuronPlace, placeText } from '../../neurons/neuron.js';
import { maskNeurons } from '../../neurons/perturb.js';
import { throwIfAborted } from '../../progress.js';
import type { GroupActivation, StrongImage } from './result.js';

/** Strongest images that are kept, of all and of each group. */
const STRONGEST = { ofAll: 9, ofGroup: 3 } as const;
/** Cells of a map along a side at most; of finer ones, neighbours are one cell with their highest value. */
const MAX_CELLS = 32;

/** An image, a neuron's highest output there, and the number of its position. */
interface StrongestAt {
  readonly example: number;
  readonly activation: number;
  readonly at: number;
}

/** A neuron's activations on the images of a split. */
export interface Observation {
  /** Rows and columns of its positions; zeros if they are no parts of the image. */
  readonly cells: readonly [number, number];
  /** The number of positions. */
  readonly positions: number;
  readonly strongest: readonly StrongestAt[];
  /** [numGroups] */
  readonly strongestOfGroups: readonly (readonly StrongestAt[])[];
  /** Moments of its output, averaged over positions: over all images, and by group, [numGroups]. */
  readonly moments: Moments;
  readonly ofGroups: readonly Moments[];
}

/** A neuron's number among all outputs, its layer's among the edits, and its own in the layer. */
interface OutputColumn {
  readonly text: string;
  readonly layer: number;
  readonly own: number;
}

/** A batch of images, and the outputs of neurons. */
interface ObservedBatch {
  readonly indices: Int32Array;
  /** The images, [N, 3, H, W]. */
  readonly pixels: () => Promise<Float32Array>;
  readonly outputs: NeuronOutputs;
  readonly columns: readonly OutputColumn[];
}

/** Frees the tensors. */
export function disposeOutputs({ layers, highest, places, means }: NeuronOutputs): void {
  for (const tensor of [highest, places, means, ...layers.map(({ outputs }) => outputs)]) tensor.dispose();
}

/** Gives the outputs of neurons on images, batch after batch. */
async function eachBatch(
  { loader, model, job }: TraceSession,
  task: string,
  indices: Int32Array,
  neurons: readonly NeuronPlace[],
  take: (batch: ObservedBatch) => Promise<void>,
): Promise<void> {
  const { edits } = maskNeurons(neurons);
  const columns = edits.flatMap((edit, layer) =>
    Array.from(edit.neurons, (index, own) => ({ text: placeText({ layer: edit.layer, index }), layer, own })),
  );
  let done = 0;
  for await (const batch of loader.evaluation(indices, job.batchSize)) {
    using current = batch;
    throwIfAborted(job.signal, task);
    const { images } = current;
    const outputs = await model.network.neuronOutputs(images, edits);
    try {
      const pixels = async () => (await images.data()) as Float32Array;
      await take({ indices: current.indices, pixels, outputs, columns });
    } finally {
      disposeOutputs(outputs);
    }
    done += current.indices.length;
    job.onProgress?.({ task, done, total: indices.length, unit: 'images' });
  }
}

/** Adds an image to the strongest `max`, strongest first; ties: the first that came. */
function keepStrongest(list: StrongestAt[], image: StrongestAt, max: number): void {
  const last = list.at(-1);
  if (Number.isNaN(image.activation)) return;
  if (list.length >= max && last !== undefined && image.activation <= last.activation) return;
  const after = list.findIndex(({ activation }) => activation < image.activation);
  list.splice(after < 0 ? list.length : after, 0, image);
  if (list.length > max) list.pop();
}

/** Observes neurons on the images of the training split, in one pass over them; by the neurons' texts. */
export async function observeNeurons(
  session: TraceSession,
  neurons: readonly NeuronPlace[],
): Promise<Map<string, Observation>> {
  const { splits, groupNames, groups } = session.dataset;
  const observed = new Map(
    neurons.map((neuron) => [
      placeText(neuron),
      {
        shape: { cells: [0, 0] as Observation['cells'], positions: 0 },
        strongest: [] as StrongestAt[],
        ofGroups: groupNames.map(() => ({ strongest: [] as StrongestAt[], sums: new MomentSums() })),
      },
    ]),
  );
  await eachBatch(session, 'activations', splits.train, neurons, async ({ indices, outputs, columns }) => {
    const { highest, places, means, layers } = outputs;
    const values = await Promise.all([highest, places, means].map((tensor) => tensor.data()));
    const [high, at, mean] = values as [Float32Array, Int32Array, Float32Array];
    for (const [column, { text, layer }] of columns.entries()) {
      const own = observed.get(text);
      const { cells, outputs: all } = layers[layer] as (typeof layers)[number];
      if (!own) continue;
      own.shape = { cells, positions: all.shape[2] ?? 0 };
      for (const [i, example] of indices.entries()) {
        const place = i * columns.length + column;
        const image = { example, activation: high[place] as number, at: at[place] as number };
        keepStrongest(own.strongest, image, STRONGEST.ofAll);
        const ofGroup = own.ofGroups[groups[example] as number];
        if (!ofGroup) continue;
        keepStrongest(ofGroup.strongest, image, STRONGEST.ofGroup);
        ofGroup.sums.add(mean[place] as number);
      }
    }
  });
  return new Map(
    [...observed].map(([text, { shape, strongest, ofGroups }]) => {
      const together = new MomentSums();
      for (const { sums } of ofGroups) together.addSums(sums.sums);
      const strongestOfGroups = ofGroups.map((of) => of.strongest);
      const moments = ofGroups.map(({ sums }) => sums.moments);
      return [text, { ...shape, strongest, strongestOfGroups, moments: together.moments, ofGroups: moments }];
    }),
  );
}

/** Returns the group means of a neuron, each with those of random neurons of its layer. */
export function groupActivations(own: Observation, others: readonly Observation[]): GroupActivation[] {
  /** How far a value lies from the mean over all images, in standard deviations over images. */
  const shiftOf = ({ moments }: Observation, value = Number.NaN): number =>
    (value - moments.mean) / Math.sqrt(moments.variance);
  return own.ofGroups.map((ofGroup, group) => {
    const interval = meanInterval(ofGroup);
    const random = others.map((other) => shiftOf(other, other.ofGroups[group]?.mean)).filter(Number.isFinite);
    return {
      images: ofGroup.count,
      mean: ofGroup.mean,
      interval,
      shift: shiftOf(own, ofGroup.mean),
      shiftInterval: [shiftOf(own, interval[0]), shiftOf(own, interval[1])],
      random: random.length > 1 ? middle(random) : null,
    };
  });
}

/** The images that an atlas shows. */
interface ShownImages {
  readonly pictures: readonly PicturedExample[];
  /** A neuron's map of an image as a picture. */
  readonly mapOf: (neuron: NeuronPlace, example: number) => string | undefined;
}

/** Draws images of examples, and the maps of neurons on their strongest ones. */
export async function drawShown(
  session: TraceSession,
  neurons: readonly NeuronPlace[],
  observed: ReadonlyMap<string, Observation>,
  others: readonly number[],
): Promise<ShownImages> {
  const { dataset, loader } = session;
  const shownBy = new Map(
    neurons.map(placeText).map((text) => {
      const { strongest = [], strongestOfGroups = [] } = observed.get(text) ?? {};
      return [text, new Set([...strongest, ...strongestOfGroups.flat()].map(({ example }) => example))];
    }),
  );
  const all = Int32Array.from(new Set([...others, ...[...shownBy.values()].flatMap((shown) => [...shown])]));
  const pictures: PicturedExample[] = [];
  const maps = new Map<string, string | undefined>();
  await eachBatch(session, 'pictures', all.sort(), neurons, async (batch) => {
    const pixels = await batch.pixels();
    const layers = await Promise.all(batch.outputs.layers.map((layer) => layer.outputs.data()));
    for (const [at, example] of batch.indices.entries()) {
      const size = pixels.length / batch.indices.length;
      const { filename, group, y } = dataset.examples[example] as Example;
      const input = pixels.subarray(at * size, (at + 1) * size);
      const image = await inputThumbnail(input, loader.inputSize, dataset.preprocessing);
      pictures.push({ example, filename, group, label: y, image });
      for (const { text, layer, own } of batch.columns) {
        if (shownBy.get(text)?.has(example) !== true) continue;
        const [, inLayer = 0, positions = 0] = batch.outputs.layers[layer]?.outputs.shape ?? [];
        const start = (at * inLayer + own) * positions;
        const map = layers[layer]?.subarray(start, start + positions) as Float32Array;
        maps.set(`${text} ${example}`, await drawMap(map, observed.get(text) as Observation));
      }
    }
  });
  return { pictures, mapOf: (neuron, example) => maps.get(`${placeText(neuron)} ${example}`) };
}

/** A neuron's output on an image, from its mean over all images to its highest here; undefined if positions are no parts of the image. */
async function drawMap(
  values: Float32Array,
  { cells: [rows, columns], moments: { mean } }: Observation,
): Promise<string | undefined> {
  if (rows * columns === 0) return undefined;
  const ofImage = values.slice(values.length - rows * columns);
  const highest = ofImage.reduce((most, value) => Math.max(most, value), mean);
  const [down, across] = [poolOf(rows), poolOf(columns)];
  const [height, width] = [rows / down, columns / across];
  const pooled = new Float32Array(height * width).fill(Number.NEGATIVE_INFINITY);
  for (const [at, value] of ofImage.entries()) {
    const scaled = highest > mean ? (value - mean) / (highest - mean) : 0;
    const place = Math.floor(Math.floor(at / columns) / down) * width + Math.floor((at % columns) / across);
    pooled[place] = Math.max(pooled[place] as number, scaled);
  }
  return greyPng(pooled, height, width);
}

/** The least number of cells that become one, so that few enough are left; 1 if none divides them. */
function poolOf(cells: number): number {
  for (let each = 1; each < cells; each += 1) {
    if (cells % each === 0 && cells / each <= MAX_CELLS) return each;
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
  const cellField = { top: place.row * cell.height, left: place.column * cell.width, ...cell };
  const field = receptiveField(model, neuron.layer, place) ?? cellField;
  const [top, left] = [Math.max(0, field.top), Math.max(0, field.left)];
  const bottom = Math.min(height, field.top + field.height);
  const right = Math.min(width, field.left + field.width);
  const frame = { top, left, height: bottom - top, width: right - left };
  return { example, filename, group, activation, place, frame };
}
