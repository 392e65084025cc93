import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import sharp from 'sharp';
import { composeDataset } from '../../src/data/compose/compose.js';
import { composeImage, inPlace, placeCutOut, readMask, shapeOf } from '../../src/data/compose/cutOut.js';
import { type ComposeOptions, parseComposeOptions } from '../../src/data/compose/options.js';
import { isWaterBird, WATERBIRDS_COUNTS } from '../../src/data/compose/waterbirds.js';
import { decodeRgb } from '../../src/data/decode.js';
import type { ErrorCode } from '../../src/errors.js';
import { contentOf } from '../cli/support.js';
import { expectWithin } from '../parity/compare.js';
import { failure, put, putImage, splitsOf, useTemporaryFolder } from './support.js';

const folder = useTemporaryFolder();
const out = (name = 'out'): string => join(folder(), name);

type Color = readonly [number, number, number];
const SIZE = { width: 48, height: 40 };
const RED: Color = [220, 30, 30];
const YELLOW: Color = [220, 220, 30];
const GREEN: Color = [30, 120, 40];
const BLUE: Color = [30, 60, 160];

const table = (): string => join(folder(), 'things.csv');
const THINGS = { apple: RED, lemon: YELLOW };

/** The photograph of a thing: an ellipse of a color on grey, [12, 8] to [36, 32]. */
async function photograph(color: Color): Promise<Buffer> {
  return draw((inside) => (inside ? color : [128, 128, 128]));
}

async function draw(color: (inside: boolean, x: number) => readonly number[]): Promise<Buffer> {
  const pixels = Buffer.from(
    Array.from({ length: SIZE.width * SIZE.height }, (_, at) => {
      const [x, y] = [at % SIZE.width, Math.floor(at / SIZE.width)];
      return [...color(((x - 23.5) / 12) ** 2 + ((y - 19.5) / 12) ** 2 <= 1, x)];
    }).flat(),
  );
  const channels = (pixels.length / SIZE.width / SIZE.height) as 1 | 3 | 4;
  return sharp(pixels, { raw: { ...SIZE, channels } })
    .png()
    .toBuffer();
}

const mask = (): Promise<Buffer> => draw((inside) => [inside ? 255 : 0]);

async function plain([r, g, b]: Color, quality = 100): Promise<Buffer> {
  return sharp({ create: { width: 60, height: 30, channels: 3, background: { r, g, b } } })
    .jpeg({ quality })
    .toBuffer();
}

/** The quality by the first table of a JPEG file (marker DQT), by which its quality is known. */
function firstQuantizer(file: Buffer): number | undefined {
  return file[file.indexOf(Buffer.of(0xff, 0xdb)) + 5];
}

/** Red and yellow things with their masks, the table of them, and folders of green and blue scenes. */
async function sources(perClass = 20, perPlace = 60): Promise<void> {
  const rows = ['image,mask,class,other'];
  const shape = await mask();
  for (const [name, color] of Object.entries(THINGS)) {
    const photo = await photograph(color);
    for (let i = 0; i < perClass; i += 1) {
      await put(join(folder(), 'things', name, `${i}.png`), photo);
      await put(join(folder(), 'masks', name, `${i}.png`), shape);
      rows.push(`things/${name}/${i}.png,masks/${name}/${i}.png,${name},x`);
    }
  }
  await put(table(), `${rows.join('\n')}\nx.png,x.png,plum,x\n`);
  const [field, lake] = [await plain(GREEN), await plain(BLUE)];
  for (let i = 0; i < perPlace; i += 1) {
    await put(join(folder(), 'scenes', 'field', `${i % 2}`, `${i}.jpg`), field);
    await put(join(folder(), 'scenes', 'lake', `${i}.jpg`), lake);
  }
}

/** A class or a place of one folder, by default that of its name. */
const named = (name: string, folder = name) => ({ name, of: [folder] });

