import type { ModelSummary, RowOverModels } from '../../experiments/overModels.js';
import type { FigureRow } from '../figure.js';
import { articleName, meanWithInterval, MISSING, probabilityPair } from '../format.js';
import { boundColumns } from '../rows.js';
import { numbers, type Table, texts } from '../table.js';

/** The names of columns of settings, and of measures, with a unit's size in the table. */
const SETTING_NAMES: Readonly<Record<string, string>> = {
  chosenFor: 'chosen for',
  chosenBy: 'chosen by',
  rankedBy: 'ranked by',
};
const SHOWN = [
  { measure: 'accuracy', name: 'accuracy, %', scale: 100, decimals: 2 },
  { measure: 'change', name: 'change, points', scale: 100, decimals: 2 },
  { measure: 'marginChange', name: 'margin', scale: 1, decimals: 3 },
  { measure: 'lossChange', name: 'loss', scale: 1, decimals: 3 },
  { measure: 'sameLayersMarginExcess', name: 'margin beyond same layers', scale: 1, decimals: 3 },
  { measure: 'wholeModelMarginExcess', name: 'margin beyond whole model', scale: 1, decimals: 3 },
  { measure: 'percentile', name: 'percentile', scale: 1, decimals: 2 },
] as const;

/** `<run>/<figure>.json`: a figure over models, a row a measurement; the same rows are in its CSV. */
export interface FigureOverModels {
  readonly kind: string;
  readonly title: string;
  readonly seeds: readonly number[];
  readonly rows: readonly RowOverModels[];
}

/** A figure over models, a row a measurement: means with 95 % intervals, and p-values of changes. */
export function overModelsTable({ kind, title, seeds, rows }: FigureOverModels): Table {
  const settings = [...new Set(rows.flatMap((row) => Object.keys(row.settings)))].filter((name) =>
    rows.some((row) => (row.settings[name] ?? null) !== null),
  );
  const shown = SHOWN.filter(({ measure }) => rows.some(({ measures }) => measures[measure]));
  const tested = shown.filter(({ measure }) =>
    rows.some(({ measures }) => measures[measure]?.pValue !== undefined),
  );
  const models =
    seeds.length === 1
      ? 'one model, whose numbers do not show how models differ'
      : `${seeds.length} models (seeds ${seeds.join(', ')}): mean and 95 % interval over models by Student’s t; p by a sign-flip test, in brackets after Holm’s correction`;
  return {
    caption: `${articleName(kind)}: ${title}. ${models}.`,
    columns: [
      ...texts(...settings.map((name) => SETTING_NAMES[name] ?? name)),
      ...numbers(...shown.map(({ name }) => name)),
      ...numbers(...tested.map(({ name }) => `p, ${name.split(',')[0] ?? name}`)),
    ],
    rows: rows.map((row) => [
      ...settings.map((name) => String(row.settings[name] ?? '')),
      ...shown.map(({ measure, scale, decimals }) => meanText(row.measures[measure], scale, decimals)),
      ...tested.map(({ measure }) =>
        probabilityPair(row.measures[measure]?.pValue, row.measures[measure]?.pValueHolm),
      ),
    ]),
  };
}

/** Rows of a CSV file, all with the columns that any has. */
export function overModelsRows(rows: readonly RowOverModels[]): FigureRow[] {
  const made = rows.map(overModelsRow);
  const columns = new Set(made.flatMap((row) => Object.keys(row)));
  return made.map((row) => Object.fromEntries([...columns].map((column) => [column, row[column] ?? null])));
}

function overModelsRow({ settings, models, measures }: RowOverModels): FigureRow {
  const columns = Object.entries(measures).map(([name, summary]): FigureRow => ({
    [name]: summary.mean,
    [`${name}Std`]: summary.std,
    ...boundColumns(name, summary.interval),
    ...(summary.pValue === undefined
      ? {}
      : { [`${name}P`]: summary.pValue, [`${name}PHolm`]: summary.pValueHolm ?? null }),
  }));
  return Object.assign({ ...settings, models }, ...columns) as FigureRow;
}

function meanText(summary: ModelSummary | undefined, scale: number, decimals: number): string {
  if (!summary) return MISSING;
  return meanWithInterval(summary.mean, summary.interval, decimals, scale);
}
