import type { TensorData } from '../models/safetensors.js';

type State = Readonly<Record<string, TensorData>>;

/** Positions in the dataset's examples, [N], as a checkpoint keeps them. */
export function indicesOut(indices: Int32Array): TensorData {
  return { shape: [indices.length], data: indices };
}

/** The same read back; each must be one of `among`. */
export function indicesIn(name: string, state: State, among: Int32Array): Int32Array {
  const data = state[name]?.data;
  if (!(data instanceof Int32Array)) throw new Error(`method.${name} is missing`);
  const known = new Set(among);
  if (data.length === 0 || !data.every((index) => known.has(index))) {
    throw new Error(`method.${name} has no positions of the training split`);
  }
  return data;
}

/** Weights that add up to 1, as a checkpoint keeps them. */
export function weightsOut(weights: Float64Array): TensorData {
  return { shape: [weights.length], data: weights.slice() };
}

/** The same read back, [size]. */
export function weightsIn(name: string, state: State, size: number): Float64Array {
  const data = state[name]?.data;
  if (!(data instanceof Float64Array) || data.length !== size) {
    throw new Error(`method.${name} of ${size} numbers is missing`);
  }
  return data;
}
