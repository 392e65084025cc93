import { type SampleImage, toSampleImage } from '../../../data/dataDescription.js';
import { loadSharp } from '../../../data/decode.js';
import type { AtlasNeuron, AtlasResult, Flip, StrongImage } from '../../../experiments/atlas/atlasResult.js';
import { firstOfGroups } from '../../../experiments/atlas/shownFlips.js';
import { placeText } from '../../../neurons/neuron.js';
import { colorTable, decode, type Picture } from '../gradCam/overlays.js';

/** The atlas's part of a page at most, in characters. */
const MOST_CHARACTERS = 1_400_000;
/** Heights in pixels and qualities of WebP, of which the first is taken by which the pictures fit. */
const STEPS = [
  { height: 128, quality: 80 },
  { height: 96, quality: 70 },
  { height: 96, quality: 50 },
  { height: 80, quality: 45 },
  { height: 64, quality: 40 },
  { height: 48, quality: 35 },
] as const;
/** Images lower than this in pixels are enlarged by whole factors. */
const LEAST_HEIGHT = 96;
/** The weight of the strongest activation over the image. */
const OPACITY = 0.8;

const SOURCE = { file: 'results/neuron-atlas.json', command: 'spurmem neurons' };

/** The pictures of an atlas. */
export interface AtlasPictures {
  readonly strongest: (neuron: AtlasNeuron, image: StrongImage) => SampleImage | undefined;
  readonly flipped: (flip: Flip) => SampleImage | undefined;
  /** Pictures that did not fit. */
  readonly leftOut: number;
}

/**
 * Draws activations and frames over the images of an atlas, smaller where there are many. Throws `RUN_INVALID` where an image cannot be
 * decoded.
 *
 * @param neurons those that are shown
 */
export async function drawAtlas(
  { pictures, inputSize }: AtlasResult,
  neurons: readonly AtlasNeuron[],
  most = MOST_CHARACTERS,
): Promise<AtlasPictures> {
  const images = new Map<number, Picture>();
  for (const { example, image, filename } of pictures) {
    images.set(example, await enlarged(await decode(image.dataUri, 3, SOURCE, filename)));
  }
  const colors = colorTable();
  const drawn = new Map<string, { readonly picture: Picture; uses: number }>();
  const want = async (key: string, draw: () => Promise<Picture | undefined>): Promise<void> => {
    const known = drawn.get(key);
    if (known) known.uses += 1;
    const picture = known ? undefined : await draw();
    if (picture) drawn.set(key, { picture, uses: 1 });
  };
  const wantStrongest = async (neuron: AtlasNeuron, list: readonly StrongImage[]): Promise<void> => {
    for (const image of list) {
      await want(keyOf(neuron, image), async () => {
        const base = images.get(image.example);
        return base && overlay(base, image, inputSize, colors);
      });
    }
  };
  // The first ones are kept where not all fit.
  for (const neuron of neurons) await wantStrongest(neuron, neuron.strongest);
  for (const { flips } of neurons) {
    for (const { example } of firstOfGroups(flips)) {
      await want(`flip ${example}`, () => Promise.resolve(images.get(example)));
    }
  }
  for (const neuron of neurons) {
    for (const list of neuron.strongestOfGroups) await wantStrongest(neuron, list);
  }
  const { encoded, leftOut } = await encodeAll(drawn, most);
  return {
    strongest: (neuron, image) => encoded.get(keyOf(neuron, image)),
    flipped: ({ example }) => encoded.get(`flip ${example}`),
    leftOut,
  };
}

function keyOf(neuron: AtlasNeuron, { example }: StrongImage): string {
  return `${placeText(neuron)} ${example}`;
}

