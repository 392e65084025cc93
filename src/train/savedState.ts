import type { TensorData, WrittenTensor } from '../models/safetensors.js';

/** Values by their names. */
export type Named<Value> = Readonly<Record<string, Value>>;

/** Tensors that training changes besides the model's, such as a buffer or a projection head. */
export interface SavedState {
  save(): Named<WrittenTensor> | Promise<Named<WrittenTensor>>;
  /** Restores the saved tensors from a checkpoint's. Throws an Error naming a missing one. */
  load(tensors: Named<TensorData>): void | Promise<void>;
}

/** Saves tensors with a prefix before their names. */
export function underPrefix(
  prefix: string,
  save: () => Promise<Named<WrittenTensor>>,
  load: (tensors: Named<TensorData>) => Promise<void>,
): SavedState {
  return {
    save: async () => prefixed(prefix, await save()),
    load: (tensors) => load(withPrefix(prefix, tensors)),
  };
}

export function prefixed<Value>(prefix: string, tensors: Named<Value>): Record<string, Value> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [prefix + name, tensor]));
}

/** Returns the tensors whose names have the prefix, and removes it. */
export function withPrefix<Value>(prefix: string, tensors: Named<Value>): Record<string, Value> {
  const found = Object.entries(tensors).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(found.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}
