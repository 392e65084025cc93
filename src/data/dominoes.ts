import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'csv-stringify/sync';
import sharp from 'sharp';
import writeFileAtomic from 'write-file-atomic';
import { messageOf, SpurmemError, systemCode } from '../errors.js';
import { type JobOptions, throwIfAborted } from '../progress.js';
import { buildOnce, LOCK_NAME } from './buildOnce.js';
import { loadDataset, TABLE_NAME } from './dataset.js';
import type { Dataset } from './dataset.js';
import { CONFIG_NAME } from './datasetConfig.js';
import type { DatasetConfig } from './datasetConfig.js';
import { parseDominoesOptions } from './dominoesOptions.js';
import type { DominoesOptions } from './dominoesOptions.js';
import { planDominoes } from './dominoesPlan.js';
import type { Domino } from './dominoesPlan.js';
import { readDigits, readGarments, SOURCE_SIDE } from './dominoesSources.js';
import type { SourceImage } from './dominoesSources.js';
import { mapOrdered } from './ordered.js';
import { IMAGENET_MEAN, IMAGENET_STD } from './preprocessing.js';
import { SPLITS } from './split.js';
import { makeFolder, unwritable } from '../files.js';

export { DEFAULT_DOMINOES, dominoesOptionsSchema, GARMENTS } from './dominoesOptions.js';
export type { DominoesOptions, Garment } from './dominoesOptions.js';

const OPTIONS_NAME = 'dominoes.json';
const IMAGES_NAME = 'images';
const TASK = 'drawing dominoes';

/** The side of a tile at the default size: a source image with a border of 2 black pixels. */
const TILE_SIDE = 32;
const DRAWING = 8;

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
export async function buildDominoes(
  folder: string,
  options: DominoesOptions,
  job: JobOptions = {},
): Promise<Dataset> {
  const root = resolve(folder);
  const wanted = parseDominoesOptions(options);
  throwIfAborted(job.signal, TASK);
  if (await checkFolder(root, wanted)) return loadDataset(root);
  // All that can be refused is, before anything is written.
  const drawings = await planDrawings(wanted);
  await makeFolder(root);
  return buildOnce(
    root,
    {
      task: TASK,
      ready: async () => ((await checkFolder(root, wanted)) ? loadDataset(root) : undefined),
      build: async () => {
        try {
          await draw(root, wanted, drawings, job);
        } catch (error) {
          throw unwritable(error, root);
        }
        return loadDataset(root);
      },
    },
    job.signal,
  );
}

/** Whether the folder holds the finished dataset; false when it can be built there. */
async function checkFolder(root: string, wanted: DominoesOptions): Promise<boolean> {
  let names: string[];
  try {
    names = await readdir(root);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw unwritable(error, root);
  }
  if (!names.includes(OPTIONS_NAME)) {
    const foreign = names.find((name) => name !== LOCK_NAME && !name.startsWith(`${OPTIONS_NAME}.`));
    if (foreign === undefined) return false;
    throw new SpurmemError(
      'OUTPUT_UNWRITABLE',
      `${root}: the folder holds other files, such as ${foreign}, and no dominoes.`,
      { parameter: 'data', value: root, advice: ['Choose a new or empty folder.'] },
    );
  }
  const found = await readOptions(join(root, OPTIONS_NAME));
  if (!isDeepStrictEqual(found, wanted)) {
    const keys = Object.keys({ ...found, ...wanted }) as (keyof DominoesOptions)[];
    const differing = keys
      .filter((key) => !isDeepStrictEqual(found[key], wanted[key]))
      .map((key) => `\`${key}\``);
    throw new SpurmemError(
      'USAGE',
      `${root}: the folder holds dominoes drawn with other options (${differing.join(', ')} differ; see ` +
        `${OPTIONS_NAME} there).`,
      { advice: ['Choose another folder, give the same options, or remove the folder.'] },
    );
  }
  return names.includes(TABLE_NAME);
}

interface StoredOptions extends DominoesOptions {
  readonly fashionFolder?: string;
}

async function readOptions(path: string): Promise<DominoesOptions> {
  try {
    // fashionMnist was called fashionFolder once.
    const { fashionFolder, ...options } = JSON.parse(await readFile(path, 'utf8')) as StoredOptions;
    return parseDominoesOptions(
      fashionFolder === undefined ? options : { ...options, fashionMnist: fashionFolder },
    );
  } catch (error) {
    throw new SpurmemError(
      'OUTPUT_UNWRITABLE',
      `${path}: not the options of a dominoes build: ${messageOf(error)}. Choose another folder.`,
      { cause: error },
    );
  }
}

