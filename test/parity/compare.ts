import type { TensorData } from '../../src/models/safetensors.js';
import type { NativeArray } from '../../src/native/addon.js';

/** max |a - b|. */
export function maxDifference(a: NativeArray, b: NativeArray): number {
  if (sameBytes(a, b)) return 0;
  return differences(a, b).reduce((most, value) => (Math.abs(value) > most ? Math.abs(value) : most), 0);
}

/** ||a - b||_2 / ||b||_2. */
export function relativeDifference(a: NativeArray, b: NativeArray): number {
  if (sameBytes(a, b)) return 0;
  const squares = (values: Float64Array): number => values.reduce((sum, value) => sum + value * value, 0);
  const difference = squares(differences(a, b));
  // Zeros of either sign are equal.
  return difference === 0 ? 0 : Math.sqrt(difference / squares(Float64Array.from(b, Number)));
}

/** The largest difference of named tensors from the expected ones. */
export function largest(
  tensors: Readonly<Record<string, TensorData>>,
  expected: (name: string) => TensorData,
  difference = relativeDifference,
): number {
  return Math.max(
    ...Object.entries(tensors).map(([name, { data }]) => difference(data, expected(name).data)),
  );
}

/** Prints a figure that a parity test saw, beside its tolerance. */
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
  const result = Float64Array.from(a, Number);
  Float64Array.from(b, Number).forEach((value, i) => {
    result[i] = (result[i] as number) - value;
  });
  return result;
}