const options = (changes: Partial<ComposeOptions> = {}): ComposeOptions => ({
  foregrounds: folder(),
  table: table(),
  scenes: join(folder(), 'scenes'),
  classes: [named('apple'), named('lemon')],
  places: [named('field'), named('lake')],
  agreement: 0.9,
  size: 32,
  foregroundSize: 0.5,
  ...changes,
});

type Row = Readonly<
  Record<'img_filename' | 'y' | 'split' | 'place' | 'foreground' | 'place_filename', string>
>;

const rowsOf = async (root = out()): Promise<Row[]> =>
  parse(await readFile(join(root, 'metadata.csv')), { columns: true });

/** The color of a pixel of a composed image. */
async function colorAt(path: string, x: number, y: number): Promise<number[]> {
  const { pixels, width } = await decodeRgb(path);
  return [...pixels.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
}

const distance = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? Number.NaN))));

describe('composeDataset', () => {
  test('lays every class on the scenes of its groups, and no part is in two splits', async () => {
    await sources();
    const dataset = await composeDataset(out(), options());
    expect(dataset.counts).toEqual({ train: [11, 1, 1, 11], val: [1, 1, 1, 1], test: [3, 3, 3, 3] });
    expect(dataset.groupNames).toEqual(['apple, field', 'apple, lake', 'lemon, field', 'lemon, lake']);
    expect(dataset.minorityGroups).toEqual([1, 2]);
    const rows = await rowsOf();
    expect(rows).toHaveLength(40);
    expect(new Set(rows.map((row) => row.foreground)).size).toBe(40);
    expect(new Set(rows.map((row) => row.place_filename)).size).toBe(40);
    for (const { img_filename, y, place, foreground, place_filename } of rows) {
      const path = join(out(), img_filename);
      expect(distance(await colorAt(path, 16, 16), y === '0' ? RED : YELLOW)).toBeLessThan(12);
      expect(distance(await colorAt(path, 2, 2), place === '0' ? GREEN : BLUE)).toBeLessThan(12);
      expect(foreground).toContain(y === '0' ? 'things/apple/' : 'things/lemon/');
      expect(place_filename).toContain(place === '0' ? 'field/' : 'lake/');
      const mask = await decodeRgb(join(out(), 'masks', img_filename.replace('.jpg', '.png')));
      const { box } = shapeOf({ ...mask, data: Buffer.from(mask.pixels.filter((_, i) => i % 3 === 0)) });
      // Half of 32 px, in the middle.
      expect([box.width, box.left]).toEqual([16, 8]);
      expect(Math.abs(box.top - 8)).toBeLessThanOrEqual(1);
    }
  });

  test('paired: in validation and test each foreground lies on every place, alike', async () => {
    await sources();
    const dataset = await composeDataset(out(), options({ paired: true, agreement: 1 }));
    expect(dataset.counts).toEqual({ train: [12, 0, 0, 12], val: [2, 2, 2, 2], test: [6, 6, 6, 6] });
    const rows = await rowsOf();
    for (const [foreground, splits] of splitsOf(rows.map((row) => [row.foreground, row.split]))) {
      expect(splits.size).toBe(1);
      const places = rows.filter((row) => row.foreground === foreground).map(({ place }) => place);
      expect(places).toEqual(splits.has('0') ? [expect.any(String)] : ['0', '1']);
    }
    expect(new Set(rows.map((row) => row.place_filename)).size).toBe(rows.length);
  });

  test('takes photographs and scenes without color, in four inks, and masks of 16 bits', async () => {
    await sources();
    const [apple, grey, inks, deep] = ['things/apple/0.png', 'grey.png', 'inks.jpg', 'deep.png'].map((name) =>
      join(folder(), name),
    ) as [string, string, string, string];
    await sharp(apple).greyscale().toColourspace('b-w').png().toFile(grey);
    await sharp(apple).toColourspace('cmyk').jpeg({ quality: 100 }).toFile(inks);
    const bits = sharp(await mask()).toColourspace('grey16');
    await bits.png().toFile(deep);
    const scene = join(folder(), 'scenes', 'lake', '0.jpg');
    const at = placeCutOut(shapeOf(await readMask(apple, deep)), 32, 0.5);
    const path = join(folder(), 'composed.jpg');
    const centerOf = async (image: string): Promise<number[]> => {
      await put(path, (await composeImage({ image, mask: deep }, scene, at, 100))[0]);
      expect(distance(await colorAt(path, 2, 2), BLUE)).toBeLessThan(12);
      return colorAt(path, 16, 16);
    };
    expect(distance(await centerOf(apple), RED)).toBeLessThan(12);
    const [red = 0, ...others] = await centerOf(grey);
    expect(distance(others, [red, red])).toBeLessThan(4);
    // Four inks do not hold every red.
    expect(distance(await centerOf(inks), RED)).toBeLessThan(60);
  });

  test('draws the same for the same seed, another for another, and a finished one not again', async () => {
    await sources(6, 20);
    const first = await composeDataset(out(), options());
    await composeDataset(out('again/out'), options());
    await composeDataset(out('other'), options({ seed: 1 }));
    expect(contentOf(out('again/out'))).toEqual(contentOf(out()));
    expect(await rowsOf(out('other'))).not.toEqual(await rowsOf());
    await rm(join(folder(), 'things'), { recursive: true });
    expect(await composeDataset(out(), options())).toEqual(first);
    expect(first.coreRegion).toBe('masks');
  });

  test('names a column that the table lacks, and a foreground on two lines', async () => {
    await sources(4, 20);
    const lacking = composeDataset(out(), options({ classColumn: 'clas' }));
    await failure(lacking, 'USAGE', /things\.csv.*clas;.*header has image, mask, class/);
    await appendFile(table(), 'things/apple/0.png,masks/apple/0.png,apple,x\n');
    const twice = /things\.csv:11: things\S+ is in line 2 already/;
    await failure(composeDataset(out(), options()), 'DATASET_INVALID', twice);
    await writeFile(table(), 'image,mask,class\n../x.png,y.png,apple\n');
    await failure(composeDataset(out(), options()), 'DATASET_INVALID', /things\.csv:2.*climbs out/);
  });

  test('takes no image but of the five formats', async () => {
    // As many scenes as are needed, so that each is drawn.
    await sources(4, 5);
    const refused = () => composeDataset(out('refused'), options({ agreement: 0.5 }));
    for (const path of ['scenes/field/0/0.jpg', 'masks/apple/0.png', 'things/apple/0.png']) {
      const whole = await readFile(join(folder(), path));
      await writeFile(
        join(folder(), path),
        '<svg xmlns="http://www.w3.org/2000/svg" width="48" height="40"/>',
      );
      await failure(refused(), 'IMAGE_INVALID', path, 'the format svg is not supported');
      await writeFile(join(folder(), path), whole);
    }
  });
});

