import type { ComparedRun } from '../../experiments/comparison.js';
import { worstGroupDifference } from './accuracy.js';
import { range, sideOf, signed } from './words.js';

/** Which runs' worst test group differs from the first run's beyond the interval of the difference. */
export function comparisonVerdict({
  runs: [reference, ...others],
}: {
  readonly runs: readonly Pick<ComparedRun, 'title' | 'test'>[];
}): string[] {
  if (!reference || others.length === 0) return [];
  const told = others.map(({ title, test }) => {
    const difference = worstGroupDifference(test, reference.test);
    return {
      text: `${title} (${signed(difference.value)}, ${range(difference.interval)})`,
      side: sideOf(difference),
    };
  });
  const list = (side: 'above' | 'below' | 'both'): string =>
    told
      .filter((one) => one.side === side)
      .map(({ text }) => text)
      .join('; ');
  const parts = [
    ...(list('above') === '' ? [] : [`Above ${reference.title} beyond the interval: ${list('above')}.`]),
    ...(list('below') === '' ? [] : [`Below it: ${list('below')}.`]),
    ...(list('both') === '' ? [] : [`Not shown to differ from ${reference.title}: ${list('both')}.`]),
  ];
  return [
    parts.join(' ').replace(/^Below it/, `Below ${reference.title} beyond the interval`),
    'Worst test groups of one run each: the intervals are over test examples, and runs with other seeds differ by more.',
  ];
}
