import { equivalence } from '../../metrics/equivalence.js';
import { holm } from '../../metrics/holm.js';
import { summarizeSeeds } from '../../metrics/seeds.js';
import { signFlip } from '../../metrics/signFlip.js';
import type { Table } from '../../report/table.js';

/** `mean [95 % interval]` over models or seeds, by Student's t. */
export function meanText(values: readonly number[], decimals: number, scale = 1): string {
  const { mean, interval } = summarizeSeeds(values.map((value) => value * scale));
  const ends = interval === null ? '' : ` [${interval.map((end) => end.toFixed(decimals)).join(', ')}]`;
  return `${mean.toFixed(decimals)}${ends}`;
}

/**
 * The p of each sign-flip test, and after Holm's correction over all of them.
 *
 * @param tests each test's values, a model or a seed each
 * @param least values of a test; fewer are described and not tested
 */
export function signFlipTexts(tests: readonly (readonly number[] | null)[], least = 1): [string, string][] {
  const pValues = tests.map((values) =>
    values === null || values.length < least ? undefined : signFlip(values)?.pValue,
  );
  const adjusted = holm(pValues);
  return pValues.map((pValue, i) => [pText(pValue), pText(adjusted[i])]);
}

/** Whether the 90 % interval of a mean lies within a margin (two one-sided tests), and the interval. */
export function withinText(values: readonly number[], margin: number, decimals: number): string {
  const test = equivalence(values, margin);
  if (test === null) return '';
  const [low, high] = test.interval.map((end) => end.toFixed(decimals));
  return `${test.equivalent ? 'yes' : 'no'} [${low ?? ''}, ${high ?? ''}]`;
}

/** Hours of wall time and of processor time. */
export function hoursText(seconds: readonly number[], processorSeconds: readonly number[]): string {
  const [hours, processorHours] = [seconds, processorSeconds].map((values) =>
    (values.reduce((sum, value) => sum + value, 0) / 3600).toFixed(2),
  );
  return `${hours ?? ''} hours, ${processorHours ?? ''} of processor time`;
}

function pText(p: number | null | undefined): string {
  return p?.toFixed(4) ?? '';
}

/** Columns of a table by their names. */
export function columns(names: readonly string[]): Table['columns'] {
  return names.map((name) => ({ name }));
}
