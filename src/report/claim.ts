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

/** The verdict of tests on a claim. */
interface Judgement<Of extends Row> {
  /** `weak`: too few draws to pass Holm's correction, and more could. */
  readonly answer: 'holds' | 'reversed' | 'weak' | 'notShown';
  /** The number of tests that are corrected together. */
  readonly of: number;
  /** The judged tests, by p-value. */
  readonly tests: readonly Of[];
  /** Tests that pass Holm's correction; of these, tests with the claim's sign, and with the other one. */
  readonly passed: readonly Of[];
  readonly agreeing: readonly Of[];
  readonly reversed: readonly Of[];
  readonly draws: number;
  /** The draws with which tests can pass. */
  readonly needed: number;
}

/**
 * Judges a claim by its tests, for every sentence, mark and chart that tells of it; undefined without tests.
 *
 * @param about those of the tests that are judged; Holm's correction is over all of them
 */
export function judge<Of extends Row>(
  rows: readonly Of[],
  { sign, estimate, than, p }: Pick<Claim, 'sign' | 'estimate' | 'than' | 'p'>,
  about: readonly Of[] = rows,
): Judgement<Of> | undefined {
  const excess = (row: Row): number => numberOf(row, estimate) - (than ? numberOf(row, than) : 0);
  const isTest = (row: Row): boolean => typeof row[p] === 'number';
  const tests = about
    .filter(isTest)
    .sort((a, b) => numberOf(a, p) - numberOf(b, p) || Math.abs(excess(b)) - Math.abs(excess(a)));
  const [first] = tests;
  if (!first) return undefined;
  const passed = tests.filter((row) => numberOf(row, `${p}Holm`) <= MARKED_P);
  const holds = (side: 1 | -1) => (row: Row) => side * excess(row) > 0 && side * numberOf(row, estimate) > 0;
  const agreeing = passed.filter(holds(sign));
  const reversed = passed.filter(holds(sign === 1 ? -1 : 1));
  // Only Monte-Carlo tests have draws.
  const draws = numberOf(first, 'draws');
  const of = rows.filter(isTest).length;
  const needed = drawsToPass(of);
  // A clear p stays clear with more draws: they decide only for one that is low, or as low as these draws can make it.
  const isOpen = draws < needed && numberOf(first, p) <= Math.max(MARKED_P, 2 / (1 + draws));
  const open = isOpen ? 'weak' : 'notShown';
  const answer = agreeing.length > 0 ? 'holds' : reversed.length > 0 ? 'reversed' : open;
  return { answer, of, tests, passed, agreeing, reversed, draws, needed };
}

/** Returns a sentence on a claim: it holds in some tests, it is reversed, it is not shown, or the tests are too weak to judge it. */
export function claim(rows: readonly Row[], claimed: Claim): string[] {
  const { what, opposite, estimate, than, p, sets, groups } = claimed;
  const judgement = judge(rows, claimed);
  if (!judgement) return [];
  const { answer, tests, passed, agreeing, reversed, draws, needed } = judgement;
  const told = (row: Row | undefined): string =>
    row === undefined
      ? ''
      : [
          settingsText(row, sets, groups),
          `${estimateText(row, estimate)}${than ? ` against ${estimateText(row, than)}` : ''}`,
          `${pText(numberOf(row, p))}, ${probability(numberOf(row, `${p}Holm`))} after Holm’s correction`,
        ]
          .filter((text) => text !== '')
          .join(', ');
  const count = (of: readonly Row[]): string =>
    tests.length === 1 ? '' : ` in ${of.length} of ${plural(tests.length, 'set')}`;
  const clearest = tests.length === 1 ? '' : 'clearest ';
  switch (answer) {
    case 'holds': {
      const other = reversed.length > 0 ? ` (and less in ${reversed.length})` : '';
      return [`${capitalized(what)}${count(agreeing)}${other}: ${clearest}${told(agreeing[0])}.`];
    }
    case 'reversed':
      return [`${capitalized(opposite)}${count(reversed)}: ${clearest}${told(reversed[0])}.`];
    case 'weak':
      return [
        `Too weak to judge whether ${what}: ${plural(draws, 'random draw')} for each of ${plural(tests.length, 'set')} cannot pass Holm’s correction; ${needed} can (null-draws ${needed}).`,
      ];
    case 'notShown': {
      const same = passed.length > 0 ? ` (in ${passed.length}, random neurons do the same, and more)` : '';
      return [
        `It is not shown that ${what}${same}: the least p of ${plural(tests.length, 'set')} is that of ${told(tests[0])}.`,
      ];
    }
  }
}

/** Returns the min number of draws with which the smallest two-sided p, 2 / (1 + draws), passes Holm's correction over `tests` tests. */
export function drawsToPass(tests: number): number {
  // Rounded first: 2 / 0.05 is not 40 to the last digit.
  return Math.ceil(Number(((2 * tests) / MARKED_P).toPrecision(12))) - 1;
}
