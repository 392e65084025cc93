import { join } from 'node:path';
import { FIGURE_SETTINGS } from '../experiments/overModels.js';
import { writeAtomic } from '../files.js';
import type { ColumnName } from '../kit/columns.js';
import { csvRows, type Row } from '../kit/rows.js';
import { list, type Table } from '../kit/table.js';
import type { Section } from './figure.js';
import { FIGURES } from './figures.js';
import { articleName } from './format.js';
import { groupLabels, type NamedGroups } from './groupLabels.js';
import { chartFigure, folded, html, htmlTable } from './html/html.js';
import { drawPage } from './html/page.js';

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
  ...FIGURE_SETTINGS,
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

/** Writes `report.html` of figures over models. Returns its path. Throws `OUTPUT_UNWRITABLE`. */
export async function writeModelsReport(
  folder: string,
  figures: readonly FigureOverModels[],
  data: NamedGroups,
): Promise<string> {
  const lead = html`Figures and tables after You et al.,
    <cite>Uncovering memorization effect in the presence of spurious correlations</cite> (2025), with trained
    models as replicates. Each model has a report of its own in its folder.`;
  const groups = groupLabels(data);
  const sections = figures.map((figure): Section => {
    const { kind, title, rows } = figure;
    const { verdict, charts, tables } = FIGURES.find(({ name }) => name === kind)?.parts?.(rows, groups) ?? {
      verdict: [],
      charts: [],
      tables: [],
    };
    return {
      id: kind,
      title: `${title} (${articleName(kind)})`,
      verdict,
      charts,
      data: { name: kind, rows: csvRows(rows) },
      prose: (drawn) =>
        html`<div class="charts">${charts.map((chart) => chartFigure(drawn(chart)))}</div>
          ${[...tables, ...overModelsTables(figure)].map((table) => folded(table.caption, htmlTable(table)))}`,
    };
  });
  const path = join(folder, 'report.html');
  await writeAtomic(path, (await drawPage('Part I over models', lead, sections)).page);
  return path;
}
