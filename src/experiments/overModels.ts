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

/** A measure over models. */
export interface ModelSummary extends SeedSummary {
  /** One for each model. */
  readonly values: readonly number[];
  /** The sign-flip test of a change, and its p after Holm's correction over the figure's changes of this kind. */
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
  for (const change of TESTED) {
    const adjusted = holm(summarized.map(({ measures }) => measures[change]?.pValue));
    summarized.forEach(({ measures }, i) => {
      const found = measures[change];
      if (found) measures[change] = { ...found, pValueHolm: adjusted[i] ?? null };
    });
  }
  return summarized;
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
