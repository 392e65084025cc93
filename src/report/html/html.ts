import type { SampleImage } from '../../data/dataDescription.js';
import {
  captionOf,
  type Cell,
  type GroupLabel,
  type Heading,
  type Part,
  type Table,
} from '../../kit/table.js';
import { points, typographic } from '../format.js';
import { escapeMarkup, plain } from '../text.js';
import type { Chart } from '../vega/render.js';

/** HTML that is safe to put into a page as it is. */
export class Markup {
  constructor(readonly text: string) {}
}

type Content = Markup | string | number | undefined | readonly Content[];

/** Builds HTML. Interpolated strings are escaped, so that no name can add markup; lists are joined, `undefined` is nothing. */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Markup {
  return new Markup(String.raw({ raw: strings }, ...values.map(render)));
}

function render(value: Content): string {
  if (value === undefined) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'string') return escapeMarkup(value);
  if (typeof value === 'number') return String(value);
  return value.map(render).join('');
}

/** A table with more columns than this is printed smaller. */
const MANY = 8;

/** A table in a box that scrolls sideways and can be reached by keyboard. */
export function htmlTable(table: Table): Markup {
  const { columns, rows, footer = [] } = table;
  const caption = plain(captionOf(table, columns));
  const classes = [...(rows.length > 1 ? ['sortable'] : []), columns.length > MANY ? 'many' : 'few'];
  const line = ([heading = '', ...cells]: readonly Cell[]): Markup =>
    html`<tr>
      <th scope="row">${parts(heading, (text) => text)}</th>
      ${cells.map((cell, at) => data(cell, columns[at + 1]))}
    </tr> `;
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0">
    <table class="${classes.join(' ')}">
      <caption>
        <span>${caption}</span>
      </caption>
      <thead>
        <tr>
          ${columns.map(columnHeading)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(line)}
      </tbody>
      ${
        footer.length > 0
          ? html`<tfoot>
              ${footer.map(line)}
            </tfoot>`
          : undefined
      }
    </table>
  </div> `;
}

/** A group's name with its star emphasised. */
export function groupName(group: GroupLabel): Markup {
  if (!group.minority) return html`${group.full}`;
  return html`G${group.index}<span class="star" title="minority group">*</span> ${group.name}`;
}

function columnHeading(column: Heading): Markup {
  return column.text === true
    ? html`<th scope="col" class="text">${column.name}</th>`
    : html`<th scope="col">${column.name}</th>`;
}

function data(cell: Cell, column: Heading | undefined): Markup {
  const content = parts(cell, typographic);
  if (partsOf(cell).some((of) => isOf('own', of))) return html`<td class="own">${content}</td>`;
  return column?.text === true ? html`<td class="text">${content}</td>` : html`<td>${content}</td>`;
}

function partsOf(cell: Cell): readonly Part[] {
  return Array.isArray(cell) ? (cell as readonly Part[]) : [cell as Part];
}

function isOf(kind: 'own' | 'explanation', of: Part): boolean {
  return typeof of === 'object' && of.kind === kind;
}

function parts(cell: Cell, write: (text: string) => string): Markup {
  const written = partsOf(cell).map((of, at) => [
    at > 0 && !isOf('explanation', of) ? ' ' : '',
    part(of, write),
  ]);
  return html`${written}`;
}

function part(of: Part, write: (text: string) => string): Markup {
  if (typeof of === 'string') return html`${write(plain(of))}`;
  switch (of.kind) {
    case 'group':
      return groupName(of.group);
    case 'code':
      return html`<code>${phrases(of.text)}</code>`;
    case 'detail':
      return html`<small>${write(of.text)}</small>`;
    case 'own':
      return html`${write(plain(of.text))}`;
    case 'explanation':
      return html`: ${of.text}`;
  }
}

/** A command's words up to its first option, and each option with its value: lines break between them. */
function phrases(text: string): Markup[] {
  return text.split(/ (?=--)/).map((phrase, i) => html`${i > 0 ? ' ' : ''}<span>${phrase}</span>`);
}

/** A chart, inline; its own `role="img"` carries the description. */
export function chartFigure(chart: Chart | undefined): Markup | undefined {
  if (!chart) return undefined;
  return html`<div class="chart" tabindex="0" role="group" aria-label="chart: arrow keys tell its values">
    ${new Markup(chart.svg)}
  </div> `;
}

/** A block that is folded until it is opened, or printed. */
export function folded(summary: string, body: Markup | readonly Markup[]): Markup {
  return html`<details>
    <summary>${summary}</summary>
    ${body}
  </details> `;
}

/** A table that is folded under its caption. */
export function foldedTable(table: Table): Markup {
  return folded(table.caption, htmlTable(table));
}

/** A change as `−10.71`, or a dash. */
export function pointsText(change: number): string {
  return typographic(points(change));
}

/** Below this width or height in pixels, enlarging an image shows its pixels instead of a blur. */
const SMALL = 96;

export function picture({ dataUri, width, height }: SampleImage, alt: string, attribute?: Markup): Markup {
  return html`<img src="${dataUri}" width="${width}" height="${height}" alt="${alt}" ${attribute} />`;
}

/** An image of a strip, where all are equally high. */
export function stripPicture(image: SampleImage, alt: string): Markup {
  return picture(image, alt, Math.min(image.width, image.height) < SMALL ? html`class="small"` : undefined);
}
