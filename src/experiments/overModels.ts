import { holm } from '../metrics/holm.js';
import { type SeedSummary, summarizeSeeds } from '../metrics/seeds.js';
import { signFlip } from '../metrics/signFlip.js';
import { mean } from '../metrics/statistics.js';
import { NULL_NAMES } from '../neurons/nulls.js';
import { comparisonName, OUTCOMES } from './outcomes.js';

/** A measurement of a figure with its settings. */
export type MeasuredRow = Readonly<Record<string, string | number | null>>;

/** Columns that tell one measurement from another; the others differ between models, or are measured. */
const SETTINGS = [
  ...['split', 'perturbation', 'sigma', 'criterion', 'layer', 'chosenFor', 'k'],
  ...['chosenBy', 'rankedBy', 'among', 'group', 'name'],
] as const;

const EXCESSES = NULL_NAMES.flatMap((null_) =>
  OUTCOMES.map((outcome) => `${comparisonName(null_, outcome)}Excess`),
);
/** Measures that are tested against 0: changes, and their excess over those of random neurons. */
const TESTED: readonly string[] = ['change', 'marginChange', 'lossChange', ...EXCESSES];
const MEASURES: readonly string[] = ['accuracy', 'baseline', 'baselineMargin', ...TESTED, 'percentile'];

/** The name of rows that compare all minority examples with all majority ones. */
export const DIFFERENCE = 'minority minus majority';

/** A measure over models. */
export interface ModelSummary extends SeedSummary {
  /** One for each model. */
  readonly values: readonly number[];
  /**
   * The sign-flip test of a change, and its p after Holm's correction: over the figure's distinct changes of groups, or over its distinct
   * differences between minority and majority examples.
   */
  readonly pValue?: number | null;
  readonly pValueHolm?: number | null;
}

/** One measurement of a figure over models. */
export interface RowOverModels {
  readonly settings: MeasuredRow;
  readonly models: number;
  /** By the measure's column: `accuracy`, `marginChange`, `sameLayersMarginExcess`. */
  readonly measures: Readonly<Record<string, ModelSummary>>;
}

/** A row whose p are not corrected yet. */
type Summarized = Omit<RowOverModels, 'measures'> & { readonly measures: Record<string, ModelSummary> };

/**
 * Summarizes a figure's rows over models, with the model as the unit: rows with equal settings are one measurement, and several of one
 * model, such as its neurons' ranks, count by their mean.
 */
export function overModels(ofModels: readonly (readonly MeasuredRow[])[]): RowOverModels[] {
  const byKey = new Map<string, { settings: MeasuredRow; models: MeasuredRow[][] }>();
  for (const [model, rows] of ofModels.entries()) {
    for (const row of rows) {
      const settings = Object.fromEntries(
        SETTINGS.filter((name) => name in row).map((name) => [name, row[name] ?? null]),
      );
      const key = JSON.stringify(settings);
      const known = byKey.get(key) ?? { settings, models: [] };
      byKey.set(key, known);
      (known.models[model] ??= []).push(row);
    }
  }
  const summarized = [...byKey.values()].map(({ settings, models }) => {
    const present = models.filter((rows) => rows.length > 0);
    return { settings, models: present.length, measures: summarize(present) };
  });
  const isDifference = ({ settings }: RowOverModels): boolean => settings.name === DIFFERENCE;
  const families = [summarized.filter(isDifference), summarized.filter((row) => !isDifference(row))];
  for (const change of TESTED) for (const family of families) correct(family, change);
  return summarized;
}

/** Corrects the p of a measure over the distinct tests of a family. */
function correct(family: readonly Summarized[], measure: string): void {
  const tests = [...distinctTests(family, measure).values()];
  const adjusted = holm(tests.map(([row]) => row?.measures[measure]?.pValue));
  for (const [i, { measures }] of tests.flatMap((rows, at) => rows.map((row) => [at, row] as const))) {
    const found = measures[measure];
    if (found) measures[measure] = { ...found, pValueHolm: adjusted[i] ?? null };
  }
}

/** Rows by their tests of a measure: a criterion that chooses the same neurons for each group has the same test for each. */
export function distinctTests<Row extends Pick<RowOverModels, 'settings' | 'measures'>>(
  rows: readonly Row[],
  measure: string,
): ReadonlyMap<string, readonly Row[]> {
  const tests = new Map<string, Row[]>();
  for (const row of rows) {
    const { settings, measures } = row;
    const { chosenFor: _chosenFor, ...others } = settings;
    const key = JSON.stringify([others, measures[measure]?.values ?? settings]);
    const equal = tests.get(key);
    if (equal) equal.push(row);
    else tests.set(key, [row]);
  }
  return tests;
}

function summarize(models: readonly (readonly MeasuredRow[])[]): Record<string, ModelSummary> {
  const measures: Record<string, ModelSummary> = {};
  for (const name of MEASURES) {
    const values = models.map((rows) => mean(rows.map((row) => Number(row[name] ?? Number.NaN))));
    if (!values.every(Number.isFinite)) continue;
    measures[name] = {
      ...summarizeSeeds(values),
      values,
      ...(TESTED.includes(name) ? { pValue: signFlip(values)?.pValue ?? null } : {}),
    };
  }
  return measures;
}
