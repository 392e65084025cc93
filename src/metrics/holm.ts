/**
 * Holm's step-down adjustment (Scandinavian Journal of Statistics 6, 1979), which bounds the chance of any false rejection
 * however the tests depend on each other. null, undefined and NaN are not tests: they do not count, and keep their positions.
 */
export function holm(pValues: readonly (number | null | undefined)[]): (number | null | undefined)[] {
  const adjusted = [...pValues];
  const tests = [...pValues.entries()]
    .filter((test): test is [number, number] => typeof test[1] === 'number' && !Number.isNaN(test[1]))
    .sort(([, a], [, b]) => a - b);
  let largest = 0;
  tests.forEach(([at, p], rank) => {
    largest = Math.max(largest, Math.min(1, (tests.length - rank) * p));
    adjusted[at] = largest;
  });
  return adjusted;
}
