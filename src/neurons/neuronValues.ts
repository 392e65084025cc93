import type { BatchLoader } from '../data/batches.js';
import { SpurmemError } from '../errors.js';
import type { Model } from '../models/model.js';
import { readSafetensors } from '../models/safetensors.js';
import type { Unit } from '../native/addon.js';
import { type JobOptions, throwIfAborted } from '../progress.js';
import { type NeuronValues, weightsPerUnit } from './perturb.js';
import { startOf } from './select.js';

/** The weights of a model's neurons in another checkpoint. Throws `WEIGHTS_INVALID` when it cannot be read or lacks them. */
export async function weightsIn(
  path: string,
  name: string,
  { description: { layers } }: Model,
  unit: Unit,
): Promise<NeuronValues> {
  const { tensors } = await readSafetensors(path);
  const weightsOf = ({ weight }: (typeof layers)[number]) =>
    tensors[weight]?.data as Float32Array | undefined;
  const unfit = layers.find((layer) => weightsOf(layer)?.length !== layer.size * layer.weights);
  if (unfit) {
    throw new SpurmemError(
      'WEIGHTS_INVALID',
      `${path} has no weights of ${unfit.name} that fit the model. Restore the checkpoint that the run wrote.`,
    );
  }
  const byName = new Map(layers.map((layer) => [layer.name, weightsOf(layer) as Float32Array]));
  return {
    name,
    of({ layer, index }) {
      const each = weightsPerUnit(layer, layers, unit);
      return (byName.get(layer) as Float32Array).slice(index * each, (index + 1) * each);
    },
  };
}

/**
 * The mean output of each neuron, [M] in layer order, over examples and positions (of vision transformers: tokens), in eval mode,
 * before batch-norm. Summed over examples in float64.
 */
export async function meanOutputs(
  model: Model,
  loader: BatchLoader,
  indices: Int32Array,
  options: JobOptions & { readonly batchSize: number },
): Promise<Float64Array> {
  const task = 'mean outputs';
  const sums = new Float64Array(model.numNeurons);
  const { positions } = model.context.shareOfBatches(indices.length, options.batchSize);
  const own = positions.map((position) => indices[position] as number);
  let done = 0;
  for await (const batch of loader.evaluation(own, options.batchSize)) {
    using current = batch;
    throwIfAborted(options.signal, task);
    using ofBatch = await model.network.outputSums(current.images);
    for (const [i, sum] of ((await ofBatch.data()) as Float64Array).entries()) sums[i] = (sums[i] ?? 0) + sum;
    done += current.indices.length;
    options.onProgress?.({ task, done, total: own.length, unit: 'images' });
  }
  return (await model.context.sum(sums)).map((sum) => sum / indices.length);
}

/** @param outputs one a neuron, [M] in layer order */
export function outputsOf(
  outputs: Float64Array,
  name: string,
  { description: { layers } }: Model,
): NeuronValues {
  return {
    name,
    of: ({ layer, index }) => Float32Array.of(outputs[startOf(layers, layer).start + index] as number),
  };
}
