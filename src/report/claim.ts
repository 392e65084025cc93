import { type ColumnName, MARKED_P, probability } from '../kit/columns.js';
import { numberOf, type Row } from '../kit/rows.js';
import { capitalized, plural, pText } from './format.js';
import type { Groups } from './groupLabels.js';
import { estimateText, settingsText } from './settingsText.js';

interface Claim {
  /** The claim and its opposite, as clauses. */
  readonly what: string;
  readonly opposite: string;
  /** The sign that the claim asserts of the estimate, and of what it has beyond `than`. */
  readonly sign: 1 | -1;
  readonly estimate: ColumnName;
  /** The column of what it is compared with, such as the mean of random neurons. */
  readonly than?: ColumnName;
  /** The column of p-values; `<p>Holm` has them corrected. */
  readonly p: ColumnName;
  /** Settings that tell one test from another. */
  readonly sets: readonly ColumnName[];
  readonly groups: Groups;
}

/** Returns a sentence on a claim: it holds in some tests, it is reversed, it is not shown, or the tests are too weak to judge it. */
export function claim(rows: readonly Row[], claimed: Claim): string[] {
  const { what, opposite, sign, estimate, than, p, sets, groups } = claimed;
  const excess = (row: Row): number => numberOf(row, estimate) - (than ? numberOf(row, than) : 0);
  const tests = rows
    .filter((row) => typeof row[p] === 'number')
    .sort((a, b) => numberOf(a, p) - numberOf(b, p) || Math.abs(excess(b)) - Math.abs(excess(a)));
  const [first] = tests;
  if (!first) return [];
  const passed = tests.filter((row) => numberOf(row, `${p}Holm`) <= MARKED_P);
  const holds = (of: 1 | -1) => (row: Row) => of * excess(row) > 0 && of * numberOf(row, estimate) > 0;
  const agreeing = passed.filter(holds(sign));
  const reversed = passed.filter(holds(sign === 1 ? -1 : 1));
  const told = (row: Row): string =>
    [
      settingsText(row, sets, groups),
      `${estimateText(row, estimate)}${than ? ` against ${estimateText(row, than)}` : ''}`,
      `${pText(numberOf(row, p))}, ${probability(numberOf(row, `${p}Holm`))} after Holm’s correction`,
    ]
      .filter((text) => text !== '')
      .join(', ');
  const count = (of: readonly Row[]): string =>
    tests.length === 1 ? '' : ` in ${of.length} of ${plural(tests.length, 'set')}`;
  const clearest = tests.length === 1 ? '' : 'clearest ';
  if (agreeing[0]) {
    const other = reversed.length > 0 ? ` (and less in ${reversed.length})` : '';
    return [`${capitalized(what)}${count(agreeing)}${other}: ${clearest}${told(agreeing[0])}.`];
  }
  if (reversed[0]) return [`${capitalized(opposite)}${count(reversed)}: ${clearest}${told(reversed[0])}.`];
  // Only Monte-Carlo tests have draws.
  const draws = numberOf(first, 'draws');
  const needed = drawsToPass(tests.length);
  if (draws < needed) {
    return [
      `Too weak to judge whether ${what}: ${plural(draws, 'random draw')} for each of ${plural(tests.length, 'set')} cannot pass Holm’s correction; ${needed} can (null-draws ${needed}).`,
    ];
  }
  const same = passed.length > 0 ? ` (in ${passed.length}, random neurons do the same, and more)` : '';
  return [
    `It is not shown that ${what}${same}: the least p of ${plural(tests.length, 'set')} is that of ${told(first)}.`,
  ];
}

/** Returns the min number of draws with which the smallest two-sided p, 2 / (1 + draws), passes Holm's correction over `tests` tests. */
export function drawsToPass(tests: number): number {
  // Rounded first: 2 / 0.05 is not 40 to the last digit.
  return Math.ceil(Number(((2 * tests) / MARKED_P).toPrecision(12))) - 1;
}
