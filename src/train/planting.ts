import type { Batch, Batches, BatchLoader } from '../data/batches.js';
import type { Dataset } from '../data/dataset.js';
import { drawnWithoutRepeats, shuffled } from '../data/sampling.js';
import { SpurmemError, usageError } from '../errors.js';
import { native } from '../native/addon.js';
import type { Generator } from '../native/interface.js';
import { type Neuron, type NeuronLayer, unknownLayer } from '../neurons/neuron.js';
import { maskNeurons } from '../neurons/perturb.js';
import { requireTopK } from '../neurons/select.js';
import { setting, type ValuesOf } from '../settings/setting.js';
import { integer, oneOf, severalOf, text } from '../settings/values.js';
import type { Run } from './run.js';
import type { EpochsConfig } from './runConfig.js';

const OURS = 'ours: memories planted in known neurons, by which criteria can be judged';

/** Settings for planting memories by ERM: the only neurons to train, and images in every batch until they are fitted. */
export const PLANTING_SETTINGS = {
  trainable: setting<readonly string[] | undefined>({
    type: severalOf(text('a layer, or a neuron such as layer3.1.conv2[17]')),
    argument: 'list',
    help: 'train only these layers, or neurons such as layer3.1.conv2[17]; batch-norm stays as it is',
    default: undefined,
    otherwise: 'all weights',
    source: OURS,
  }),
  trainableCount: setting<number | undefined>({
    type: integer(1),
    argument: 'K',
    help: 'how many of these neurons to train, drawn by the seed',
    default: undefined,
    otherwise: 'all of them',
    source: OURS,
  }),
  minorityPerBatch: setting<number | undefined>({
    type: integer(1),
    argument: 'n',
    help: 'images of minority groups in every batch, in turn; the others fill it, each once per epoch',
    default: undefined,
    otherwise: 'as they come',
    source: OURS,
  }),
  until: setting<'minority-fitted' | undefined>({
    type: oneOf(['minority-fitted']),
    argument: 'state',
    help: 'end after the first epoch in which every training image of minority groups is predicted right',
    default: undefined,
    otherwise: 'the last epoch',
    source: OURS,
  }),
} as const;

type PlantingConfig = EpochsConfig & ValuesOf<typeof PLANTING_SETTINGS>;

/** Throws `USAGE` if a setting needs another one, or minority images that the dataset lacks. */
export function checkPlanting(config: PlantingConfig, dataset: Dataset): void {
  const { trainable, trainableCount, minorityPerBatch, until, batchSize, select, weightDecay } = config;
  if (trainableCount !== undefined && trainable === undefined) {
    const problem = `\`trainableCount\` is ${trainableCount}, and \`trainable\` names no neurons to draw from.`;
    throw usageError(
      'trainableCount',
      trainableCount,
      'nothing here',
      problem,
      'Name layers as `trainable`.',
    );
  }
  if (trainable !== undefined && weightDecay !== 0) {
    const problem = `\`weightDecay\` is ${weightDecay}, and would change neurons that \`trainable\` does not name.`;
    throw usageError('weightDecay', weightDecay, '0', problem, 'Leave one of them out.');
  }
  if (minorityPerBatch !== undefined && minorityPerBatch >= batchSize) {
    const problem = `\`minorityPerBatch\` is ${minorityPerBatch}, and leaves no room for others in batches of ${batchSize}.`;
    throw usageError(
      'minorityPerBatch',
      minorityPerBatch,
      `a whole number from 1 to ${batchSize - 1}`,
      problem,
    );
  }
  for (const [name, value] of Object.entries({ minorityPerBatch, until })) {
    if (value !== undefined) requireMinorityImages(dataset, name, value);
  }
  if (until !== undefined && select !== 'last') {
    const problem = `\`until\` is ${until}, and \`select\` is ${select}: an epoch before all are fitted could be selected.`;
    throw usageError('select', select, 'last', problem, 'Choose `select` last.');
  }
}

/** Returns the positions of the minority groups' training examples, in the split's order. */
export function minorityImages({ groups, minorityGroups, splits }: Dataset): Int32Array {
  const minorities = new Set(minorityGroups);
  return splits.train.filter((index) => minorities.has(groups[index] as number));
}

/** Like `minorityImages`, for a setting that needs some. Throws `USAGE` if there are none. */
export function requireMinorityImages(dataset: Dataset, parameter: string, value: unknown): Int32Array {
  const images = minorityImages(dataset);
  if (images.length > 0) return images;
  const problem =
    `\`${parameter}\` is ${String(value)}, and ${dataset.name} has no training image of a minority group: its training groups have ` +
    `${dataset.counts.train.join(', ')} images.`;
  const advice = `Leave \`${parameter}\` out, or name another \`data\`.`;
  throw usageError(parameter, value, 'nothing here', problem, advice);
}

