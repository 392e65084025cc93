import type { BatchLoader } from '../data/batches.js';
import { SpurmemError } from '../errors.js';
import type { Model } from '../models/model.js';
import { readSafetensors } from '../models/safetensors.js';
import type { Unit } from '../native/addon.js';
import { type JobOptions, throwIfAborted } from '../progress.js';
import type { NeuronValues } from './perturb.js';
import { startOf } from './select.js';

/**
 * The weights of a model's neurons in another of its checkpoints.
 *
 * @param path the checkpoint's file
 * @param name what they are called
 * @throws `WEIGHTS_INVALID` when the file cannot be read, or holds no such weights
 */
export async function weightsIn(
  path: string,
  name: string,
  { description: { layers } }: Model,
  unit: Unit,
): Promise<NeuronValues> {
  const { tensors } = await readSafetensors(path);
  const byLayer = new Map(
    layers.map(({ name: layer, size, weights }) => {
      const values = tensors[`${layer}.weight`]?.data;
      if (values?.length !== size * weights) {
        throw new SpurmemError(
          'WEIGHTS_INVALID',
          `${path} has no weights of ${layer} that fit the model. Restore the checkpoint that the run wrote.`,
        );
      }
      return [layer, { values: values as Float32Array, each: unit === 'neuron' ? weights : 1 }] as const;
    }),
  );
  return {
    name,
    of({ layer, index }) {
      const found = byLayer.get(layer);
      if (!found) throw new RangeError(`The model has no layer ${layer}`);
      return found.values.slice(index * found.each, (index + 1) * found.each);
    },
  };
}

/**
 * The mean of each neuron's output, over examples and positions (of vision transformers: tokens), in eval mode: the output of
 * its convolution or linear layer, before batch-norm. Summed over examples in float64.
 *
 * @param indices positions in the dataset's examples, [N]
 * @returns [M] in layer order
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

/**
 * Outputs of a model's neurons as known values of each.
 *
 * @param outputs one a neuron, [M] in layer order
 * @param name what they are called
 */
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
