import { html, type Markup } from './html.js';

/** Images lower than this in pixels show their pixels instead of a blur. */
const SMALL = 96;

/** An image of a page, as a `data:` URI. */
interface Pictured {
  readonly dataUri: string;
  readonly width: number;
  readonly height: number;
}

/**
 * A filter that colours grey heat by the scheme inferno, whose equal steps look equally large, in grey and to colour-blind eyes too. It
 * stands once in a page.
 *
 * @param alpha the opacity of heat: the same everywhere, or growing with the heat up to it
 */
export async function heatFilter(
  id: string,
  alpha: { readonly everywhere: number } | { readonly highest: number },
): Promise<Markup> {
  // Loaded here only: a command's help does without.
  const { vega } = await import('../vega/vega.js');
  const heat = vega.scheme('inferno') as (value: number) => string;
  const stops = Array.from({ length: 17 }, (_, at) => (heat(at / 16).match(/\d+/g) ?? []).map(Number));
  const table = (channel: number): string =>
    stops.map((color) => ((color[channel] ?? 0) / 255).toFixed(3)).join(' ');
  const row = 'everywhere' in alpha ? `0 0 0 0 ${alpha.everywhere}` : `${alpha.highest} 0 0 0 0`;
  return html`<filter id="${id}" x="0" y="0" width="1" height="1" color-interpolation-filters="sRGB">
    <feColorMatrix values="1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 ${row}" />
    <feComponentTransfer>
      <feFuncR type="table" tableValues="${table(0)}" />
      <feFuncG type="table" tableValues="${table(1)}" />
      <feFuncB type="table" tableValues="${table(2)}" />
    </feComponentTransfer>
  </filter>`;
}

/** Markup that stands once in a page and is not seen itself. */
export function hidden(content: Markup | readonly Markup[]): Markup {
  return html`<svg width="0" height="0" style="position:absolute" aria-hidden="true">${content}</svg> `;
}

/** An image that fills an SVG of this size: of the data, whose pixels are shown if they are few, or heat, which is smooth. */
export function svgImage(
  { dataUri, width, height }: Pictured,
  kind: 'data' | 'heat',
  attributes?: Markup,
): Markup {
  const pixelated = kind === 'data' && height < SMALL ? html`style="image-rendering:pixelated"` : undefined;
  return html`<image
    width="${width}"
    height="${height}"
    preserveAspectRatio="none"
    href="${dataUri}"
    ${pixelated}
    ${attributes}
  />`;
}
