import type { TensorData } from './safetensors.js';

/** Returns the flaw in a tensor's values that would make all results NaN; undefined if there is none. */
export function flawOf(name: string, { data }: TensorData): string | undefined {
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return undefined;
  const infinite = countInfinite(data instanceof Float64Array ? Float32Array.from(data) : data);
  if (infinite > 0) return `has ${infinite} of ${data.length} values that are infinite or NaN`;
  if (name.endsWith('.running_var') && data.some((value) => value < 0)) return 'has a variance below 0';
  return undefined;
}

/**
 * Returns the number of values that are infinite or NaN: their difference from themselves is not 0. A loop, because `reduce` takes six times
 * as long for a model's millions of values, and an iterator three times.
 */
function countInfinite(values: Float32Array): number {
  let count = 0;
  let index = values.length;
  while (index > 0) {
    index -= 1;
    const value = values[index] as number;
    if (value - value !== 0) count += 1;
  }
  return count;
}
