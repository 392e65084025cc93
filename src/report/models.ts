import { MEASUREMENT } from '../experiments/overModels.js';
import type { ColumnName } from '../kit/columns.js';
import { csvRows, type Row } from '../kit/rows.js';
import { valuesOf } from '../kit/summarize.js';
import { list, type Table } from '../kit/table.js';
import { summarizeSeeds } from '../metrics/seeds.js';
import type { Section } from './figure.js';
import { FIGURES } from './figures.js';
import { articleName } from './format.js';
import type { Groups } from './groupLabels.js';
import { boundColumns, COMPARISONS } from './rows.js';
import { partsMarkup } from './rowsFigure.js';

/** `<run>/<figure>.json`: a figure over models, a row a measurement; the same rows are in its CSV. */
export interface FigureOverModels {
  readonly kind: string;
  readonly title: string;
  readonly seeds: readonly number[];
  readonly rows: readonly Row[];
}

const TESTED = [
  'change',
  'marginChange',
  'lossChange',
  'sameLayersMarginExcess',
  'wholeModelMarginExcess',
] as const;
const COLUMNS: readonly ColumnName[] = [
  ...MEASUREMENT,
  'accuracy',
  ...TESTED.flatMap((name) => [name, `${name}P`, `${name}PHolm`] as const),
  'percentile',
];

/** A figure over models, a line per measurement: means with 95 % intervals, and p-values of changes. */
function overModelsTables({ kind, title, seeds, rows }: FigureOverModels): Table[] {
  const models =
    seeds.length === 1
      ? 'one model, whose numbers do not show how models differ'
      : `${seeds.length} models (seeds ${seeds.join(', ')}): mean and 95 % interval over models by Student’s t; p by a sign-flip test, and after Holm’s correction`;
  return list(rows, COLUMNS, {
    caption: `${articleName(kind)}: ${title}. ${models}.`,
    decimals: { accuracy: 2, percentile: 2 },
  });
}

/**
 * Gives rows that are summarized over models the columns of one run's rows, so that one figure draws both: the change under random neurons,
 * which is the change minus the excess, and the p-values of the excess. Rows of one run stay as they are.
 */
function asOneRun(rows: readonly Row[]): Row[] {
  return rows.map((row) => {
    const columns = COMPARISONS.map(({ outcome, name }): Row => {
      const excess = valuesOf(row, `${name}Excess`);
      if (excess.length === 0) return {};
      const change = valuesOf(row, outcome === 'accuracy' ? 'change' : `${outcome}Change`);
      const random = summarizeSeeds(change.map((value, model) => value - (excess[model] ?? Number.NaN)));
      return {
        [`${name}Mean`]: random.mean,
        ...boundColumns(name, random.interval),
        [`${name}P`]: row[`${name}ExcessP`] ?? null,
        [`${name}PHolm`]: row[`${name}ExcessPHolm`] ?? null,
      };
    });
    return Object.assign({}, row, ...columns) as Row;
  });
}

/** The section of a figure over models, with the charts and the verdict of the figure. */
export function modelsSection(figure: FigureOverModels, groups: Groups): Section {
  const { kind, title, rows } = figure;
  const { parts } = FIGURES.find(({ name }) => name === kind) ?? {};
  const own = parts?.(asOneRun(rows), groups) ?? { verdict: [], charts: [], tables: [] };
  const all = { ...own, tables: [...own.tables, ...overModelsTables(figure)] };
  return {
    id: kind,
    title: `${title} (${articleName(kind)})`,
    verdict: own.verdict,
    charts: own.charts,
    data: { name: kind, rows: csvRows(rows) },
    prose: (drawn) => partsMarkup(all, drawn),
  };
}
