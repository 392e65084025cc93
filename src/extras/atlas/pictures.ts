import { html, Markup } from '../../report/html/html.js';
import type { AtlasResult, StrongImage } from './result.js';

/** The weight of the strongest activation over the image. */
const OPACITY = 0.8;
/** Images lower than this in pixels show their pixels instead of a blur. */
const SMALL = 96;

/** The frame is dark around light, which is seen on every image. */
const STYLE = `.strip svg { height: 96px; max-width: 80vw; border-radius: 6px; border: 1px solid var(--line); }
.strip svg rect { fill: none; vector-effect: non-scaling-stroke; stroke: #fff; stroke-width: 1.5; }
.strip svg rect:first-of-type { stroke: #000; stroke-width: 3.5; }`;

/** The pictures of an atlas. */
export interface AtlasPictures {
  /** Stands once before the pictures: each image, and how activation becomes colour. */
  readonly shared: Markup;
  /** An image with the activation over it and the frame, if it has them. */
  readonly of: (
    image: { readonly example: number } & Partial<Pick<StrongImage, 'map' | 'frame'>>,
    alt: string,
  ) => Markup | undefined;
}

/** Lays activations and frames over the images of an atlas; the browser draws them. */
export async function atlasPictures({ pictures, inputSize }: AtlasResult): Promise<AtlasPictures> {
  // Loaded where it is needed: a command's help does without.
  const { vega } = await import('../../report/vega/vega.js');
  const heat = vega.scheme('inferno') as (value: number) => string;
  const stops = Array.from({ length: 17 }, (_, at) => (heat(at / 16).match(/\d+/g) ?? []).map(Number));
  const table = (channel: number): string =>
    stops.map((color) => ((color[channel] ?? 0) / 255).toFixed(3)).join(' ');
  const [height, width] = inputSize;
  const known = new Set(pictures.map(({ example }) => example));
  const whole = html`width="${width}" height="${height}" preserveAspectRatio="none"`;
  const shared = html`<style>
      ${new Markup(STYLE)}
    </style>
    <svg width="0" height="0" style="position:absolute" aria-hidden="true">
      <filter id="heat" x="0" y="0" width="1" height="1" color-interpolation-filters="sRGB">
        <feColorMatrix values="1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 ${OPACITY} 0 0 0 0" />
        <feComponentTransfer>
          <feFuncR type="table" tableValues="${table(0)}" />
          <feFuncG type="table" tableValues="${table(1)}" />
          <feFuncB type="table" tableValues="${table(2)}" />
        </feComponentTransfer>
      </filter>
      ${pictures.map(
        ({ example, image }) =>
          html`<image
            id="picture-${example}"
            ${whole}
            href="${image.dataUri}"
            ${image.height < SMALL ? html`style="image-rendering:pixelated"` : undefined}
          />`,
      )}
    </svg>`;
  return {
    shared,
    of: ({ example, map = null, frame = null }, alt) => {
      if (!known.has(example)) return undefined;
      const box =
        frame &&
        html`<rect x="${frame.left}" y="${frame.top}" width="${frame.width}" height="${frame.height}" />`;
      return html`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${alt}">
        <use href="#picture-${example}" />
        ${map === null ? undefined : html`<image ${whole} filter="url(#heat)" href="${map}" />`}
        ${box ?? undefined} ${box ?? undefined}
      </svg>`;
    },
  };
}
