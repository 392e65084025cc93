import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import sharp from 'sharp';
import { TABLE_NAME } from '#src/data/dataset.js';
import { CONFIG_NAME } from '#src/data/datasetConfig.js';
import { buildDominoes, DEFAULT_DOMINOES, GARMENTS } from '#src/data/dominoes.js';
import { readGarments, SOURCE_SIDE, type SourceImage } from '#src/data/dominoesSources.js';
import { ARTICLE_PREPROCESSING } from '#src/data/preprocessing.js';
import type { JobOptions } from '#src/progress.js';
import type { ErmOptions } from '#src/train/recipe.js';
import { isFile } from '#src/train/runFolder.js';
import type { BenchPlace } from './case.js';

const SIDE = 224;
const EVEN = [50, 50, 50, 50];
const FEW = [5, 5, 5, 5];
const PICTURES = 256;
const COLUMNS = 4;
const ROWS = 3;
const TILE = 125;

/** Makes 200 dominoes for training, 50 per group, enlarged to squares of 224 px. Returns the dataset's folder. */
export async function squareDominoes(place: BenchPlace): Promise<string> {
  const counts = { train: EVEN, val: FEW, test: FEW };
  return enlarged(place, { name: `dominoes-${SIDE}`, source: 'dominoes-200', counts, type: 'png' });
}

/** Images of an epoch of `manySquares`. */
export const SQUARES = { train: 12_800, val: 200 } as const;

/**
 * 12,800 rows for training, for epochs on a GPU, of 1,600 dominoes as JPEG squares of 224 px: 50 steps of 256. Returns the dataset's
 * folder.
 */
export async function manySquares(place: BenchPlace): Promise<string> {
  const counts = { train: [760, 40, 40, 760], val: EVEN, test: FEW };
  const ofPlace = {
    name: `dominoes-${SIDE}-jpeg-${SQUARES.train}`,
    source: 'dominoes-1600',
    counts,
    type: 'jpeg',
  } as const;
  return enlarged(place, { ...ofPlace, repeats: SQUARES.train / 1600 });
}

/** Dominoes as squares of 224 px. */
async function enlarged(
  place: BenchPlace,
  { name, source: sourceName, counts, type, repeats = 1 }: Enlarged,
): Promise<string> {
  const folder = join(place.folder, name);
  if (await isFile(join(folder, TABLE_NAME))) return folder;
  const made = join(place.folder, sourceName);
  const source = await buildDominoes(made, { ...DEFAULT_DOMINOES, counts }, jobOf(place));
  const temporary = `${folder}.tmp`;
  await rm(temporary, { recursive: true, force: true });
  for (const { filename } of source.examples) {
    // The table keeps the files' names although the formats differ: both decoders detect the format.
    const path = join(temporary, filename);
    await mkdir(dirname(path), { recursive: true });
    const image = sharp(join(source.folder, filename)).resize(SIDE, SIDE, { fit: 'fill' });
    await (type === 'png' ? image.png() : image.jpeg({ quality: 85 })).toFile(path);
  }
  const preprocessing = { ...ARTICLE_PREPROCESSING, resize: null, crop: null };
  const { targetNames, spuriousNames } = source;
  await writeFile(
    join(temporary, CONFIG_NAME),
    JSON.stringify({ name: source.name, targetNames, spuriousNames, preprocessing }),
  );
  const rows = parse<Record<string, string>>(await readFile(source.table), { columns: true });
  const repeated = rows.flatMap((row) => Array.from({ length: row.split === '0' ? repeats : 1 }, () => row));
  const numbered = repeated.map((row, i) => ({ ...row, img_id: i }));
  await writeFile(join(temporary, TABLE_NAME), stringify(numbered, { header: true }));
  await rename(temporary, folder);
  return folder;
}

function jobOf({ onProgress, onInfo, onWarning, signal }: BenchPlace): JobOptions {
  return { onProgress, onInfo, onWarning, signal };
}

interface Enlarged {
  /** The names of its folder and of the folder of the dominoes that are enlarged. */
  readonly name: string;
  readonly source: string;
  readonly counts: (typeof DEFAULT_DOMINOES)['counts'];
  readonly type: 'png' | 'jpeg';
  /** The number of rows of each image for training; default: 1. */
  readonly repeats?: number;
}