describe('bad masks', () => {
  test('are named, and nothing is written; on request they are left out', async () => {
    await sources(8, 40);
    const at = (i: number): string => join(folder(), 'masks', 'apple', `${i}.png`);
    await put(at(0), await draw(() => [0]));
    await put(at(1), await draw(() => [255]));
    await put(at(2), await draw((inside) => [inside ? 120 : 0]));
    const parts = ['3 of 16 foregrounds', 'apple/0.png: empty', 'apple/1.png: covering'];
    const more = ['apple/2.png: half-transparent', '`skipBadMasks`'];
    await failure(composeDataset(out(), options()), 'IMAGE_INVALID', ...parts, ...more);
    await expect(readFile(join(out(), 'compose.json'))).rejects.toThrow('ENOENT');
    const warnings: string[] = [];
    const job = { onWarning: (text: string) => warnings.push(text) };
    const dataset = await composeDataset(out(), options({ skipBadMasks: true }), job);
    expect(warnings).toHaveLength(3);
    expect(warnings[0]).toContain('apple/0.png');
    expect((await rowsOf()).filter(({ y }) => y === '0')).toHaveLength(5);
    expect(dataset.examples).toHaveLength(13);
  });

  test('that are missing or of another size are named', async () => {
    await sources(6, 20);
    await rm(join(folder(), 'masks', 'lemon', '3.png'));
    await failure(composeDataset(out(), options()), 'IMAGE_INVALID', 'lemon/3', 'missing');
    await putImage(join(folder(), 'masks', 'lemon', '3.png'), 20, 20, 1);
    await failure(
      composeDataset(out(), options({ skipBadMasks: true })),
      'IMAGE_INVALID',
      /lemon\/3\.png.*20 x 20 px, and its image .* 48 x 40/,
    );
  });
});

