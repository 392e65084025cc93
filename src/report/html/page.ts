import { html, Markup } from './markup.js';
import { STYLE } from './style.js';
import { plain } from '../text.js';

/** A part of a page. */
export interface Section {
  /** The anchor that the navigation links to. */
  readonly id: string;
  readonly title: string;
  readonly body: Markup;
}

// Belt and braces: even a mistake in the page cannot make a browser fetch anything or run a script.
const POLICY =
  "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** A page of sections with a navigation, which fetches nothing: style, charts and images are inside. */
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
          <nav aria-label="Sections">
            ${sections.map(({ id, title: name }) => html`<a href="#${id}">${name}</a> `)}
          </nav>
        </header>
        <main>
          ${sections.map(
            ({ id, title: name, body }) =>
              html`<section id="${id}" aria-labelledby="${id}-title">
                <h2 id="${id}-title">${name}</h2>
                ${body}
              </section> `,
          )}
        </main>
      </body>
    </html> `.text;
}
