import { SpurmemError, usageError } from '../errors.js';
import { type Neuron, type NeuronLayer, unknownLayer } from '../neurons/neuron.js';
import { maskNeurons } from '../neurons/perturb.js';
import { setting, type ValuesOf } from '../settings/setting.js';
import { severalOf, text } from '../settings/values.js';
import type { Run } from './run.js';
import type { EpochsConfig } from './runConfig.js';

/** The only neurons that ERM trains. */
export const TRAINABLE = {
  trainable: setting<readonly string[] | undefined>({
    type: severalOf(text('a layer, or a neuron such as layer3.1.conv2[17]')),
    argument: 'list',
    help: 'train only these layers, or neurons such as layer3.1.conv2[17]; batch-norm stays as it is',
    default: undefined,
    otherwise: 'all weights',
    source: 'ours: what some neurons can learn alone',
  }),
} as const;

type TrainableConfig = EpochsConfig & ValuesOf<typeof TRAINABLE>;

/** Throws `USAGE` for weight decay, which would change all neurons. */
export function checkTrainable({ trainable, weightDecay }: TrainableConfig): void {
  if (trainable === undefined || weightDecay === 0) return;
  const problem = `\`weightDecay\` is ${weightDecay}, and would change neurons that \`trainable\` does not name.`;
  throw usageError('weightDecay', weightDecay, '0', problem, 'Leave one of them out.');
}

/**
 * Restricts training to the named neurons from now on, and returns whether any were named. Throws `NEURONS_INVALID` for neurons that the model
 * lacks, and `USAGE` in several processes.
 */
export async function trainAlone({ config: { trainable }, model }: Run<TrainableConfig>): Promise<boolean> {
  if (trainable === undefined) return false;
  if (model.context.isDistributed) {
    const problem = 'Several processes cannot train single neurons together.';
    throw usageError('trainable', trainable, 'nothing here', problem, 'Train in one process.');
  }
  await model.network.trainOnly(maskNeurons(namedNeurons(trainable, model.description.layers)).edits);
  return true;
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