test.each<[string, Partial<ComposeOptions>, RegExp, ErrorCode?]>([
  ['a cut-out larger than its image', { foregroundSize: 3 }, /`foregroundSize`.*from 0\.05 to 1/],
  ['one class', { classes: [named('bird')] }, /`classes`.*at least two/],
  ['a class without foregrounds', { classes: [named('apple'), named('plums')] }, /class plums/],
  ['one folder twice', { places: [named('a', 'lake'), named('b', 'lake')] }, /cannot belong to another/],
  ['a folder in another', { places: [named('a', 'field'), named('b', 'field/1')] }, /no folder may lie in/],
  ['no table', { table: undefined }, /`table`: is needed/],
  ['masks with a table', { masks: 'masks' }, /`masks`: does not apply without `preset`/],
  [
    'three places',
    { places: ['field/0', 'field/1', 'lake'].map((of) => named(of)) },
    /2 classes and 3 places/,
  ],
  ['too few scenes', {}, /13 scenes of field, each only once, and there are 6/],
  ['a folder without scenes', { places: [named('field'), named('sea')] }, /scenes\/sea/, 'DATASET_NOT_FOUND'],
])('%s is refused', async (_what, changes, reason, code = 'USAGE') => {
  await sources(12, 6);
  await failure(composeDataset(out(), options(changes)), code, reason);
});

test('a preset keeps its own choices, and takes no others', () => {
  const given = { preset: 'waterbirds', foregrounds: 'cub', masks: 'masks', scenes: 'places' } as const;
  expect(parseComposeOptions(given)).toMatchObject({ foregroundSize: null });
  expect(parseComposeOptions({ ...given, foregroundSize: undefined })).toEqual(parseComposeOptions(given));
  for (const other of [{ classes: [named('a'), named('b')] }, { table: 'x.csv' }]) {
    expect(() => parseComposeOptions({ ...given, ...other })).toThrow(
      /does not apply together with `preset`/,
    );
  }
  expect(() => parseComposeOptions(undefined as never)).toThrow(/`foregrounds`/);
});

