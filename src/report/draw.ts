import type { Drawn, Section } from './figure.js';
import type { Markup } from './html/html.js';
import { htmlPage, type PageSection } from './html/page.js';
import { renderChart } from './vega/render.js';

/** A page, and the charts in it as SVG files. */
export interface DrawnPage {
  readonly page: string;
  readonly figures: readonly { readonly name: string; readonly svg: string }[];
}

/** Draws the charts of some sections, each once, and makes a page of the sections. */
export async function drawPage(
  title: string,
  lead: Markup,
  sections: readonly Section[],
): Promise<DrawnPage> {
  const charts = sections.flatMap((section) => section.charts ?? []);
  const drawn = new Map(
    await Promise.all(charts.map(async (chart) => [chart.name, await renderChart(chart)] as const)),
  );
  return {
    page: await renderPage(title, lead, sections, ({ name }) => drawn.get(name)),
    figures: [...drawn].map(([name, { svg }]) => ({ name: `${name}.svg`, svg })),
  };
}

/** The page of some sections, whose charts are drawn. */
export async function renderPage(
  title: string,
  lead: Markup,
  sections: readonly Section[],
  drawn: Drawn,
): Promise<string> {
  const shown: PageSection[] = [];
  for (const { prose, ...section } of sections) {
    if (prose) shown.push({ ...section, body: await prose(drawn) });
  }
  return htmlPage(title, lead, shown);
}
