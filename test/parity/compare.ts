/** max |a - b|. */
export function maxDifference(a: ArrayLike<number | bigint>, b: ArrayLike<number | bigint>): number {
  if (a.length !== b.length) throw new RangeError(`${a.length} values against ${b.length}`);
  let most = 0;
  for (let i = 0; i < a.length; i += 1) most = Math.max(most, Math.abs(Number(a[i]) - Number(b[i])));
  return most;
}

/** ||a - b||_2 / ||b||_2; 0 where both are 0. */
export function relativeDifference(a: ArrayLike<number | bigint>, b: ArrayLike<number | bigint>): number {
  if (a.length !== b.length) throw new RangeError(`${a.length} values against ${b.length}`);
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < a.length; i += 1) {
    difference += (Number(a[i]) - Number(b[i])) ** 2;
    norm += Number(b[i]) ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / norm);
}

/** Prints a figure that a parity test saw, beside its tolerance. */
export function report(what: string, seen: number, tolerance: number): void {
  process.stdout.write(`  parity: ${what}: ${seen.toExponential(2)} (tolerance ${tolerance})\n`);
}
