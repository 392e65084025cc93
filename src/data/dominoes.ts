import { resolve } from 'node:path';
import { mersenne } from 'pure-rand/generator/mersenne';
import { SpurmemError } from '../errors.js';
import type { JobOptions } from '../progress.js';
import { RANGES } from '../settings/ranges.js';
import { whole } from '../settings/schema.js';
import * as z from '../zod.js';
import type { Dataset } from './dataset.js';
import { loadSharp } from './decode.js';
import { GARMENTS, readDigits, readGarments, SOURCE_SIDE, type SourceImage } from './dominoesSources.js';
import { drawDataset, type Drawings, randomOrder, sum } from './drawnDataset.js';
import { parseOptions } from './issues.js';
import { badOption } from './layout.js';
import { ARTICLE_PREPROCESSING } from './preprocessing.js';
import { perSplit, type Split, SPLITS } from './split.js';

export { DEFAULT_DOMINOES, GARMENTS } from './dominoesSources.js';

const distinct = { error: 'the values must differ from each other' };
const isDistinct = (values: readonly unknown[]) => new Set(values).size === values.length;
const groupCounts = z.array(whole(RANGES.count).min(1, { error: 'every group needs at least 1 image' }));

/** Images of each group = y * digits.length + a, in each split. */
export const dominoesCountsSchema = z.strictObject(perSplit(() => groupCounts));

/** Sources and counts of dominoes. */
const dominoesOptionsSchema = z
  .strictObject({
    /** The classes: y is the index in this list. */
    garments: z.array(z.enum(GARMENTS)).min(2).refine(isDistinct, distinct),
    /** The spurious attribute: a is the index in this list. */
    digits: z.array(z.number().int().min(0).max(9)).min(1).refine(isDistinct, distinct),
    counts: dominoesCountsSchema,
    /** Height in pixels; the width is half of it. */
    size: z.number().int().min(16).max(512).multipleOf(2),
    seed: z.number().int().min(0).max(0xffffffff),
    /** The folder of Fashion-MNIST's four gzipped idx files; default: Debian's. */
    fashionMnist: z.string().min(1).optional(),
  })
  .superRefine(({ garments, digits, counts }, context) => {
    const groups = garments.length * digits.length;
    for (const split of SPLITS) {
      const given = counts[split].length;
      if (given === groups) continue;
      context.addIssue({
        code: 'custom',
        path: ['counts', split],
        message:
          `${given} counts for ${groups} groups (${garments.length} garments x ${digits.length} digits): ` +
          'give one per group, garment by garment',
      });
    }
  });
/** The sources of dominoes, their number and their size. */
export type DominoesOptions = z.infer<typeof dominoesOptionsSchema>;

/** The side of a tile at the default size: a source image with a border of 2 black pixels. */
const TILE_SIDE = 32;

