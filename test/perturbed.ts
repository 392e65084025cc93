import type { Model } from '../src/models/model.js';
import type { TensorData } from '../src/models/safetensors.js';
import type { WeightEdit } from '../src/native/interface.js';

/**
 * The result of `use` while the edits are written into the model's weights, which are put back after it. The perturbed weights
 * are computed here, apart from the addon's.
 */
export async function whilePerturbed<Result>(
  model: Model,
  edits: readonly WeightEdit[],
  use: () => Promise<Result>,
): Promise<Result> {
  const weights = await model.stateDict();
  const perturbed: Record<string, TensorData> = {};
  for (const edit of edits) {
    const name = `${edit.layer}.weight`;
    const before = perturbed[name] ?? weights[name];
    if (!before) throw new RangeError(`The model has no parameter named ${name}`);
    const { shape, data } = before;
    perturbed[name] = { shape, data: apply(edit, data as Float32Array, shape[0] as number) };
  }
  await model.loadStateDict(perturbed);
  try {
    return await use();
  } finally {
    await model.loadStateDict(weights);
  }
}

function apply(
  { unit, kind, neurons, values }: WeightEdit,
  weight: Float32Array,
  count: number,
): Float32Array {
  const size = unit === 'neuron' ? weight.length / count : 1;
  const result = Float32Array.from(weight);
  for (const [i, neuron] of neurons.entries()) {
    for (let k = 0; k < size; k += 1) {
      const value = values?.[i * size + k] ?? 0;
      const place = neuron * size + k;
      result[place] = kind === 'add' ? (weight[place] as number) + value : value;
    }
  }
  return result;
}
