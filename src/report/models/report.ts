import { join } from 'node:path';
import { DIFFERENCE, distinctTests } from '../../experiments/overModels.js';
import { writeAtomic } from '../../files.js';
import { csvRows, numberOf, type Row } from '../../kit/rows.js';
import type { Table } from '../../kit/table.js';
import type { Section } from '../figure.js';
import { articleName, fixed, plural, probability, pText, range, signed, size } from '../format.js';
import { groupLabels, type NamedGroups } from '../groupLabels.js';
import { chartFigure, html, htmlTable } from '../html/html.js';
import { drawPage } from '../html/page.js';
import { MARKED_P } from '../traces/tests.js';
import { modelsCharts } from './bars.js';
import type { FigureOverModels } from './table.js';

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
      data: { name: kind, rows: csvRows(rows) },
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
export function modelsVerdict(rows: readonly Row[]): string[] {
  const differences = rows.filter((row) => row.name === DIFFERENCE && numberOf(row, 'models') > 1);
  if (differences.length === 0) return [];
  return [changeSentence(differences), ...excessSentences(differences)];
}

function changeSentence(rows: readonly Row[]): string {
  const told = measured(rows, 'change');
  const [least] = told;
  if (!least) return 'No change was measured in all models.';
  const mean = numberOf(least, 'change');
  const isLoss = mean < 0;
  const ends = [numberOf(least, 'changeLow'), numberOf(least, 'changeHigh')] as const;
  // A loss has the opposite interval of the change.
  const shown = isLoss ? ([-ends[1], -ends[0]] as const) : ends;
  const words = `minority groups lose ${size(mean)} ${isLoss ? 'more' : 'less'} than majority groups, ${range(shown)}`;
  const of = `${words}, ${plural(numberOf(least, 'models'), 'model')} (${settingsText(least)}; ${pTexts(least, 'change')} over ${plural(told.length, 'setting')})`;
  const passed = told.filter((row) => isPassed(row, 'change'));
  return passed.length === 0
    ? `Minority groups are not shown to change otherwise than majority groups: at the least p, ${of}.`
    : `In ${passed.length} of ${plural(told.length, 'setting')} minority and majority groups differ after Holm’s correction; clearest, ${of}.`;
}

function excessSentences(rows: readonly Row[]): string[] {
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
    const passed = told.filter((row) => isPassed(row, measure) && numberOf(row, measure) < 0);
    return [
      passed.length === 0
        ? `By ${name}, that is not shown to be more than random neurons of the same layers do: at the least p, ${text(numberOf(least, measure))} beyond them (${settingsText(least)}; ${pTexts(least, measure)}).`
        : `By ${name}, that is more than random neurons of the same layers do in ${passed.length} of ${plural(told.length, 'setting')} after Holm’s correction.`,
    ];
  });
}

function isPassed(row: Row, measure: string): boolean {
  return numberOf(row, `${measure}PHolm`) <= MARKED_P;
}

function pTexts(row: Row, measure: string): string {
  const [p, pHolm] = [numberOf(row, `${measure}P`), numberOf(row, `${measure}PHolm`)];
  return `${pText(p)}, ${probability(pHolm)} after Holm’s correction`;
}

/** The distinct tests of a measure, the least p first. */
function measured(rows: readonly Row[], measure: string): Row[] {
  const p = (row: Row): number => numberOf(row, `${measure}P`);
  const size = (row: Row): number => Math.abs(numberOf(row, measure));
  return distinctTests(rows, measure).sort((a, b) => p(a) - p(b) || size(b) - size(a));
}

function settingsText({ criterion, chosenFor, k, sigma, split }: Row): string {
  return [
    `by ${String(criterion ?? '?')} for G${String(chosenFor ?? '?')}`,
    `k = ${String(k ?? '?')}`,
    ...(typeof sigma === 'number' ? [`σ = ${sigma}`] : []),
    ...(typeof split === 'string' ? [`${split} split`] : []),
  ].join(', ');
}
