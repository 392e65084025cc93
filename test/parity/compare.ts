import type { TensorData } from '../../src/models/safetensors.js';
import type { NativeArray } from '../../src/native/interface.js';

/** max |a - b|. */
export function maxDifference(a: NativeArray, b: NativeArray): number {
  if (sameBytes(a, b)) return 0;
  let most = 0;
  // Math.max keeps a NaN, which no tolerance allows.
  for (const value of differences(a, b)) most = Math.max(most, Math.abs(value));
  return most;
}

/** ||a - b||_2 / ||b||_2. */
export function relativeDifference(a: NativeArray, b: NativeArray): number {
  if (sameBytes(a, b)) return 0;
  const difference = squares(differences(a, b));
  // Zeros of either sign are equal.
  return difference === 0 ? 0 : Math.sqrt(difference / squares(doubles(b)));
}

function squares(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return sum;
}

/** The largest difference of named tensors from the expected ones. */
export function largest(
  tensors: Readonly<Record<string, TensorData>>,
  expected: (name: string) => TensorData,
  difference = relativeDifference,
): number {
  if (Object.keys(tensors).length === 0) throw new RangeError('there are no tensors to compare');
  return Math.max(
    ...Object.entries(tensors).map(([name, { data }]) => difference(data, expected(name).data)),
  );
}

/** Prints a parity test's figure with its tolerance. */
export function report(what: string, seen: number, tolerance: number): void {
  process.stdout.write(`  parity: ${what}: ${seen.toExponential(2)} (tolerance ${tolerance})\n`);
}

/** Checks that a difference is at most the tolerance, and prints both. */
export function expectWithin(what: string, seen: number, tolerance: number): void {
  report(what, seen, tolerance);
  expect(seen).toBeLessThanOrEqual(tolerance);
}

/** Stricter than a difference of 0, and quick, since most pairs are equal to the bit. */
function sameBytes(a: NativeArray, b: NativeArray): boolean {
  return a[Symbol.toStringTag] === b[Symbol.toStringTag] && bytesOf(a).equals(bytesOf(b));
}

export function bytesOf({ buffer, byteOffset, byteLength }: NativeArray): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}

function differences(a: NativeArray, b: NativeArray): Float64Array {
  if (a.length !== b.length) throw new RangeError(`${a.length} values against ${b.length}`);
  const [result, other] = [doubles(a), doubles(b)];
  for (let i = 0; i < result.length; i += 1) result[i] = (result[i] as number) - (other[i] as number);
  return result;
}

/** A copy. `Float64Array.from` takes seconds for the weights of a network. */
function doubles(values: NativeArray): Float64Array {
  // By name: the addon's arrays may stem from another realm than the test's.
  return values[Symbol.toStringTag] === 'BigInt64Array'
    ? Float64Array.from(values as BigInt64Array, Number)
    : new Float64Array(values as Float32Array);
}