/**
 * Builds the dominoes benchmark in `folder`: images with a digit (the spurious attribute) above a garment (the
 * class), each a source image centred on a black 32 x 32 tile. For a `size` other than 64 the tiles are resized
 * with sharp's cubic kernel, each on its own, so that they do not bleed into each other.
 *
 * Writes `images/<split>/<group>/<number>.png`, `dataset.json`, `dominoes.json` (the options) and, last and
 * atomically, `metadata.csv`, whose columns garment_id and digit_id name the source images. An interrupted build is
 * no dataset, and starts over; a finished one with the same options is returned.
 *
 * @throws SpurmemError `USAGE` for options that are wrong, cannot be met, or differ from the options of the dataset in the
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
    files: [(place: string) => `images/${place}.png`],
    parse(given: DominoesOptions): DominoesOptions {
      const parsed = parseOptions(dominoesOptionsSchema, given, 'The dominoes cannot be drawn so');
      const { fashionMnist, ...rest } = parsed;
      return fashionMnist === undefined ? rest : { ...rest, fashionMnist: resolve(fashionMnist) };
    },
    plan: planDrawings,
  };
  return drawDataset(benchmark, folder, options, job);
}

async function planDrawings(options: DominoesOptions): Promise<Drawings> {
  const { size } = options;
  const [garments, digits] = await Promise.all([
    readGarments(options.garments, options.fashionMnist),
    readDigits(options.digits),
  ]);
  const sizesOf = (pools: SourceImage[][]) => pools.map(({ length }) => length);
  const plan = planDominoes(options, sizesOf(garments), sizesOf(digits));
  const images = plan.map(({ split, y, a, ...chosen }) => {
    const garment = garments[y]?.[chosen.garment] as SourceImage;
    const digit = digits[a]?.[chosen.digit] as SourceImage;
    const draw = async () => {
      const tiles = [makeTile(digit.pixels, size / 2), makeTile(garment.pixels, size / 2)];
      return [await encode(Buffer.concat(await Promise.all(tiles)), size)];
    };
    return { split, y, a, columns: { garment_id: garment.id, digit_id: digit.id }, draw };
  });
  const config: Drawings['config'] = {
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
        randomResizedCrop: { size: [size, size / 2], scale: [0.8, 1], ratio: [0.45, 0.55] },
        horizontalFlip: 0,
      },
    },
  };
  return { config, images };
}

/** A source image centred on its black tile, [side, side] uint8. */
async function makeTile(pixels: Uint8Array, side: number): Promise<Buffer> {
  const tile = Buffer.alloc(TILE_SIDE * TILE_SIDE);
  const border = (TILE_SIDE - SOURCE_SIDE) / 2;
  for (let row = 0; row < SOURCE_SIDE; row++) {
    const line = pixels.subarray(row * SOURCE_SIDE, (row + 1) * SOURCE_SIDE);
    tile.set(line, (row + border) * TILE_SIDE + border);
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

/** One image to draw: positions in the pools of its garment's and its digit's class. */
interface Domino {
  readonly split: Split;
  /** Index in `garments`. */
  readonly y: number;
  /** Index in `digits`. */
  readonly a: number;
  readonly garment: number;
  readonly digit: number;
}

/**
 * Chooses the source images of every domino, by the seed alone, split by split and group by group. Each class's pool is
 * shuffled and shared out between the splits in proportion to what they need, so no source image is in two splits. Within a
 * split and a class, images are taken in turn: none a second time before all were taken. No pair of a digit and a garment
 * occurs twice. Throws `USAGE` when the pools, given by their sizes, are too small for the counts.
 */
export function planDominoes(
  options: DominoesOptions,
  garmentPools: readonly number[],
  digitPools: readonly number[],
): Domino[] {
  const { garments, digits, counts, seed } = options;
  const random = mersenne(seed);
  const count = (split: Split, y: number, a: number) => counts[split][y * digits.length + a] ?? 0;
  const garmentTurns = garments.map((garment, y) => {
    const needs = perSplit((split) => sum(digits.map((_, a) => count(split, y, a))));
    return shareOut(garment, randomOrder(random, garmentPools[y] ?? 0), needs);
  });
  const digitTurns = digits.map((digit, a) => {
    const needs = perSplit((split) => sum(garments.map((_, y) => count(split, y, a))));
    return shareOut(`digit ${digit}`, randomOrder(random, digitPools[a] ?? 0), needs);
  });

  return SPLITS.flatMap((split) =>
    garments.flatMap((garment, y) =>
      digits.flatMap((digit, a) => {
        const names = `${garment} with digit ${digit} in ${split}`;
        const [ofGarment, ofDigit] = [garmentTurns[y]?.[split] as Turns, digitTurns[a]?.[split] as Turns];
        const pairs = pairUp(ofGarment, ofDigit, count(split, y, a), names);
        return pairs.map((pair): Domino => ({ split, y, a, ...pair }));
      }),
    ),
  );
}

/** A split's share of a pool, and the next position in it. */
interface Turns {
  readonly share: readonly number[];
  position: number;
}

/** Cuts a shuffled pool into one share per split, in proportion to the needs and at least 1. */
function shareOut(
  name: string,
  pool: readonly number[],
  needs: Readonly<Record<Split, number>>,
): Record<Split, Turns> {
  if (pool.length < SPLITS.length) {
    const problem = `There are only ${pool.length} different images of ${name}, too few to give each split its own.`;
    throw new SpurmemError('USAGE', problem, { advice: ['Choose another.'] });
  }
  const total = sum(Object.values(needs));
  const sizes = perSplit((split) => Math.max(1, Math.floor((pool.length * needs[split]) / total)));
  // Raising a share to 1 may have overdrawn the pool: the largest share makes up for it.
  const most = Math.max(...Object.values(sizes));
  const largest = SPLITS.find((split) => sizes[split] === most) ?? 'train';
  sizes[largest] -= Math.max(0, sum(Object.values(sizes)) - pool.length);
  let start = 0;
  return perSplit((split) => {
    const share = pool.slice(start, start + sizes[split]);
    start += sizes[split];
    return { share, position: 0 };
  });
}

/**
 * Takes `count` garments and digits in turn. Both turns together repeat after lcm(garments, digits) pairs; moving the
 * digits on by one then gives new pairs again, until all garments x digits pairs were taken.
 */
function pairUp(
  garments: Turns,
  digits: Turns,
  count: number,
  names: string,
): { garment: number; digit: number }[] {
  const [numGarments, numDigits] = [garments.share.length, digits.share.length];
  if (count > numGarments * numDigits) {
    const problem =
      `\`counts\` ask for ${count} different images of ${names}, but its ${numGarments} garments and ${numDigits} ` +
      `digits make only ${numGarments * numDigits}.`;
    throw badOption(
      'counts',
      undefined,
      problem,
      "Lower that count, or the other splits' to leave it a larger share.",
    );
  }
  const period = (numGarments / greatestCommonDivisor(numGarments, numDigits)) * numDigits;
  const pairs = Array.from({ length: count }, (_, index) => ({
    garment: garments.share[(garments.position + index) % numGarments] ?? 0,
    digit: digits.share[(digits.position + index + Math.floor(index / period)) % numDigits] ?? 0,
  }));
  garments.position += count;
  digits.position += count + Math.floor(count / period);
  return pairs;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** Every garment and digit that a benchmark does not use, each pair equally often. */
export function unusedDominoes(benchmark: DominoesOptions): DominoesOptions {
  const garments = GARMENTS.filter((garment) => !benchmark.garments.includes(garment));
  const digits = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].filter((digit) => !benchmark.digits.includes(digit));
  const each = (count: number): number[] => new Array<number>(garments.length * digits.length).fill(count);
  return { ...benchmark, garments, digits, counts: { train: each(60), val: each(5), test: each(5) } };
}
