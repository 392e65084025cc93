import type { JobOptions } from '../progress.js';
import type { Dataset } from './dataset.js';
import type { DatasetConfig } from './datasetConfig.js';
import { type DominoesOptions, parseDominoesOptions } from './dominoesOptions.js';
import { planDominoes } from './dominoesPlan.js';
import { readDigits, readGarments, SOURCE_SIDE } from './dominoesSources.js';
import { drawDataset, type Drawings, Places } from './drawnDataset.js';
import { loadSharp } from './loadSharp.js';
import { ARTICLE_PREPROCESSING } from './preprocessing.js';
import { SPLITS } from './split.js';

export { DEFAULT_DOMINOES } from './defaultDominoes.js';
export { GARMENTS } from './dominoesOptions.js';
export type { DominoesOptions } from './dominoesOptions.js';

/** The side of a tile at the default size: a source image with a border of 2 black pixels. */
const TILE_SIDE = 32;

/**
 * Builds the dominoes benchmark in `folder`: images with a digit (the spurious attribute) above a garment (the
 * class), each a source image centred on a black 32 x 32 tile. For a `size` other than 64 the tiles are resized
 * with sharp's cubic kernel, each on its own, so that they do not bleed into each other.
 *
 * Writes `images/<split>/<group>/<number>.png`, `dataset.json`, `dominoes.json` (the options) and, last and
 * atomically, `metadata.csv`, whose columns garment_id and digit_id tell the source images: an interrupted build is
 * no dataset, and is started over. A finished one with the same options is returned as it is.
 *
 * @throws SpurmemError `USAGE` for options that are wrong, cannot be met, or differ from those of the dataset in the
 *   folder; `OUTPUT_UNWRITABLE` when the folder holds other files (nothing is changed then) or cannot be written;
 *   `DATASET_NOT_FOUND` when MNIST or Fashion-MNIST is not installed; `INTERRUPTED`
 */
export function buildDominoes(
  folder: string,
  options: DominoesOptions,
  job: JobOptions = {},
): Promise<Dataset> {
  const benchmark = {
    noun: 'dominoes',
    task: 'drawing dominoes',
    optionsName: 'dominoes.json',
    parse: parseDominoesOptions,
    plan: planDrawings,
  };
  return drawDataset(benchmark, folder, options, job);
}

async function planDrawings(options: DominoesOptions): Promise<Drawings> {
  const [garments, digits] = await Promise.all([
    readGarments(options.garments, options.fashionMnist),
    readDigits(options.digits),
  ]);
  const plan = planDominoes(
    options,
    garments.map((pool) => pool.length),
    digits.map((pool) => pool.length),
  );
  const places = new Places();
  const side = options.size / 2;
  return {
    config: datasetConfig(options),
    images: plan.map(({ split, y, a, ...chosen }, index) => {
      const garment = garments[y]?.[chosen.garment];
      const digit = digits[a]?.[chosen.digit];
      if (garment === undefined || digit === undefined)
        throw new Error('the plan names an image beyond its pool');
      const filename = `images/${places.next(split, y * options.digits.length + a)}.png`;
      return {
        row: {
          img_id: index,
          img_filename: filename,
          y,
          split: SPLITS.indexOf(split),
          place: a,
          garment_id: garment.id,
          digit_id: digit.id,
        },
        files: [filename],
        draw: async () => {
          const tiles = [makeTile(digit.pixels, side), makeTile(garment.pixels, side)];
          return [await encode(Buffer.concat(await Promise.all(tiles)), options.size)];
        },
      };
    }),
  };
}

/** A source image centred on its black tile, [side, side] uint8. */
async function makeTile(pixels: Buffer, side: number): Promise<Buffer> {
  const tile = Buffer.alloc(TILE_SIDE * TILE_SIDE);
  const border = (TILE_SIDE - SOURCE_SIDE) / 2;
  for (let row = 0; row < SOURCE_SIDE; row++) {
    pixels.copy(tile, (row + border) * TILE_SIDE + border, row * SOURCE_SIDE, (row + 1) * SOURCE_SIDE);
  }
  if (side === TILE_SIDE) return tile;
  const sharp = await loadSharp();
  return sharp(tile, { raw: { width: TILE_SIDE, height: TILE_SIDE, channels: 1 } })
    .resize(side, side, { kernel: 'cubic', fit: 'fill' })
    .toColourspace('b-w')
    .raw()
    .toBuffer();
}

/** An RGB PNG of grey pixels. */
async function encode(grey: Buffer, height: number): Promise<Buffer> {
  const pixels = Buffer.allocUnsafe(grey.length * 3);
  for (const [index, value] of grey.entries()) pixels.fill(value, index * 3, index * 3 + 3);
  const sharp = await loadSharp();
  return sharp(pixels, { raw: { width: height / 2, height, channels: 3 } })
    .png({ compressionLevel: 1 })
    .toBuffer();
}

function datasetConfig(options: DominoesOptions): DatasetConfig {
  return {
    name: 'dominoes',
    targetNames: options.garments,
    spuriousNames: options.digits.map((digit) => `digit ${digit}`),
    // The garment, below the digit.
    coreRegion: [0.5, 0, 0.5, 1],
    // Mirrored or cropped digits are other digits: augmentation would undo the correlation.
    preprocessing: {
      ...ARTICLE_PREPROCESSING,
      resize: null,
      crop: null,
      // Mild crops that keep both halves, in the image's own shape.
      viewAugmentation: {
        randomResizedCrop: { size: [options.size, options.size / 2], scale: [0.8, 1], ratio: [0.45, 0.55] },
        horizontalFlip: 0,
      },
    },
  };
}
