import { equivalence } from '../../metrics/equivalence.js';
import { holm } from '../../metrics/holm.js';
import { summarizeSeeds } from '../../metrics/seeds.js';
import { signFlip } from '../../metrics/signFlip.js';
import { mean } from '../../metrics/statistics.js';
import { fixed, meanWithInterval, probability } from '../../report/format.js';
import type { Table } from '../../report/table.js';
import { numbers, type RecordRow } from './records.js';
import type { StudyModels } from './schema.js';

const ALPHA = 0.05;

/** What is tested of models, and of which minority groups. */
export interface TestedModels {
  readonly tests: StudyModels['tests'];
  readonly minorities: readonly number[];
}

/** The recorded models of a benchmark, and all of its groups. */
export interface Models extends TestedModels {
  readonly benchmark: string;
  readonly groups: readonly number[];
}

export function testedModels(tests: StudyModels['tests']): TestedModels {
  return { tests, minorities: minoritiesOf(tests) };
}

/** The minority groups of a study. */
export function minoritiesOf(tests: Pick<StudyModels['tests'], 'minorityGroups'> | undefined): number[] {
  return Object.keys(tests?.minorityGroups ?? {}).map(Number);
}

/** The majority group of a minority group's class. */
export function majorityOf(
  { minorityGroups }: Pick<StudyModels['tests'], 'minorityGroups'>,
  minority: number,
): number {
  return minorityGroups[String(minority)] ?? Number.NaN;
}

export function tableOf(
  caption: string,
  names: readonly string[],
  rows: Table['rows'],
  ...notes: string[]
): Table {
  const columns = names.map((name) => ({ name }));
  return { caption, columns, rows, ...(notes.length === 0 ? {} : { notes }) };
}

/** `mean [95 % interval]` over models or seeds, by Student's t. */
export function meanText(values: readonly number[], decimals: number, scale = 1): string {
  const { mean, interval } = summarizeSeeds(values.map((value) => value * scale));
  return meanWithInterval(mean, interval, decimals);
}

/** The same of a column. */
export function columnText(rows: readonly RecordRow[], column: string, decimals: number, scale = 1): string {
  return meanText(numbers(rows, column), decimals, scale);
}

/** A sign-flip test and its p after Holm's correction; undefined where nothing was tested. */
interface CorrectedTest {
  readonly p: number | undefined;
  readonly holm: number | undefined;
}

interface TestOptions {
  /** Sets of fewer values are not tested. */
  readonly least?: number;
  /** How far values may be off. */
  readonly resolution?: number;
}

/** Sign-flip tests, and Holm's correction over all of them. */
export function signFlipTests(
  tests: readonly (readonly number[] | null)[],
  { least = 1, resolution }: TestOptions = {},
): CorrectedTest[] {
  const pValues = tests.map((values) =>
    values === null || values.length < least ? undefined : signFlip(values, resolution)?.pValue,
  );
  const adjusted = holm(pValues);
  return pValues.map((p, i) => ({ p, holm: adjusted[i] ?? undefined }));
}

/** The same as cells. */
export function signFlipTexts(...of: Parameters<typeof signFlipTests>): string[][] {
  return signFlipTests(...of).map(pTexts);
}

export function pTexts({ p, holm: corrected }: CorrectedTest): string[] {
  return [p, corrected].map((value) => (value === undefined ? '' : probability(value, 4)));
}

/** The words of a planned test's verdict. */
interface Verdicts {
  /** A corrected p below 0.05, and the claim's sign; or the other sign. */
  readonly claimed: string;
  readonly opposite: string;
  /** Else: the 90 % interval lies within the margin, or does not. */
  readonly small: string;
  readonly open: string;
}

/** What a planned test says; empty where nothing was tested. */
export function verdictText(
  values: readonly number[],
  { holm: corrected }: CorrectedTest,
  { margin, sign }: { readonly margin: number; readonly sign: 1 | -1 },
  words: Verdicts,
): string {
  if (corrected === undefined) return '';
  if (corrected < ALPHA) return sign * mean([...values]) > 0 ? words.claimed : words.opposite;
  return equivalence(values, margin)?.equivalent === true ? words.small : words.open;
}

/** Whether the 90 % interval of a mean lies within a margin (two one-sided tests), and the interval. */
export function withinText(values: readonly number[], margin: number, decimals: number): string {
  const test = equivalence(values, margin);
  if (test === null) return '';
  const ends = test.interval.map((end) => fixed(end, decimals)).join(', ');
  return `${test.equivalent ? 'yes' : 'no'} [${ends}]`;
}

/** Hours of wall time and of processor time. */
export function hoursText(rows: readonly RecordRow[]): string {
  const hours = (column: string): string =>
    (numbers(rows, column).reduce((sum, value) => sum + value, 0) / 3600).toFixed(2);
  return `${hours('seconds')} hours, ${hours('processorSeconds')} of processor time`;
}

/** The groups' columns, minorities with a star. */
export function starred(groups: readonly number[], minorities: readonly number[]): string[] {
  return groups.map((group) => `G${group}${minorities.includes(group) ? '*' : ''}`);
}

/** Whether every model has its number. */
export function isRecorded({ values }: { readonly values: readonly number[] }): boolean {
  return values.length > 0 && values.every(Number.isFinite);
}

/** A test over models, a value each. */
interface TestedSet {
  readonly name: string;
  readonly chosenFor: number;
  readonly values: readonly number[];
}

/** Tests of margins, a row each; Holm's correction is over the tests of a list. */
export function marginTable(
  caption: string,
  heading: string,
  { tests }: Models,
  lists: readonly (readonly TestedSet[])[],
): Table {
  const names = [
    heading,
    'chosen for',
    'n',
    'mean [95 %]',
    'p',
    'p, Holm',
    `90 % within ${tests.equivalence}`,
  ];
  const rows = lists.flatMap((sets) => {
    const pCells = signFlipTexts(
      sets.map(({ values }) => values),
      { least: tests.leastModels },
    );
    return sets.map(({ name, chosenFor, values }, i) => [
      name,
      `G${chosenFor}*`,
      String(values.length),
      meanText(values, 3),
      ...(pCells[i] ?? []),
      withinText(values, tests.equivalence, 3),
    ]);
  });
  return tableOf(caption, names, rows);
}
