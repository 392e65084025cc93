import { equivalence } from '../metrics/equivalence.js';
import { holm } from '../metrics/holm.js';
import { summarizeSeeds } from '../metrics/seeds.js';
import { signFlip } from '../metrics/signFlip.js';
import { mean } from '../metrics/statistics.js';
import { distinct, groupedBy, type Key, numberOf, numbers, pick, type Row, select } from './rows.js';

const ALPHA = 0.05;

interface Plan {
  /** Settings that identify a measurement. */
  readonly by: readonly string[];
  /** The replicate, such as `seed`. Several rows of one replicate count as their mean. */
  readonly over: string;
  readonly measures: readonly string[];
  /** Subtracts the rows with these settings, paired by replicate. */
  readonly minus?: Row | undefined;
  /** Subtracts from the rows with these settings, paired by replicate. */
  readonly from?: Row | undefined;
  /** Averages the replicates that have a number. By default a measure that some replicate lacks has no mean. */
  readonly isPartial?: boolean;
}

/**
 * Summarizes rows over replicates, a row per measurement with the count of replicates in `n`. A measure `x` is the mean, `xStd` the
 * standard deviation, `xLow` and `xHigh` are the 95 % interval by Student's t, `xValues` the replicates' numbers, and `xBootstrap` is the
 * bootstrap interval of six or more.
 */
export function summarize(rows: readonly Row[], plan: Plan): Row[] {
  const { by, over, measures, from, minus = from, isPartial = false } = plan;
  const sign = from ? -1 : 1;
  const compared = minus && select(rows, minus);
  const others = minus ? rows.filter((row) => select([row], minus).length === 0) : rows;
  return groupedBy(others, by).map((group) => {
    const [first] = group;
    const shared = by.filter((column) => minus?.[column] === undefined);
    const paired = compared && select(compared, pick(first, shared));
    const replicates = distinct(group, over);
    const columns = measures.map((measure) => {
      const valueOf = (from: readonly Row[], replicate: Row[string]): number => {
        const found = numbers(select(from, { [over]: replicate }), measure);
        return found.length === 0 ? Number.NaN : mean(found);
      };
      const values = replicates.map(
        (replicate) => sign * (valueOf(group, replicate) - (paired ? valueOf(paired, replicate) : 0)),
      );
      const known = isPartial ? values.filter(Number.isFinite) : values;
      return known.length > 0 && known.every(Number.isFinite) ? described(measure, known) : {};
    });
    return Object.assign(pick(first, by), { n: replicates.length }, ...columns) as Row;
  });
}

function described(measure: string, values: readonly number[]): Row {
  const { mean: center, std, interval, bootstrap } = summarizeSeeds(values);
  return {
    [measure]: center,
    [`${measure}Std`]: std,
    [`${measure}Low`]: interval?.[0] ?? null,
    [`${measure}High`]: interval?.[1] ?? null,
    [`${measure}Values`]: values,
    ...(bootstrap && { [`${measure}Bootstrap`]: bootstrap }),
  };
}

interface Tests {
  /** The family within which Holm corrects; null: the row is described and not tested. */
  readonly family: (row: Row) => string | null;
  /** Rows with equal values in these columns, or with one key, are one test, which counts once. By default each row is a test. */
  readonly same?: Key | undefined;
  /** Rows with fewer replicates are not tested. */
  readonly least?: number;
  /** How far values may be off by rounding: sums that may be equal tie. */
  readonly resolution?: (row: Row) => number;
  /** The margin of two one-sided tests, chosen before the numbers were seen; NaN: none. */
  readonly margin?: (row: Row) => number;
}

/**
 * Adds tests of a summarized measure `x` to its rows: the sign-flip test's p in `xP`, Holm's correction of it in `xPHolm`, and in `xWithin`
 * whether the 90 % interval, `xWithinLow` to `xWithinHigh`, lies within the margin.
 */
export function withTests(rows: readonly Row[], measure: string, tests: Tests): Row[] {
  const { family, same, least = 1, resolution = () => 0, margin = () => Number.NaN } = tests;
  const tested = rows.map((row) => {
    const values = valuesOf(row, measure);
    const name = values.length < least ? null : family(row);
    return { row, name, p: name === null ? undefined : signFlip(values, resolution(row))?.pValue };
  });
  const corrected = withHolm(
    tested.map(({ row, p }) => (p === undefined ? row : { ...row, [`${measure}P`]: p })),
    [`${measure}P`],
    { family: (row) => (row[`${measure}P`] === undefined ? null : family(row)), same },
  );
  return corrected.map((row) => ({ ...row, ...within(row, measure, margin(row)) }));
}

/** Adds Holm's correction of columns of p-values, `<p>Holm`: within each family, where rows with equal keys in `same` are one test. */
export function withHolm(
  rows: readonly Row[],
  columns: readonly string[],
  { family, same }: Pick<Tests, 'family' | 'same'>,
): Row[] {
  const equal = same ? groupedBy(rows, same) : rows.map((row) => [row]);
  const corrected = new Map<Row, Record<string, number | null>>();
  for (const tests of groupedBy(equal, (own) => family(own[0] as Row))) {
    for (const column of columns) {
      holm(tests.map(([row]) => row?.[column] as number | null)).forEach((p, at) => {
        for (const row of tests[at] ?? []) {
          if (row[column] === undefined) continue;
          const known = corrected.get(row) ?? {};
          known[`${column}Holm`] = p ?? null;
          corrected.set(row, known);
        }
      });
    }
  }
  return rows.map((row) => ({ ...row, ...corrected.get(row) }));
}

function within(row: Row, measure: string, margin: number): Row {
  const test = margin > 0 ? equivalence(valuesOf(row, measure), margin) : null;
  if (test === null) return {};
  const [low, high] = test.interval;
  return {
    [`${measure}Within`]: test.equivalent,
    [`${measure}WithinLow`]: low,
    [`${measure}WithinHigh`]: high,
  };
}

/** The replicates' numbers behind a summarized measure. */
export function valuesOf(row: Row, measure: string): readonly number[] {
  const values = row[`${measure}Values`];
  return Array.isArray(values) ? (values as readonly number[]) : [];
}

/** The words of a planned test's verdict. */
interface Verdicts {
  /** The corrected p is below 0.05, and the mean has the claim's sign, or the other one. */
  readonly claimed: string;
  readonly opposite: string;
  /** Otherwise: the 90 % interval lies within the margin, or does not. */
  readonly small: string;
  readonly unclear: string;
}

/** What a planned test says about a claim that a mean has this sign; empty if nothing was tested. */
export function verdictOf(row: Row, measure: string, sign: number, words: Verdicts): string {
  const p = numberOf(row, `${measure}PHolm`);
  if (Number.isNaN(p)) return '';
  if (p < ALPHA) return sign * numberOf(row, measure) > 0 ? words.claimed : words.opposite;
  return row[`${measure}Within`] === true ? words.small : words.unclear;
}
