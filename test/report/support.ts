import type { RunReport } from '../../src/report/figure.js';
import { points, typographic } from '../../src/report/format.js';
import { renderChart } from '../../src/report/vega/render.js';
import { drawReport, sectionsOf } from '../../src/report/writeReport.js';

/** The report's figures by file name. */
export async function figures(report: RunReport): Promise<Map<string, string>> {
  return new Map((await drawReport(report)).figures.map(({ name, svg }) => [name, svg]));
}

/** The report's page. */
export async function pageOf(report: RunReport): Promise<string> {
  return (await drawReport(report)).page;
}

/** The names of the report's charts. */
export function chartNames(report: RunReport): string[] {
  return sectionsOf(report).flatMap(({ charts = [] }) => charts.map(({ name }) => name));
}

/** A chart of the report, drawn alone. */
export async function svgOf(report: RunReport, name: string): Promise<string> {
  const charts = sectionsOf(report).flatMap((section) => section.charts ?? []);
  const chart = charts.find((one) => one.name === name);
  if (!chart) throw new Error(`There is no chart ${name}`);
  return (await renderChart(chart)).svg;
}

/** How many marks of a kind a chart has. */
export function marks(svg: string | undefined, kind: string): number {
  return svg?.match(new RegExp(`aria-roledescription="${kind}"`, 'g'))?.length ?? 0;
}

/** The first match in a long text; a failed comparison then prints it, and not the text. */
export function first(pattern: RegExp, text: string | undefined): string | undefined {
  return pattern.exec(text ?? '')?.[0];
}

/** The texts of a chart, as drawn. */
export function texts(svg: string | undefined): string[] {
  return [...(svg ?? '').matchAll(/<(?:text|tspan)[^>]*>([^<]+)</g)].map((match) => match[1] ?? '');
}

/** Those of them that are numbers with two decimals, sorted. */
export function twoDecimals(svg: string | undefined): string[] {
  return texts(svg)
    .filter((text) => /^[+−]?\d+\.\d\d$/.test(text))
    .sort();
}

/** Changes as charts and pages write them. */
export function changeTexts(changes: readonly number[]): string[] {
  return changes.map((change) => typographic(points(change)));
}

/** The page without its own script, which names what the rest may not hold, and without base64, in which any three letters may stand. */
export function withoutScript(page: string): string {
  return page
    .replace(/<script>\/\/ Sorts tables[^]*?<\/script>/, '')
    .replace(/(?:;base64,|sha256-)[A-Za-z0-9+/=]+/g, '');
}

/** The page's text without its markup. */
export async function textOf(report: RunReport): Promise<string> {
  return withoutScript(await pageOf(report))
    .replace(/<[^>]+>/g, '')
    .replace(/\s+/g, ' ');
}