/** A small share of the dominoes at 64 px, for epochs of some seconds. Returns the dataset's folder. */
export async function dominoes(place: BenchPlace): Promise<string> {
  const counts = { train: [700, 37, 11, 212], val: EVEN, test: FEW };
  const options = { ...DEFAULT_DOMINOES, counts };
  return (await buildDominoes(join(place.folder, 'dominoes-960'), options, jobOf(place))).folder;
}

/** 256 pictures of 500 x 375 px as JPEG: each a mosaic of twelve garments in a tint of its own. Returns the dataset's folder. */
export async function pictures({ folder: parent }: BenchPlace): Promise<string> {
  const folder = join(parent, 'pictures');
  if (await isFile(join(folder, TABLE_NAME))) return folder;
  const garments = (await readGarments(GARMENTS)).flat();
  const temporary = `${folder}.tmp`;
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true });
  const rows = ['img_id,img_filename,y,split,place'];
  for (let id = 0; id < PICTURES; id += 1) {
    const filename = `${id}.jpg`;
    const tiles = await Promise.all(
      Array.from({ length: COLUMNS * ROWS }, async (_, i) => {
        const garment = garments[(id * COLUMNS * ROWS + i) * 7] as SourceImage;
        return {
          input: await tile(garment),
          left: (i % COLUMNS) * TILE,
          top: Math.floor(i / COLUMNS) * TILE,
        };
      }),
    );
    const background = { r: (id * 37) % 256, g: (id * 91) % 256, b: (id * 53) % 256 };
    await sharp({ create: { width: COLUMNS * TILE, height: ROWS * TILE, channels: 3, background } })
      .composite(tiles.map((placed) => ({ ...placed, blend: 'screen' })))
      .jpeg({ quality: 90 })
      .toFile(join(temporary, filename));
    rows.push(`${id},${filename},${id % 2},0,${(id >> 1) % 2}`);
  }
  const preprocessing = {
    ...ARTICLE_PREPROCESSING,
    augmentation: {
      randomResizedCrop: { size: [SIDE, SIDE], scale: [0.7, 1], ratio: [3 / 4, 4 / 3] },
      horizontalFlip: 0.5,
    },
  };
  await writeFile(join(temporary, CONFIG_NAME), JSON.stringify({ preprocessing }));
  await writeFile(join(temporary, TABLE_NAME), `${rows.join('\n')}\n`);
  await rename(temporary, folder);
  return folder;
}

/** A source image enlarged to a tile of a picture, as PNG. */
function tile({ pixels }: SourceImage): Promise<Buffer> {
  const raw = { width: SOURCE_SIDE, height: SOURCE_SIDE, channels: 1 } as const;
  return sharp(pixels, { raw }).resize(TILE, TILE).toColourspace('srgb').png().toBuffer();
}

/** A ResNet-50 trained for one epoch on 200 images of 224 px: a run to trace. Returns its folder. */
export async function tracedResnet50(place: BenchPlace): Promise<string> {
  return trained(place, 'resnet50-200', {
    arch: 'resnet50',
    data: await squareDominoes(place),
    batchSize: 50,
  });
}

/** A ResNet-18 trained for one epoch on 960 dominoes. Returns its folder. */
export async function tracedResnet18(place: BenchPlace): Promise<string> {
  return trained(place, 'resnet18-960', { arch: 'resnet18', data: await dominoes(place), batchSize: 64 });
}

/** A run of one epoch from scratch. Returns its folder. */
export async function trained(
  { folder, device, threads, onProgress, signal }: BenchPlace,
  name: string,
  settings: Pick<ErmOptions, 'arch' | 'data' | 'batchSize'>,
): Promise<string> {
  const { trainErm } = await import('#src/train/methods.js');
  const out = join(folder, name);
  const control = { out, resume: true, device, threads, onProgress, signal };
  await trainErm({ ...settings, ...control, epochs: 1, lr: 1e-4, seed: 0 });
  return out;
}

/** A copy of a run without its results, since a trace writes its own. */
export async function copyOfRun(run: string, place: BenchPlace): Promise<string> {
  const copy = join(place.folder, 'traced-run');
  await rm(copy, { recursive: true, force: true });
  for (const part of ['config.json', 'checkpoints', 'results/erm.json']) {
    await mkdir(dirname(join(copy, part)), { recursive: true });
    await cp(join(run, part), join(copy, part), { recursive: true });
  }
  return copy;
}
