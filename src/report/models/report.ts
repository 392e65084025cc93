import { join } from 'node:path';
import {
  DIFFERENCE,
  distinctTests,
  type ModelSummary,
  type RowOverModels,
} from '../../experiments/overModels.js';
import { writeAtomic } from '../../files.js';
import type { Section } from '../figure.js';
import { articleName, fixed, plural, probability, pText, range, signed, size } from '../format.js';
import { groupLabels, type NamedGroups } from '../groupLabels.js';
import { chartFigure, html, htmlTable } from '../html/html.js';
import { drawPage } from '../html/page.js';
import type { Table } from '../table.js';
import { MARKED_P } from '../traces/tests.js';
import { modelsCharts } from './bars.js';
import { type FigureOverModels, overModelsRows } from './table.js';

/** Writes `report.html` of figures over models. Returns its path. Throws `OUTPUT_UNWRITABLE`. */
export async function writeModelsReport(
  folder: string,
  figures: readonly (Omit<FigureOverModels, 'seeds'> & { readonly tables: readonly Table[] })[],
  data: NamedGroups,
): Promise<string> {
  const lead = html`Figures and tables after You et al.,
    <cite>Uncovering memorization effect in the presence of spurious correlations</cite> (2025), with trained
    models as replicates. Each model has a report of its own in its folder.`;
  const groups = groupLabels(data);
  const sections = figures.map(({ kind, title, rows, tables }): Section => {
    const charts = modelsCharts(kind, rows, groups);
    return {
      id: kind,
      title: `${title} (${articleName(kind)})`,
      verdict: modelsVerdict(rows),
      charts,
      data: { name: kind, rows: overModelsRows(rows) },
      prose: (drawn) =>
        html`${charts.length > 0 ? html`<div class="charts">${charts.map((chart) => chartFigure(drawn(chart)))}</div>` : undefined}
        ${tables.map(htmlTable)}`,
    };
  });
  const path = join(folder, 'report.html');
  await writeAtomic(path, (await drawPage('Part I over models', lead, sections)).page);
  return path;
}

/** Whether minority groups lose more than majority groups over models, and whether that is beyond random neurons. */
export function modelsVerdict(rows: readonly RowOverModels[]): string[] {
  const differences = rows.filter(({ settings, models }) => settings.name === DIFFERENCE && models > 1);
  if (differences.length === 0) return [];
  return [changeSentence(differences), ...excessSentences(differences)];
}

function changeSentence(rows: readonly RowOverModels[]): string {
  const told = measured(rows, 'change');
  const [least] = told;
  if (!least) return 'No change was measured in all models.';
  const { mean, interval } = least.summary;
  const isLoss = mean < 0;
  // A loss has the opposite interval of the change.
  const shown = interval && (isLoss ? ([-interval[1], -interval[0]] as const) : interval);
  const words = `minority groups lose ${size(mean)} ${isLoss ? 'more' : 'less'} than majority groups${shown ? `, ${range(shown)}` : ''}`;
  const of = `${words}, ${plural(least.row.models, 'model')} (${settingsText(least.row)}; ${pTexts(least)} over ${plural(told.length, 'setting')})`;
  const passed = told.filter(isPassed);
  return passed.length === 0
    ? `Minority groups are not shown to change otherwise than majority groups: at the least p, ${of}.`
    : `In ${passed.length} of ${plural(told.length, 'setting')} minority and majority groups differ after Holm’s correction; clearest, ${of}.`;
}

function excessSentences(rows: readonly RowOverModels[]): string[] {
  return [
    { measure: 'sameLayersAccuracyExcess', name: 'accuracy', text: signed },
    {
      measure: 'sameLayersMarginExcess',
      name: 'margin',
      text: (value: number) => `${fixed(value, 3)} logits`,
    },
  ].flatMap(({ measure, name, text }) => {
    const told = measured(rows, measure);
    const [least] = told;
    if (!least) return [];
    const passed = told.filter((one) => isPassed(one) && one.summary.mean < 0);
    return [
      passed.length === 0
        ? `By ${name}, that is not shown to be more than random neurons of the same layers do: at the least p, ${text(least.summary.mean)} beyond them (${settingsText(least.row)}; ${pTexts(least)}).`
        : `By ${name}, that is more than random neurons of the same layers do in ${passed.length} of ${plural(told.length, 'setting')} after Holm’s correction.`,
    ];
  });
}

interface Measured {
  readonly row: RowOverModels;
  readonly summary: ModelSummary;
}

function isPassed({ summary }: Measured): boolean {
  return (summary.pValueHolm ?? 1) <= MARKED_P;
}

function pTexts({ summary: { pValue, pValueHolm } }: Measured): string {
  return `${pText(pValue)}, ${probability(pValueHolm)} after Holm’s correction`;
}

/** Those of the rows that have a measure with a p, the least first; of rows with the same test the first one. */
function measured(rows: readonly RowOverModels[], measure: string): Measured[] {
  return [...distinctTests(rows, measure).values()]
    .flatMap(([row]) => {
      const summary = row?.measures[measure];
      return row && typeof summary?.pValue === 'number' ? [{ row, summary }] : [];
    })
    .sort(
      (a, b) =>
        (a.summary.pValue ?? 1) - (b.summary.pValue ?? 1) ||
        Math.abs(b.summary.mean) - Math.abs(a.summary.mean),
    );
}

function settingsText({ settings: { criterion, chosenFor, k, sigma, split } }: RowOverModels): string {
  return [
    `by ${criterion ?? '?'} for G${chosenFor ?? '?'}`,
    `k = ${k ?? '?'}`,
    ...(typeof sigma === 'number' ? [`σ = ${sigma}`] : []),
    ...(split === undefined || split === null ? [] : [`${split} split`]),
  ].join(', ');
}