describe('Waterbirds', () => {
  test('the published generator takes three land birds for terns', () => {
    const both = (species: string): boolean[] => [true, false].map((by) => isWaterBird(species, by));
    for (const tern of ['Eastern_Towhee', 'Western_Meadowlark', 'Western_Wood_Pewee']) {
      expect(both(tern)).toEqual([true, false]);
    }
    for (const water of ['Artic_Tern', 'Pacific_Loon', 'Mallard']) expect(both(water)).toEqual([true, true]);
    expect(both('Common_Raven')).toEqual([false, false]);
    // All images of CUB-200-2011.
    const counts = Object.values(WATERBIRDS_COUNTS).flat();
    expect(counts.reduce((total, count) => total + count, 0)).toBe(11_788);
  });

  // Greys: JPEG halves the resolution of colors.
  const LIGHT: Color = [210, 210, 210];
  const LAND: Color = [40, 40, 40];
  const WATER: Color = [90, 90, 90];
  const BIRDS = ['001.Eastern_Towhee', '002.Common_Raven', '003.Artic_Tern', '004.Mallard'];

  /** Twenty birds of each species, half of them for training, in CUB-200-2011's layout, and Places. */
  async function layout(): Promise<ComposeOptions> {
    const lists: Record<string, string[]> = { images: [], split: [] };
    let id = 0;
    const photo = await photograph(LIGHT);
    // Annotators disagree on its left edge.
    const shape = await draw((inside, x) => [inside ? (x < 16 ? 102 : 255) : 0]);
    for (const bird of BIRDS) {
      for (let i = 0; i < 20; i += 1) {
        id += 1;
        const name = `${bird}/${bird.slice(4)}_${i}`;
        lists.images?.push(`${id} ${name}.jpg`);
        lists.split?.push(`${id} ${i % 2}`);
        await put(join(folder(), 'CUB', 'images', `${name}.jpg`), photo);
        await put(join(folder(), 'segmentations', `${name}.png`), shape);
      }
    }
    await put(join(folder(), 'CUB', 'images.txt'), `${lists.images?.join('\n')}\n`);
    await put(join(folder(), 'CUB', 'train_test_split.txt'), `${lists.split?.join('\n')}\n`);
    const [land, water] = [await plain(LAND), await plain(WATER)];
    for (let i = 0; i < 30; i += 1) {
      for (const place of ['b/bamboo_forest', 'f/forest/broadleaf']) {
        await put(join(folder(), 'places', place, `${i}.jpg`), land);
      }
      for (const place of ['o/ocean', 'l/lake/natural']) {
        await put(join(folder(), 'places', place, `${i}.jpg`), water);
      }
    }
    return {
      preset: 'waterbirds',
      foregrounds: join(folder(), 'CUB'),
      masks: join(folder(), 'segmentations'),
      scenes: join(folder(), 'places'),
    };
  }

  test('is made of CUB-200-2011, its segmentations and Places: its split, the birds where they were', async () => {
    const given = await layout();
    const dataset = await composeDataset(out('waterbirds'), given);
    // A fifth of 20 land and 20 water birds for training validates, and 95 % of the others agree.
    expect(dataset.counts).toEqual({ train: [15, 1, 1, 15], val: [2, 2, 2, 2], test: [10, 10, 10, 10] });
    expect(dataset.name).toBe('waterbirds');
    expect(dataset.preprocessing.crop).toEqual([224, 224]);
    const [row] = await rowsOf(out('waterbirds'));
    if (!row) throw new Error('no rows');
    const file = await readFile(join(out('waterbirds'), row.img_filename));
    expect(firstQuantizer(file)).toBe(firstQuantizer(await plain(RED, 75)));
    // The generator's formula, scene * (1 - mask) + photograph * mask, on a scene of one color.
    const image = join(given.foregrounds, row.foreground);
    const bird = row.foreground.slice('images/'.length).replace('.jpg', '.png');
    const mask = join(given.masks as string, bird);
    const cut = await readMask(image, mask);
    const [composed] = await composeImage(
      { image, mask },
      join(given.scenes, row.place_filename),
      inPlace(shapeOf(cut)),
      100,
    );
    await put(out('composed.jpg'), composed);
    const { pixels, width, height } = await decodeRgb(out('composed.jpg'));
    expect([width, height]).toEqual([SIZE.width, SIZE.height]);
    const photo = await decodeRgb(image);
    const ground = row.place === '0' ? LAND : WATER;
    const worst = pixels.reduce((most, value, i) => {
      const alpha = (cut.data[Math.floor(i / 3)] as number) / 255;
      const expected = (ground[i % 3] as number) * (1 - alpha) + (photo.pixels[i] as number) * alpha;
      return Math.max(most, Math.abs(value - expected));
    }, 0);
    expectWithin('a composed image and the published formula, difference in levels', worst, 6);
  });

  test('by substring has the published counts, and a damaged list is named', async () => {
    const given = await layout();
    await failure(
      composeDataset(out(), { ...given, substringSpecies: true }),
      'USAGE',
      '933 foregrounds of landbird in val',
    );
    await put(join(folder(), 'CUB', 'train_test_split.txt'), '1 1\n2 2\n');
    await failure(composeDataset(out(), given), 'DATASET_INVALID', /train_test_split\.txt:2: "2 2"/);
    await rm(join(folder(), 'CUB', 'images.txt'));
    await failure(composeDataset(out(), given), 'DATASET_NOT_FOUND', 'images.txt');
  });
});
