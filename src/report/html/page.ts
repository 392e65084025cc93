import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { csvText } from '../../csvFile.js';
import type { Drawn, Section } from '../figure.js';
import { typographic } from '../format.js';
import { plain } from '../text.js';
import { renderChart } from '../vega/render.js';
import { html, Markup } from './html.js';

export const asset = (name: string): string =>
  readFileSync(new URL(`../../../assets/${name}`, import.meta.url), 'utf8').trim();

/** Draws the charts of some sections, each once, and makes a page of the sections; the charts are SVG files, too. */
export async function drawPage(title: string, lead: Markup, sections: readonly Section[]) {
  const charts = sections.flatMap((section) => section.charts ?? []);
  const drawn = new Map(
    await Promise.all(charts.map(async (chart) => [chart.name, await renderChart(chart)] as const)),
  );
  return {
    page: await renderPage(title, lead, sections, ({ name }) => drawn.get(name)),
    figures: [...drawn].map(([name, { svg }]) => ({ name: `${name}.svg`, svg })),
  };
}

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

export interface PageSection extends Pick<Section, 'id' | 'title' | 'verdict' | 'data'> {
  readonly body: Markup;
}

/** Even a mistake in the page cannot make a browser fetch anything, or run a script but the page's own, named by its hash. */
function policyOf(script: string): string {
  return [
    "default-src 'none'",
    'img-src data:',
    "style-src 'unsafe-inline'",
    `script-src 'sha256-${createHash('sha256').update(script).digest('base64')}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

/** A page of sections with a table of contents. It fetches nothing, and runs no other script. */
export function htmlPage(
  title: string,
  lead: Markup,
  sections: readonly PageSection[],
  script = asset('page.js'),
): string {
  const heading = plain(title);
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta http-equiv="Content-Security-Policy" content="${new Markup(policyOf(script))}" />
        <title>${heading}</title>
        <style>
          ${new Markup(asset('page.css'))}
        </style>
      </head>
      <body>
        <header>
          <h1>${heading}</h1>
          <p class="lead">${lead}</p>
        </header>
        <nav aria-label="Sections">
          ${sections.map(({ id, title: name }) => html`<a href="#${id}">${name}</a> `)}
        </nav>
        <main>
          ${sections.map(
            ({ id, title: name, verdict, body, data }) =>
              html`<section id="${id}" aria-labelledby="${id}-title">
                <h2 id="${id}-title">${name}</h2>
                ${first(verdict)} ${body} ${others(verdict)} ${dataLink(data)}
              </section> `,
          )}
        </main>
        ${new Markup(`<script>${script}</script>`)}
      </body>
    </html> `.text;
}

function first(verdict: PageSection['verdict']): Markup | undefined {
  const [sentence] = verdict ?? [];
  return sentence === undefined ? undefined : html`<p class="verdict">${typographic(sentence)}</p>`;
}

function others(verdict: PageSection['verdict']): Markup[] | undefined {
  return verdict?.slice(1).map((sentence) => html`<p>${typographic(sentence)}</p> `);
}

/** Bytes above which a file is compressed. */
const MAX_PLAIN = 20_000;

/** A link that saves numbers as CSV, from within the page. */
function dataLink(file: PageSection['data']): Markup | undefined {
  if (file === undefined || file.rows.length === 0) return undefined;
  const name = `${file.name}.csv`;
  const bytes = Buffer.from(csvText(file.rows), 'utf8');
  return html`<p class="files">
    Numbers:
    ${
      bytes.length > MAX_PLAIN
        ? download(`${name}.gz`, 'application/gzip', gzipSync(bytes, { level: 9 }))
        : download(name, 'text/csv;charset=utf-8', bytes)
    }
  </p> `;
}

function download(name: string, type: string, bytes: Buffer): Markup {
  return html`<a download="${name}" href="data:${type};base64,${bytes.toString('base64')}">${name}</a> `;
}
