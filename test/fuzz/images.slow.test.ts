import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { decodeRgb, type RgbImage } from '../../src/data/decode.js';
import { decodeByAddon } from '../data/decodeByAddon.js';
import { patternImage } from '../data/support.js';
import { temporaryFolder } from '../temporary.js';
import { casesOf, damaged, mutations, Surface, tryCases } from './support.js';

const path = join(temporaryFolder(), 'image');
const surface = new Surface('images', ['IMAGE_INVALID']);
/** The bytes that decoding all of them may add to the process's memory at its peak. */
const MAX_MEGABYTES = 512;
let before = 0;

async function outcome(content: Buffer): Promise<RgbImage | undefined> {
  writeFileSync(path, content);
  const image = await surface.run(() => decodeRgb(path));
  if (image) expect(image.pixels).toHaveLength(image.height * image.width * 3);
  // The addon is not more tolerant.
  const byAddon = await surface.run(() => decodeByAddon(path));
  if (byAddon) expect(byAddon).toMatchObject(image ?? {});
  return image;
}

let files: Buffer[] = [];
beforeAll(async () => {
  const raw = patternImage(40, 30, 1);
  files = await Promise.all([
    raw.clone().png().toBuffer(),
    raw.clone().png({ palette: true, colours: 16 }).toBuffer(),
    raw.clone().png({ progressive: true }).toBuffer(),
    raw.clone().toColourspace('rgb16').png().toBuffer(),
    raw.clone().greyscale().png().toBuffer(),
    raw.clone().jpeg().toBuffer(),
    raw.clone().jpeg({ progressive: true }).toBuffer(),
    raw.clone().greyscale().jpeg({ quality: 50 }).toBuffer(),
    raw.clone().toColourspace('cmyk').jpeg().toBuffer(),
  ]);
  for (const file of files) expect(await outcome(file)).toMatchObject({ height: 40, width: 30 });
  before = process.resourceUsage().maxRSS;
});

test('a damaged image is refused, or decodes whole', async () => {
  const one = fc.record({ file: fc.nat(8), list: mutations() });
  // PNGs and JPEGs together.
  await tryCases(one, casesOf(4000, 100), async ({ file, list }) => {
    await outcome(damaged(files[file] as Buffer, list));
  });
});

/** A PNG of zeros: what a few kilobytes can claim. */
function bomb(width: number, height: number, rows: number): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0]);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.alloc(rows * (3 * width + 1)))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

test('an image bomb is refused by its header', async () => {
  expect(await outcome(bomb(8, 8, 8))).toBeDefined();
  for (const side of [8_200, 65_535, 2 ** 31 - 1]) {
    expect(await outcome(bomb(side, side, 0))).toBeUndefined();
  }
  writeFileSync(path, bomb(8_200, 8_200, 0));
  await expect(decodeRgb(path)).rejects.toThrow(/more than 67108864 pixels/);
});

afterAll(() => {
  const megabytes = (process.resourceUsage().maxRSS - before) / 1024;
  process.stdout.write(`${surface.summary()}  the peak of memory grew by ${megabytes.toFixed(0)} MB\n`);
  expect(megabytes).toBeLessThan(MAX_MEGABYTES);
});
