import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { decodeRgb } from '../../src/data/decode.js';
import {
  buildDominoes,
  DEFAULT_DOMINOES,
  type DominoesOptions,
  planDominoes,
} from '../../src/data/dominoes.js';
import { readDigits } from '../../src/data/dominoesSources.js';
import { SPLITS } from '../../src/data/split.js';
import type { ProgressEvent } from '../../src/progress.js';
import { contentOf } from '../cli/support.js';
import { failure, put, splitsOf, useTemporaryFolder } from './support.js';

const folder = useTemporaryFolder();
const out = () => join(folder(), 'dominoes');

/** Files in Fashion-MNIST's format with `perClass` images of noise in each of the ten classes. */
async function makeFashion(perClass: number): Promise<string> {
  const path = join(folder(), 'fashion');
  let state = 1;
  for (const [name, count] of [
    ['train', perClass * 8],
    ['t10k', perClass * 2],
  ] as const) {
    const images = Buffer.alloc(16 + count * 784);
    for (const [index, value] of [0x803, count, 28, 28].entries()) images.writeUInt32BE(value, index * 4);
    for (let at = 16; at < images.length; at++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      images[at] = state >>> 24;
    }
    const labels = Buffer.alloc(8 + count);
    labels.writeUInt32BE(0x801, 0);
    labels.writeUInt32BE(count, 4);
    for (let index = 0; index < count; index++) labels[8 + index] = index % 10;
    await put(join(path, `${name}-images-idx3-ubyte.gz`), gzipSync(images, { level: 1 }));
    await put(join(path, `${name}-labels-idx1-ubyte.gz`), gzipSync(labels));
  }
  return path;
}

const COUNTS = { train: [12, 3, 2, 9], val: [4, 4, 4, 4], test: [5, 5, 5, 5] };

async function small(changes: Partial<DominoesOptions> = {}, perClass = 60): Promise<DominoesOptions> {
  return {
    ...DEFAULT_DOMINOES,
    counts: COUNTS,
    fashionMnist: await makeFashion(perClass),
    ...changes,
  };
}

type Row = Readonly<Record<'img_filename' | 'y' | 'split' | 'place' | 'garment_id' | 'digit_id', string>>;

async function readRows(root = out()): Promise<Row[]> {
  return parse(await readFile(join(root, 'metadata.csv')), { columns: true });
}

