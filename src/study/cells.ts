import type { Unit } from '../kit/columns.js';
import { groupsIn, numberOf, numbers, type Row } from '../kit/rows.js';
import { verdictOf } from '../kit/summarize.js';
import { summarizeSeeds } from '../metrics/seeds.js';
import { meanWithInterval } from '../report/format.js';

/** By minority group: the majority group of its class. */
interface Minorities {
  readonly minorityGroups: Readonly<Record<string, number>>;
}

/** A question about models: one number per model. */
export interface Answer extends Row {
  readonly question: string;
  readonly criterion: string | null;
  readonly chosenFor: number;
  readonly seed: number;
  readonly value: number;
  readonly unit: Unit;
  /** The largest negligible mean, and the sign of the claim. */
  readonly margin: number | null;
  readonly sign: 1 | -1;
}

const VERDICTS = {
  claimed: 'holds',
  opposite: 'does not hold',
  small: 'does not hold',
  unclear: 'open',
};

/** Adds a test's margin and its verdict in words; the verdict is empty unless the test was planned and made. */
export function judged(row: Row, isPlanned = true): Row {
  const limit = row.margin === null ? '' : `${String(row.margin)} ${String(row.unit)}`;
  return {
    ...row,
    limit,
    verdict: isPlanned ? verdictOf(row, 'value', numberOf(row, 'sign'), VERDICTS) : '',
  };
}

/** Returns the minority groups of a study. */
export function minoritiesOf(tests: Minorities | undefined): number[] {
  return Object.keys(tests?.minorityGroups ?? {}).map(Number);
}

/** Returns the majority group of a minority group's class. */
export function majorityOf({ minorityGroups }: Minorities, minority: number): number {
  return minorityGroups[String(minority)] ?? Number.NaN;
}

/** Returns the label of a study's group; minority groups have a star. */
export function groupNames(tests: Minorities | undefined): (group: number) => string {
  const minorities = minoritiesOf(tests);
  return (group) => `G${group}${minorities.includes(group) ? '*' : ''}`;
}

/** `mean [95 % interval]` over models or seeds, by Student's t. */
export function meanText(values: readonly number[], decimals: number, scale = 1): string {
  const { mean, interval } = summarizeSeeds(values.map((value) => value * scale));
  return meanWithInterval(mean, interval, decimals);
}

/** Hours of wall time and of processor time. */
export function hoursText(rows: readonly Row[]): string {
  const hours = (column: string): string =>
    (numbers(rows, column).reduce((sum, value) => sum + value, 0) / 3600).toFixed(2);
  if (!numbers(rows, 'seconds').every(Number.isFinite)) return 'hours not recorded';
  return `${hours('seconds')} hours, ${hours('processorSeconds')} of processor time`;
}

/** Returns the accuracy columns of a recorded run: `worst`, then each group's. */
export function accuracyColumns(row: Row | undefined): ['worst', ...`group${number}`[]] {
  return ['worst', ...groupsIn(row, 'group').map((group) => `group${group}` as const)];
}
