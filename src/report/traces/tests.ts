import { type Outcome, OUTCOMES } from '../../experiments/outcomes.js';
import type { LayerEntry, NullDistribution, SetComparisons, TraceEntry } from '../../experiments/results.js';
import { holm } from '../../metrics/holm.js';
import type { Interval } from '../../metrics/intervals.js';
import { NULL_NAMES, type NullName } from '../../neurons/nulls.js';
import { intervalText, points, pointsRange, pointsSpread, probability, typographic } from '../format.js';

/** Changes beside random neurons, by null and outcome; a missing one was not compared. */
export type Tests<Test = NullDistribution> = Readonly<
  Partial<Record<NullName, Readonly<Partial<Record<Outcome, Test>>>>>
>;

/** A change beside random neurons, with its p-values after Holm's correction, two-sided and for a drop. */
export interface AdjustedTest extends NullDistribution {
  readonly pHolm: number;
  readonly pDropHolm: number | undefined;
}

/** The tests of a set of neurons, of one group or of minority minus majority. */
export function testsOf(comparisons: SetComparisons | null, compared: number | 'difference'): Tests {
  const tests = Object.entries(comparisons ?? {}).map(([null_, { groups, difference }]) => [
    null_,
    (compared === 'difference' ? difference : groups[compared]) ?? {},
  ]);
  return Object.fromEntries(tests) as Tests;
}

/** The nulls among some tests, in the order of `NULL_NAMES`. */
export function nullsOf(tests: readonly Tests[]): NullName[] {
  return NULL_NAMES.filter((null_) => tests.some((ofOne) => null_ in ofOne));
}

/** Adjusts p-values by Holm: for each null and outcome, the tests of all cells, of distinct sets of neurons, are one family. */
export function adjustByHolm(cells: readonly Tests[]): Tests<AdjustedTest>[] {
  type Adjusted = Record<NullName, Partial<Record<Outcome, AdjustedTest>>>;
  const adjusted = cells.map(
    (cell) => Object.fromEntries(Object.keys(cell).map((null_) => [null_, {}])) as Adjusted,
  );
  for (const null_ of nullsOf(cells)) {
    for (const outcome of OUTCOMES) {
      const family = cells.map((cell) => cell[null_]?.[outcome]);
      const pHolm = holm(family.map((test) => test?.pValue));
      const pDropHolm = holm(family.map((test) => test?.pDrop));
      adjusted.forEach((cell, i) => {
        const test = family[i];
        if (test) {
          cell[null_][outcome] = { ...test, pHolm: pHolm[i] as number, pDropHolm: pDropHolm[i] ?? undefined };
        }
      });
    }
  }
  return adjusted;
}

/** The item with the largest size of a number, the first of equal ones; undefined where none has a number. */
export function largestBy<Item>(items: readonly Item[], valueOf: (item: Item) => number): Item | undefined {
  return items
    .filter((item) => Number.isFinite(valueOf(item)))
    .sort((a, b) => Math.abs(valueOf(b)) - Math.abs(valueOf(a)))[0];
}

/** Distinct values, ascending. */
export function ascending<Value extends number | null>(values: readonly Value[]): Value[] {
  return [...new Set(values)].sort((a, b) => (a ?? 0) - (b ?? 0));
}

/** A change is marked as unlike that of random neurons where its p-value is at most this. */
export const MARKED_P = 0.05;
/** The mark; a star would say "minority group". */
export const MARK = '†';

/** A change of one group's accuracy, with what is known of its uncertainty. All numbers are fractions. */
export interface MeasuredChange {
  readonly change: number;
  /** Standard deviation over seeds. */
  readonly std: number | undefined;
  /** 95 % score interval over the examples. */
  readonly interval: Interval | undefined;
  /** The change of random neurons of the same layers. */
  readonly random: NullDistribution | undefined;
  /** Whether it is unlike that of random neurons. */
  readonly marked: boolean;
}

/** The change of one group under the perturbed neurons; default: of the group that they were chosen for. */
export function changeOfGroup(entry: TraceEntry, group = entry.group): MeasuredChange {
  const { change, changeStd, changeInterval, comparisons } = entry;
  return measured(change[group], changeInterval[group], testsOf(comparisons, group), changeStd?.[group]);
}

/** The change of the group that a layer's zeroed neurons were chosen for. */
export function changeOfLayer(entry: LayerEntry): MeasuredChange {
  return measured(entry.change, entry.changeInterval, testsOf(entry.comparisons, entry.group));
}

function measured(
  change = Number.NaN,
  interval: Interval | undefined,
  tests: Tests,
  std?: number,
): MeasuredChange {
  const random = tests['same-layers']?.accuracy;
  const marked = Number.isFinite(change) && random !== undefined && random.pValue <= MARKED_P;
  return { change, std, interval: knownInterval(interval), random, marked };
}

/** An interval, if it is one: an empty group has none. */
export function knownInterval(interval: Interval | undefined): Interval | undefined {
  return interval?.every(Number.isFinite) === true ? interval : undefined;
}

/** How many changes were compared with random neurons, and how many of them are marked. */
export function countMarked(changes: readonly MeasuredChange[]) {
  const compared = changes.filter(({ random }) => random !== undefined);
  return { marked: compared.filter(({ marked }) => marked).length, compared: compared.length };
}

/** How many of so many changes would be marked if chosen neurons were like random ones: at most, since equal changes tie. */
export function expectedMarked(compared: number, draws: number): number {
  // Twice the smaller p of both sides, which is at least 1 / (1 + draws).
  return 2 > MARKED_P * (1 + draws) ? 0 : compared * MARKED_P;
}

/** All of a change in one line: `-10.71 points, 95 % interval [-19.64, -3.57]; random neurons ...; p = 0.010`. */
export function changeInWords(measured: MeasuredChange): string {
  const { change, std, interval } = measured;
  return `${pointsSpread(change, std)} points${intervalText(interval, pointsRange)}${randomInWords(measured)}`;
}

/** `; random neurons of the same layers -0.52 [-2.17, +0.54]: p = 0.010`; empty where none were tried. */
function randomInWords({ random }: MeasuredChange): string {
  return random
    ? `; random neurons of the same layers ${points(random.mean)} ${pointsRange(random.interval)}: p = ${probability(random.pValue)}`
    : '';
}

/** The same for a page, where it does not break. */
export function randomText(change: MeasuredChange): string {
  return typographic(randomInWords(change)).replace(' = ', '\u00a0=\u00a0');
}

/** Draws with which the least two-sided p of one of so many tests, 2 / (1 + draws), passes Holm's correction. */
export function drawsToPass(tests: number): number {
  // Rounded first: 2 / 0.05 is not 40 to the last digit.
  return Math.ceil(Number(((2 * tests) / MARKED_P).toPrecision(12))) - 1;
}