/** One image to write, with what its row of the table tells. */
interface Drawing {
  readonly domino: Domino;
  readonly filename: string;
  readonly garment: SourceImage;
  readonly digit: SourceImage;
}

/** Chooses every image's source images, and names its file. */
async function planDrawings(options: DominoesOptions): Promise<Drawing[]> {
  const [garments, digits] = await Promise.all([
    readGarments(options.garments, options.fashionMnist),
    readDigits(options.digits),
  ]);
  const plan = planDominoes(
    options,
    garments.map((pool) => pool.length),
    digits.map((pool) => pool.length),
  );
  const drawn = new Map<string, number>();
  return plan.map((domino) => {
    const garment = garments[domino.y]?.[domino.garment];
    const digit = digits[domino.a]?.[domino.digit];
    if (garment === undefined || digit === undefined)
      throw new Error('the plan names an image beyond its pool');
    const folder = `${IMAGES_NAME}/${domino.split}/${domino.y * options.digits.length + domino.a}`;
    const number = drawn.get(folder) ?? 0;
    drawn.set(folder, number + 1);
    return { domino, filename: `${folder}/${String(number).padStart(5, '0')}.png`, garment, digit };
  });
}

async function draw(
  root: string,
  options: DominoesOptions,
  drawings: readonly Drawing[],
  { onProgress, signal }: JobOptions,
): Promise<void> {
  await writeFileAtomic(join(root, OPTIONS_NAME), toJson(options));
  await rm(join(root, IMAGES_NAME), { recursive: true, force: true }); // of an interrupted build
  for (const folder of new Set(drawings.map(({ filename }) => dirname(filename)))) {
    await makeFolder(join(root, folder));
  }
  const side = options.size / 2;
  const write = async ({ filename, garment, digit }: Drawing) => {
    const [upper, lower] = await Promise.all([makeTile(digit.pixels, side), makeTile(garment.pixels, side)]);
    await writeFile(join(root, filename), await encode(upper, lower, options.size));
  };
  const report = (done: number) => onProgress?.({ task: TASK, done, total: drawings.length, unit: 'images' });
  let done = 0;
  report(done);
  for await (const _ of mapOrdered(drawings, DRAWING, write)) {
    throwIfAborted(signal, TASK);
    report(++done);
  }
  await writeFileAtomic(join(root, CONFIG_NAME), toJson(datasetConfig(options)));
  await writeFileAtomic(join(root, TABLE_NAME), toTable(drawings));
}

/** A source image centred on its black tile, [side, side] uint8. */
async function makeTile(pixels: Buffer, side: number): Promise<Buffer> {
  const tile = Buffer.alloc(TILE_SIDE * TILE_SIDE);
  const border = (TILE_SIDE - SOURCE_SIDE) / 2;
  for (let row = 0; row < SOURCE_SIDE; row++) {
    pixels.copy(tile, (row + border) * TILE_SIDE + border, row * SOURCE_SIDE, (row + 1) * SOURCE_SIDE);
  }
  if (side === TILE_SIDE) return tile;
  return sharp(tile, { raw: { width: TILE_SIDE, height: TILE_SIDE, channels: 1 } })
    .resize(side, side, { kernel: 'cubic', fit: 'fill' })
    .toColourspace('b-w')
    .raw()
    .toBuffer();
}

/** An RGB PNG with one tile above the other. */
async function encode(upper: Buffer, lower: Buffer, height: number): Promise<Buffer> {
  const grey = Buffer.concat([upper, lower]);
  const pixels = Buffer.allocUnsafe(grey.length * 3);
  for (const [index, value] of grey.entries()) pixels.fill(value, index * 3, index * 3 + 3);
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
    preprocessing: {
      resize: null,
      crop: null,
      mean: [...IMAGENET_MEAN],
      std: [...IMAGENET_STD],
      // Mirrored or cropped digits are other digits: augmentation would undo the correlation.
      augmentation: null,
      // Mild crops that keep both halves, in the image's own shape.
      viewAugmentation: {
        randomResizedCrop: { size: [options.size, options.size / 2], scale: [0.8, 1], ratio: [0.45, 0.55] },
        horizontalFlip: 0,
      },
    },
  };
}

function toTable(drawings: readonly Drawing[]): string {
  const rows = drawings.map(({ domino, filename, garment, digit }, index) => ({
    img_id: index,
    img_filename: filename,
    y: domino.y,
    split: SPLITS.indexOf(domino.split),
    place: domino.a,
    garment_id: garment.id,
    digit_id: digit.id,
  }));
  return stringify(rows, { header: true });
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
