import { meanInterval } from '../../metrics/intervals.js';
import { middle, type Moments } from '../../metrics/statistics.js';
import type { NeuronOutputs, WeightEdit } from '../../native/addon.js';
import { type NeuronPlace, placeText } from '../../neurons/neuron.js';
import { maskNeurons } from '../../neurons/perturb.js';
import { throwIfAborted } from '../../progress.js';
import { MomentSums } from '../outcomeCounter.js';
import type { TraceSession } from '../traceSession.js';
import type { GroupActivation } from './atlasResult.js';

/** An image, and a neuron's highest output there. */
export interface StrongestAt {
  readonly example: number;
  readonly activation: number;
  /** The position's number. */
  readonly at: number;
}

/** What a neuron gives for the images of a split. */
export interface Observation {
  /** Rows and columns of its positions; zeros where they are no parts of the image. */
  readonly cells: readonly [number, number];
  /** The number of positions. */
  readonly positions: number;
  readonly strongest: readonly StrongestAt[];
  /** [numGroups] */
  readonly strongestOfGroups: readonly (readonly StrongestAt[])[];
  /** Of its mean output over positions: over all images, and by group, [numGroups]. */
  readonly moments: Moments;
  readonly ofGroups: readonly Moments[];
}

/** Places of neurons in what the addon gives. */
export interface ObservedColumns {
  readonly edits: readonly WeightEdit[];
  /** By a neuron's text: its number among all, its layer's among the edits, and its own in the layer. */
  readonly columns: ReadonlyMap<
    string,
    { readonly all: number; readonly layer: number; readonly own: number }
  >;
}

export function columnsOf(neurons: readonly NeuronPlace[]): ObservedColumns {
  const { edits } = maskNeurons(neurons);
  const places = edits.flatMap((edit, layer) =>
    Array.from(edit.neurons, (index, own) => ({ text: placeText({ layer: edit.layer, index }), layer, own })),
  );
  return { edits, columns: new Map(places.map(({ text, ...place }, all) => [text, { all, ...place }])) };
}

/** Frees the tensors. */
export function disposeOutputs({ layers, highest, places, means }: NeuronOutputs): void {
  for (const tensor of [highest, places, means, ...layers.map(({ outputs }) => outputs)]) tensor.dispose();
}

/** The strongest images of a list at most, strongest first; of equal ones the first that came. */
export class Strongest {
  readonly list: StrongestAt[] = [];

  constructor(readonly most: number) {}

  add(image: StrongestAt): void {
    const { list, most } = this;
    const last = list.at(-1);
    if (Number.isNaN(image.activation)) return;
    if (list.length >= most && last !== undefined && image.activation <= last.activation) return;
    const after = list.findIndex(({ activation }) => activation < image.activation);
    list.splice(after < 0 ? list.length : after, 0, image);
    if (list.length > most) list.pop();
  }
}

/**
 * Observes neurons on the images of the training split, in one pass over them.
 *
 * @param most how many of the strongest images are kept, of all and of each group
 * @returns by the neurons' texts
 */
export async function observeNeurons(
  { dataset, loader, model, job }: TraceSession,
  neurons: readonly NeuronPlace[],
  most: { readonly ofAll: number; readonly ofGroup: number },
): Promise<Map<string, Observation>> {
  const task = 'activations';
  const { train } = dataset.splits;
  const { edits, columns } = columnsOf(neurons);
  const groups = dataset.groupNames.map((_, group) => group);
  const counters = [...columns.keys()].map(() => ({
    strongest: new Strongest(most.ofAll),
    ofGroups: groups.map(() => ({ strongest: new Strongest(most.ofGroup), sums: new MomentSums() })),
  }));
  let shapes: readonly Pick<Observation, 'cells' | 'positions'>[] = [];
  let done = 0;
  for await (const batch of loader.evaluation(train, job.batchSize)) {
    using current = batch;
    throwIfAborted(job.signal, task);
    const outputs = await model.network.neuronOutputs(current.images, edits);
    const { highest, places, means, layers } = outputs;
    try {
      const values = await Promise.all([highest, places, means].map((tensor) => tensor.data()));
      const [high, at, mean] = values as [Float32Array, Int32Array, Float32Array];
      shapes = layers.map((layer) => ({ cells: layer.cells, positions: layer.outputs.shape[2] ?? 0 }));
      let place = 0;
      for (const example of current.indices) {
        const group = dataset.groups[example] as number;
        for (const { strongest, ofGroups } of counters) {
          const image = { example, activation: high[place] as number, at: at[place] as number };
          strongest.add(image);
          ofGroups[group]?.strongest.add(image);
          ofGroups[group]?.sums.add(mean[place] as number);
          place += 1;
        }
      }
    } finally {
      disposeOutputs(outputs);
    }
    done += current.indices.length;
    job.onProgress?.({ task, done, total: train.length, unit: 'images' });
  }
  return new Map(
    [...columns].map(([text, { all, layer }]) => {
      const { strongest, ofGroups } = counters[all] as (typeof counters)[number];
      const together = new MomentSums();
      for (const { sums } of ofGroups) together.addSums(sums.sums);
      const observation = {
        ...(shapes[layer] ?? { cells: [0, 0], positions: 0 }),
        strongest: strongest.list,
        strongestOfGroups: ofGroups.map((of) => of.strongest.list),
        moments: together.moments,
        ofGroups: ofGroups.map(({ sums }) => sums.moments),
      };
      return [text, observation] as const;
    }),
  );
}

/** The group means of a neuron beside those of random neurons of its layer. */
export function groupActivations(own: Observation, others: readonly Observation[]): GroupActivation[] {
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

/** How far a value lies from the mean over all images, in standard deviations over images. */
function shiftOf({ moments }: Observation, value = Number.NaN): number {
  return (value - moments.mean) / Math.sqrt(moments.variance);
}