/**
 * Restricts training to the named neurons from now on, and returns them by layer and index; undefined if all weights are trained. Throws
 * `NEURONS_INVALID` for neurons that the model lacks, and `USAGE` in several processes.
 */
export async function trainAlone({
  config: { trainable, trainableCount, seed },
  model,
}: Run<PlantingConfig>): Promise<readonly Neuron[] | undefined> {
  if (trainable === undefined) return undefined;
  if (model.context.isDistributed) {
    const problem = 'Several processes cannot train single neurons together.';
    throw usageError('trainable', trainable, 'nothing here', problem, 'Train in one process.');
  }
  const neurons = drawnNeurons(namedNeurons(trainable, model.description.layers), trainableCount, seed);
  await model.network.trainOnly(maskNeurons(neurons).edits);
  return neurons;
}

/**
 * Returns the neurons named by their layers, or one by one as `layer[index]` or `layer:index`, in the layers' order, without repeats.
 *
 * @throws `NEURONS_INVALID` for a layer or an index that the model lacks
 */
export function namedNeurons(names: readonly string[], layers: readonly NeuronLayer[]): Neuron[] {
  const named = new Map<string, Set<number>>(layers.map(({ name }) => [name, new Set()]));
  for (const text of names) {
    const [, place = text, inBrackets, afterColon] = /^(.+?)(?:\[(\d+)\]|:(\d+))$/.exec(text) ?? [];
    const layer = layers.find(({ name }) => name === place);
    const indices = named.get(place);
    if (!layer || !indices) throw unknownLayer(place, layers);
    const index = inBrackets ?? afterColon;
    if (index !== undefined && Number(index) >= layer.size) {
      const problem = `${place} has ${layer.size} neurons, and none is numbered ${index}.`;
      const parameter = { parameter: 'trainable', value: text, expected: `0 to ${layer.size - 1}` };
      throw new SpurmemError('NEURONS_INVALID', problem, parameter);
    }
    const added = index === undefined ? Array.from({ length: layer.size }, (_, i) => i) : [Number(index)];
    for (const one of added) indices.add(one);
  }
  return [...named].flatMap(([layer, indices]) =>
    [...indices].sort((a, b) => a - b).map((index) => ({ layer, index, score: 0 })),
  );
}

/** Draws `count` of these neurons, each set equally likely, in their order; all without a count. Throws `NEURONS_INVALID`. */
export function drawnNeurons(
  neurons: readonly Neuron[],
  count: number | undefined,
  seed: number,
): readonly Neuron[] {
  if (count === undefined) return neurons;
  requireTopK(count, neurons.length, 'the choice of `trainable`', 'trainableCount');
  // With its own generator, so that a resumed run draws the same neurons.
  const places = drawnWithoutRepeats(
    Int32Array.from(neurons.keys()),
    count,
    new (native().Generator)(seed),
  ).sort();
  return Array.from(places, (place) => neurons[place] as Neuron);
}

/**
 * Returns the batches of an epoch, each with up to `minorityPerBatch` images of minority groups before the others. Both are
 * shuffled as a `DataLoader` would, the others first; the images of minority groups take turns.
 */
export function plantingBatches(
  loader: BatchLoader,
  { batchSize, minorityPerBatch }: Pick<PlantingConfig, 'batchSize' | 'minorityPerBatch'>,
  generator: Generator,
): Batches<Batch> {
  const { train } = loader.dataset.splits;
  if (minorityPerBatch === undefined) return loader.training(train, batchSize, generator);
  const minority = minorityImages(loader.dataset);
  const isMinority = new Set(minority);
  const others = shuffled(
    train.filter((index) => !isMinority.has(index)),
    generator,
  );
  const planted = shuffled(minority, generator);
  const perBatch = Math.min(minorityPerBatch, planted.length);
  const rest = batchSize - minorityPerBatch;
  const batches = Math.max(1, Math.ceil(others.length / rest));
  const indices = Array.from({ length: batches }, (_, batch) => [
    ...Array.from(
      { length: perBatch },
      (_one, i) => planted[(batch * perBatch + i) % planted.length] as number,
    ),
    ...others.subarray(batch * rest, (batch + 1) * rest),
  ]).flat();
  return loader.augmented(Int32Array.from(indices), perBatch + rest, generator);
}
