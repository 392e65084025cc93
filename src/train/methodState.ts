import { takeData, withTensors } from '../models/model.js';
import type { TensorData } from '../models/safetensors.js';
import { prefixed, withPrefix } from './checkpoint.js';
import type { TrainedPart } from './trainer.js';

type State = Readonly<Record<string, TensorData>>;

/** Numbers as a checkpoint keeps them. */
export function numbersOut(numbers: Int32Array | Float64Array): TensorData {
  return { shape: [numbers.length], data: numbers.slice() };
}

/** Positions in the dataset's examples read back; each must be one of `among`. */
export function indicesIn(name: string, state: State, among: Int32Array): Int32Array {
  const data = state[name]?.data;
  if (!(data instanceof Int32Array)) throw new Error(`method.${name} is missing`);
  const known = new Set(among);
  if (data.length === 0 || !data.every((index) => known.has(index))) {
    throw new Error(`method.${name} has no positions of the training split`);
  }
  return data;
}

/** Classes of the training examples read back, [size]. */
export function classesIn(name: string, state: State, size: number, numClasses: number): Int32Array {
  const data = state[name]?.data;
  if (!(data instanceof Int32Array) || data.length !== size) {
    throw new Error(`method.${name} of ${size} classes is missing`);
  }
  if (!data.every((label) => label >= 0 && label < numClasses)) {
    throw new Error(`method.${name} has unknown classes`);
  }
  return data;
}

/** Group weights read back, [size]. */
export function weightsIn(name: string, state: State, size: number): Float64Array {
  const data = state[name]?.data;
  if (!(data instanceof Float64Array) || data.length !== size) {
    throw new Error(`method.${name} of ${size} numbers is missing`);
  }
  return data;
}

/** A network that is trained beside the model, as `<name>.<parameter>` and `<name>Optimizer.<moment>`. */
export async function partOut(name: string, part: TrainedPart): Promise<Record<string, TensorData>> {
  return {
    ...prefixed(`${name}.`, await takeData(await part.network.state())),
    ...prefixed(`${name}Optimizer.`, await part.optimizer.stateDict()),
  };
}

/** The same read back. */
export async function partIn(name: string, state: State, part: TrainedPart): Promise<void> {
  await withTensors(withPrefix(`${name}.`, state), (tensors) => part.network.loadState(tensors));
  await part.optimizer.loadStateDict(withPrefix(`${name}Optimizer.`, state));
}