describe('buildDominoes', () => {
  test('builds a dataset with the counts and names asked for', async () => {
    const options = await small();
    const events: ProgressEvent[] = [];
    const dataset = await buildDominoes(out(), options, { onProgress: (event) => events.push(event) });
    for (const split of SPLITS) expect(dataset.counts[split]).toEqual(options.counts[split]);
    expect(dataset.name).toBe('dominoes');
    expect(dataset.groupNames[1]).toBe('pullover, digit 1');
    expect(dataset.preprocessing).toMatchObject({ resize: null, crop: null, augmentation: null });
    expect(dataset.coreRegion).toEqual([0.5, 0, 0.5, 1]);
    expect(events.at(-1)).toEqual({ task: 'drawing dominoes', done: 62, total: 62, unit: 'images' });
    const files = ['dataset.json', 'dominoes.json', 'images', 'metadata.csv'];
    expect((await readdir(out())).sort()).toEqual(files);
  });

  test('draws the digit above the garment, each on a black border, and shares no source image between splits', async () => {
    await buildDominoes(out(), await small());
    const rows = await readRows();
    const [row] = rows;
    const { pixels, height, width } = await decodeRgb(join(out(), row?.img_filename ?? ''));
    expect([height, width]).toEqual([64, 32]);
    const pool = (await readDigits([Number(row?.place)]))[0];
    const digit = pool?.find(({ id }) => id === Number(row?.digit_id))?.pixels ?? Buffer.alloc(0);
    const parts = ['train', 't10k'].map((part) => join(folder(), 'fashion', `${part}-images-idx3-ubyte.gz`));
    const files = await Promise.all(parts.map((part) => readFile(part)));
    const garments = Buffer.concat(files.map((file) => gunzipSync(file).subarray(16)));
    const garment = garments.subarray(Number(row?.garment_id) * 784);
    // The garments of the fixture have the class of their number's last digit: pullover or coat.
    for (const { garment_id, y } of rows) expect(Number(garment_id) % 10).toBe([2, 4][Number(y)]);
    const grey = Array.from({ length: 64 * 32 }, (_, at) => {
      const [x, y] = [(at % 32) - 2, (Math.floor(at / 32) % 32) - 2];
      const isBorder = Math.min(x, y) < 0 || Math.max(x, y) >= 28;
      return isBorder ? 0 : (at < 32 * 32 ? digit : garment)[y * 28 + x];
    });
    expect([...pixels]).toEqual(grey.flatMap((value) => [value, value, value]));
    // By number and by pixels.
    const ofGarments = splitsOf(rows.map((one) => [one.garment_id, one.split]));
    const ofDigits = splitsOf(rows.map((one) => [`${one.place} ${one.digit_id}`, one.split]));
    const tiles: [string, string][] = [];
    for (const { img_filename, split } of rows) {
      const image = (await decodeRgb(join(out(), img_filename))).pixels;
      const half = image.length / 2;
      for (const tile of [image.subarray(0, half), image.subarray(half)]) {
        tiles.push([createHash('sha256').update(tile).digest('hex'), split]);
      }
    }
    for (const splits of [ofDigits, ofGarments, splitsOf(tiles)]) {
      expect([...splits.values()].every((found) => found.size === 1)).toBe(true);
    }
    expect(ofGarments.size).toBe(rows.length); // the pool is large enough to use each garment once
  });

  test('gives the same bytes for the same seed, others for another, and a finished dataset without drawing it again', async () => {
    const options = await small();
    const again = join(folder(), 'again');
    const other = join(folder(), 'other');
    const built = await buildDominoes(out(), options);
    await buildDominoes(again, options);
    await buildDominoes(other, { ...options, seed: 1 });
    const first = contentOf(out());
    expect(contentOf(again)).toEqual(first);
    expect(contentOf(other)['metadata.csv']).not.toBe(first['metadata.csv']);
    const image = join(out(), built.examples[0]?.filename ?? '');
    const { mtimeNs } = await stat(image, { bigint: true });
    expect(await buildDominoes(out(), options)).toEqual(built);
    expect((await stat(image, { bigint: true })).mtimeNs).toBe(mtimeNs);
    await failure(buildDominoes(out(), { ...options, seed: 5, size: 32 }), 'USAGE', '`size`, `seed` differ');
    expect(contentOf(out())).toEqual(first);
  });

  test('draws other garments, digits and sizes', async () => {
    const counts = { train: [5, 4, 3], val: [1, 1, 1], test: [2, 2, 2] };
    const options = await small({ garments: ['bag', 'shirt', 'ankle-boot'], digits: [7], counts, size: 48 });
    const dataset = await buildDominoes(out(), options);
    expect(dataset.groupNames).toEqual(['bag, digit 7', 'shirt, digit 7', 'ankle-boot, digit 7']);
    const { pixels, height, width } = await decodeRgb(join(out(), dataset.examples[0]?.filename ?? ''));
    expect([height, width]).toEqual([48, 24]);
    expect(Math.max(...pixels)).toBeGreaterThan(100);
  });

  test('is no dataset when interrupted, and starts over', async () => {
    const options = await small();
    await failure(buildDominoes(out(), options, { signal: AbortSignal.abort() }), 'INTERRUPTED');
    expect(existsSync(out())).toBe(false);
    const controller = new AbortController();
    const onProgress = ({ done }: ProgressEvent) => {
      if (done === 9) controller.abort();
    };
    await failure(buildDominoes(out(), options, { onProgress, signal: controller.signal }), 'INTERRUPTED');
    expect(existsSync(join(out(), 'metadata.csv'))).toBe(false);
    await put(join(out(), 'images/train/0/stray.png'), 'x');
    const dataset = await buildDominoes(out(), options);
    expect(dataset.examples).toHaveLength(62);
    expect(existsSync(join(out(), 'images/train/0/stray.png'))).toBe(false);
  });
});

