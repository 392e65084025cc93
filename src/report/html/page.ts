import { createHash } from 'node:crypto';
import { typographic } from '../format.js';
import { plain } from '../text.js';
import { dataLinks, type DataFile } from './dataFiles.js';
import { html, Markup } from './markup.js';
import { SCRIPT } from './script.js';
import { STYLE } from './style.js';

/** A part of a page. */
export interface Section {
  /** The anchor that the table of contents links to. */
  readonly id: string;
  readonly title: string;
  /** What its numbers say, a sentence each; the first one stands at the top of the page as well. */
  readonly verdict?: readonly string[] | undefined;
  readonly body: Markup;
  /** Its numbers, which the page holds as files. */
  readonly data?: readonly DataFile[] | undefined;
}

/**
 * Belt and braces: even a mistake in the page cannot make a browser fetch anything, or run a script but the page's own, which
 * is named by its hash.
 */
const POLICY = [
  "default-src 'none'",
  'img-src data:',
  "style-src 'unsafe-inline'",
  `script-src 'sha256-${createHash('sha256').update(SCRIPT).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

// In one piece: what formats templates may not move a space between the tags, which the hash would miss.
const SCRIPT_ELEMENT = new Markup(`<script>${SCRIPT}</script>`);

/**
 * A page of sections with a table of contents that stays in view. It fetches nothing: style, script, charts, images and the files
 * of numbers are inside. All of it can be read without the script, which sorts tables, shows a mark's value and opens for print
 * what is folded.
 */
export function htmlPage(title: string, lead: Markup, sections: readonly Section[]): string {
  const heading = plain(title);
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta http-equiv="Content-Security-Policy" content="${new Markup(POLICY)}" />
        <title>${heading}</title>
        <style>
          ${new Markup(STYLE)}
        </style>
      </head>
      <body>
        <header>
          <h1>${heading}</h1>
          <p class="lead">${lead}</p>
          ${inShort(sections)}
        </header>
        <nav aria-label="Sections">
          ${sections.map(({ id, title: name }) => html`<a href="#${id}">${name}</a> `)}
        </nav>
        <main>
          ${sections.map(
            ({ id, title: name, verdict, body, data }) =>
              html`<section id="${id}" aria-labelledby="${id}-title">
                <h2 id="${id}-title">${name}</h2>
                ${verdictMarkup(verdict)} ${body} ${dataLinks(data)}
              </section> `,
          )}
        </main>
        ${SCRIPT_ELEMENT}
      </body>
    </html> `.text;
}

/** The first sentence of every verdict, with the section that it is of. */
function inShort(sections: readonly Section[]): Markup | undefined {
  const told = sections.flatMap(({ id, title, verdict }) =>
    verdict?.[0] === undefined
      ? []
      : [html`<li><a href="#${id}">${title}</a>: ${typographic(verdict[0])}</li> `],
  );
  return told.length < 2
    ? undefined
    : html`<ul class="short">
        ${told}
      </ul>`;
}

function verdictMarkup(verdict: Section['verdict']): Markup | undefined {
  if (verdict === undefined || verdict.length === 0) return undefined;
  return html`<div class="verdict">
    ${verdict.map((sentence) => html`<p>${typographic(sentence)}</p> `)}
  </div>`;
}
