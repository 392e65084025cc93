import { MEASUREMENT } from '../experiments/overModels.js';
import type { ColumnName } from '../kit/columns.js';
import { csvRows, type Row } from '../kit/rows.js';
import { list, type Table } from '../kit/table.js';
import type { Section } from './figure.js';
import { FIGURES } from './figures.js';
import { articleName } from './format.js';
import type { Groups } from './groupLabels.js';
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
export function overModelsTables({ kind, title, seeds, rows }: FigureOverModels): Table[] {
  const models =
    seeds.length === 1
      ? 'one model, whose numbers do not show how models differ'
      : `${seeds.length} models (seeds ${seeds.join(', ')}): mean and 95 % interval over models by Student’s t; p by a sign-flip test, and after Holm’s correction`;
  return list(rows, COLUMNS, {
    caption: `${articleName(kind)}: ${title}. ${models}.`,
    decimals: { accuracy: 2, percentile: 2 },
  });
}

/** The section of a figure over models, with the charts and the verdict of the figure. */
export function modelsSection(figure: FigureOverModels, groups: Groups): Section {
  const { kind, title, rows } = figure;
  const { parts } = FIGURES.find(({ name }) => name === kind) ?? {};
  const own = parts?.(rows, groups) ?? { verdict: [], charts: [], tables: [] };
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
