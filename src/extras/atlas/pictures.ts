import { heatFilter, hidden, svgImage } from '../../report/html/heat.js';
import { html, Markup } from '../../report/html/html.js';
import type { AtlasResult, StrongImage } from './result.js';

/** The weight of the strongest activation over the image. */
const OPACITY = 0.8;

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
  const [height, width] = inputSize;
  const known = new Set(pictures.map(({ example }) => example));
  const shared = html`<style>
      ${new Markup(STYLE)}
    </style>
    ${hidden([
      await heatFilter('heat', { highest: OPACITY }),
      ...pictures.map(({ example, image: { dataUri } }) =>
        svgImage({ dataUri, width, height }, 'data', html`id="picture-${example}"`),
      ),
    ])}`;
  return {
    shared,
    of: ({ example, map = null, frame = null }, alt) => {
      if (!known.has(example)) return undefined;
      const box =
        frame &&
        html`<rect x="${frame.left}" y="${frame.top}" width="${frame.width}" height="${frame.height}" />`;
      return html`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${alt}">
        <use href="#picture-${example}" />
        ${map === null ? undefined : svgImage({ dataUri: map, width, height }, 'heat', html`filter="url(#heat)"`)}
        ${box ?? undefined} ${box ?? undefined}
      </svg>`;
    },
  };
}