describe('buildDominoes refuses', () => {
  test.each<[string, Partial<DominoesOptions>, string[]]>([
    ['an unknown garment', { garments: ['coat', 'kilt' as 'coat'] }, ['`garments`[1]', 'ankle-boot']],
    ['one garment', { garments: ['coat'] }, ['`garments`', '`counts.train`']],
    ['a garment twice', { garments: ['coat', 'coat'] }, ['`garments`', 'differ']],
    ['no digit', { digits: [] }, ['`digits`', '`counts.train`']],
    ['a digit that is none', { digits: [0, 10] }, ['`digits`[1]']],
    ['an empty group', { counts: { ...COUNTS, val: [1, 0, 1, 1] } }, ['`counts.val`[1]', 'at least 1']],
    ['too few counts', { counts: { ...COUNTS, test: [1, 1] } }, ['`counts.test`', '4 groups']],
    ['an odd size', { size: 65 }, ['`size`']],
    ['a fractional seed', { seed: 0.5 }, ['`seed`']],
    [
      'too many',
      { counts: { ...COUNTS, train: [99999, 1, 1, 1] } },
      ['99999', 'pullover with digit 0 in train'],
    ],
  ])('%s', async (_, changes, parts) => {
    const { parameter } = await failure(buildDominoes(out(), await small(changes)), 'USAGE', ...parts);
    // Fewer garments or digits make the counts wrong as well: then there is more than one to blame.
    const blamed = parts.includes('`counts.train`') ? undefined : Object.keys(changes)[0];
    expect(parameter?.split('.')[0]).toBe(blamed);
    expect(existsSync(out())).toBe(false);
  });

  test('a folder with other files, and a file in its place, and changes nothing', async () => {
    await put(join(out(), 'thesis.txt'), 'x');
    await failure(buildDominoes(out(), await small()), 'OUTPUT_UNWRITABLE', 'thesis.txt');
    const file = join(out(), 'thesis.txt');
    for (const path of [file, join(file, 'data')]) {
      const parts = [`Cannot write ${path}`, /choose another folder/i];
      await failure(buildDominoes(path, await small()), 'OUTPUT_UNWRITABLE', ...parts);
    }
    expect(await readFile(file, 'utf8')).toBe('x');
    expect(await readdir(out())).toEqual(['thesis.txt']);
  });

  test('missing and damaged sources, saying what to install', async () => {
    const options = await small();
    const none = { ...options, fashionMnist: join(folder(), 'none') };
    const parts = ['apt-get install dataset-fashion-mnist', '`fashionMnist`'];
    await failure(buildDominoes(out(), none), 'DATASET_NOT_FOUND', ...parts);

    const damaged = join(folder(), 'damaged');
    await mkdir(damaged);
    await cp(join(folder(), 'fashion'), damaged, { recursive: true });
    const name = join(damaged, 'train-images-idx3-ubyte.gz');
    await writeFile(name, (await readFile(name)).subarray(0, 1000));
    await failure(buildDominoes(out(), { ...options, fashionMnist: damaged }), 'DATASET_INVALID', name);
    await writeFile(name, gzipSync(Buffer.from('not an idx file')));
    await failure(buildDominoes(out(), { ...options, fashionMnist: damaged }), 'DATASET_INVALID');
    expect(existsSync(out())).toBe(false);
  });
});

describe('planDominoes', () => {
  test('meets the default counts from pools of the real sizes, with each garment once', () => {
    const plan = planDominoes(DEFAULT_DOMINOES, [7000, 7000], [1001, 1127]);
    expect(plan).toHaveLength(10_795);
    expect(new Set(plan.map(({ y, garment }) => `${y} ${garment}`)).size).toBe(plan.length);
    for (const splits of [
      splitsOf(plan.map(({ a, digit, split }) => [`${a} ${digit}`, split])),
      splitsOf(plan.map(({ y, garment, split }) => [`${y} ${garment}`, split])),
    ]) {
      expect([...splits.values()].every((found) => found.size === 1)).toBe(true);
    }
  });

  test('uses every pair once, and all images evenly, when the counts take all there is', () => {
    const options: DominoesOptions = {
      ...DEFAULT_DOMINOES,
      digits: [3],
      counts: { train: [24, 24], val: [24, 24], test: [24, 24] },
    };
    const plan = planDominoes(options, [18, 18], [12]); // shares of 6 garments and 4 digits: 24 pairs
    expect(new Set(plan.map(({ y, garment, digit }) => `${y} ${garment} ${digit}`)).size).toBe(144);
    for (const split of SPLITS) {
      const uses = new Map<number, number>();
      for (const { digit } of plan.filter((domino) => domino.split === split)) {
        uses.set(digit, (uses.get(digit) ?? 0) + 1);
      }
      expect([...uses.values()]).toEqual([12, 12, 12, 12]);
    }
  });
});

const hasFashion = existsSync('/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz');

(hasFashion ? test : test.skip)('the real sources give dominoes', async () => {
  const { fashionMnist: _, ...options } = await small();
  const dataset = await buildDominoes(out(), options);
  expect(dataset.examples).toHaveLength(62);
  const rows = await readRows();
  expect(Math.max(...rows.map((row) => Number(row.garment_id)))).toBeGreaterThan(1000);
});