/** Encodes pictures so that all their uses fit into so many characters, if need be without the last ones. */
async function encodeAll(
  pictures: ReadonlyMap<string, { readonly picture: Picture; readonly uses: number }>,
  most: number,
): Promise<{ encoded: Map<string, SampleImage>; leftOut: number }> {
  let encoded = new Map<string, SampleImage>();
  const sizeOf = ([key, { dataUri }]: readonly [string, SampleImage]): number =>
    (pictures.get(key)?.uses ?? 0) * dataUri.length;
  for (const step of STEPS) {
    encoded = new Map(
      await Promise.all(
        [...pictures].map(async ([key, { picture }]) => [key, await encode(picture, step)] as const),
      ),
    );
    if ([...encoded].reduce((sum, entry) => sum + sizeOf(entry), 0) <= most) return { encoded, leftOut: 0 };
  }
  let sum = 0;
  const fitting = [...encoded].filter((entry) => (sum += sizeOf(entry)) <= most);
  return { encoded: new Map(fitting), leftOut: encoded.size - fitting.length };
}

async function encode(
  { pixels, width, height }: Picture,
  step: (typeof STEPS)[number],
): Promise<SampleImage> {
  const sharp = await loadSharp();
  const { data, info } = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .resize({ height: Math.min(height, step.height) })
    .webp({ quality: step.quality })
    .toBuffer({ resolveWithObject: true });
  return toSampleImage(data, info, 'webp');
}

async function enlarged({ pixels, width, height }: Picture): Promise<Picture> {
  const factor = Math.ceil(LEAST_HEIGHT / height);
  if (factor === 1) return { pixels, width, height };
  const sharp = await loadSharp();
  const size = { width: factor * width, height: factor * height };
  const image = sharp(pixels, { raw: { width, height, channels: 3 } });
  return {
    ...size,
    pixels: await image
      .resize({ ...size, kernel: 'nearest' })
      .raw()
      .toBuffer(),
  };
}

/** The activation over the image, the stronger the less of the image is left, and the frame. */
async function overlay(
  base: Picture,
  { map, frame, filename }: StrongImage,
  [inputHeight, inputWidth]: AtlasResult['inputSize'],
  colors: readonly (readonly number[])[],
): Promise<Picture> {
  const { width, height } = base;
  const pixels = Buffer.from(base.pixels);
  if (map !== null) {
    const cells = await decode(map, 1, SOURCE, filename);
    const sharp = await loadSharp();
    const heat = await sharp(cells.pixels, {
      raw: { width: cells.width, height: cells.height, channels: 1 },
    })
      .resize({ width, height, fit: 'fill', kernel: 'cubic' })
      .toColourspace('b-w')
      .raw()
      .toBuffer();
    for (const [at, value] of heat.entries()) {
      const weight = (OPACITY * value) / 255;
      const color = colors[value] ?? [];
      for (const channel of [0, 1, 2]) {
        const place = 3 * at + channel;
        pixels[place] = Math.round((1 - weight) * (pixels[place] ?? 0) + weight * (color[channel] ?? 0));
      }
    }
  }
  if (frame !== null) {
    const [down, across] = [height / inputHeight, width / inputWidth];
    // Around what it frames where there is room. Dark around light, which is seen on every image.
    const around = (room: number): Box => ({
      top: Math.max(2 - room, Math.round(frame.top * down) - room),
      left: Math.max(2 - room, Math.round(frame.left * across) - room),
      bottom: Math.min(height - 2 + room, Math.round((frame.top + frame.height) * down) + room),
      right: Math.min(width - 2 + room, Math.round((frame.left + frame.width) * across) + room),
    });
    outline(pixels, width, around(2), 0);
    outline(pixels, width, around(1), 255);
  }
  return { pixels, width, height };
}

interface Box {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

function outline(pixels: Buffer, width: number, { top, left, bottom, right }: Box, grey: number): void {
  for (let row = top; row < bottom; row += 1) {
    const isEdge = row === top || row === bottom - 1;
    for (let column = left; column < right; column += isEdge ? 1 : right - 1 - left) {
      pixels.fill(grey, 3 * (row * width + column), 3 * (row * width + column) + 3);
    }
  }
}
