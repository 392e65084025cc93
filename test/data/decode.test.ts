import { readdirSync, readFileSync } from 'node:fs';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { decodeRgb, type RgbImage } from '../../src/data/decode.js';
import { loadDecoders, native } from '../../src/native/addon.js';
import { python } from '../parity/python.js';
import { temporaryFolder } from '../temporary.js';
import { decodeByAddon } from './decodeByAddon.js';
import { failure, patternImage, put, putImage, useTemporaryFolder } from './support.js';

const folder = useTemporaryFolder();

/** A PNG whose pixels do not have the checksum that it names. */
async function putDamagedPng(where: 'data' | 'checksum'): Promise<string> {
  const path = join(folder(), 'a.png');
  await putImage(path, 64, 64, 1);
  const bytes = readFileSync(path);
  // A chunk is its length, name, data and checksum.
  const chunk = bytes.indexOf('IDAT');
  const at = where === 'data' ? bytes.length >> 1 : chunk + 4 + bytes.readUInt32BE(chunk - 4);
  bytes.writeUInt8((bytes[at] ?? 0) ^ 0xff, at);
  await put(path, bytes);
  return path;
}

describe('decodeRgb', () => {
  test('gives the pixels of an RGB image, and sees that the file has changed', async () => {
    const path = join(folder(), 'a.png');
    for (const seed of [1, 2]) {
      const pixels = await putImage(path, 5, 7, seed);
      expect(await decodeRgb(path)).toEqual({ pixels, height: 5, width: 7 });
    }
  });

  test.each(['jpeg', 'png', 'webp'] as const)('refuses a truncated %s', async (format) => {
    const image = patternImage(64, 64, 3);
    const whole = await image.toFormat(format).toBuffer();
    for (const share of [0.1, 0.4, 0.7, 0.95]) {
      const path = join(folder(), `${share}.${format}`);
      await put(path, whole.subarray(0, Math.floor(whole.length * share)));
      await failure(decodeRgb(path), 'IMAGE_INVALID', path);
    }
  });

  test.each(['data', 'checksum'] as const)(
    'refuses a PNG of damaged %s, as the addon does',
    async (where) => {
      const path = await putDamagedPng(where);
      await failure(decodeRgb(path), 'IMAGE_INVALID');
      expect(await decodeByAddon(path)).toBeUndefined();
    },
  );

  test.each([
    ['a missing file', undefined, 'missing'],
    ['an empty file', '', 'known format'],
    ['text', 'hello world', 'known format'],
    [
      'a format that PIL does not read',
      '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>',
      'svg',
    ],
  ])('refuses %s', async (_, content, part) => {
    const path = join(folder(), 'a.jpg');
    if (content !== undefined) await put(path, content);
    await failure(decodeRgb(path), 'IMAGE_INVALID', path, part);
  });
});

/** Writes images of every kind with PIL (or byte by byte), and next to each the pixels that PIL decodes. */
const SCRIPT = String.raw`
import glob, os, struct, sys, warnings, zlib
import numpy as np
from PIL import Image, ImageCms
warnings.simplefilter('ignore')
os.chdir(sys.argv[1])
rng = np.random.default_rng(0)
H, W = 67, 93
def natural(c, h=H, w=W):
    y, x = np.mgrid[0:h, 0:w]
    a = np.stack([127 + 80*np.sin(x/(7+3*i) + y/(11-i)) + 40*np.cos(y/5*(i+1)) for i in range(c)], -1)
    return np.clip(a + rng.normal(0, 12, (h, w, c)), 0, 255).astype(np.uint8)
rgb = Image.fromarray(natural(3))
grey = Image.fromarray(natural(1)[..., 0])
cmyk = Image.fromarray(natural(4), 'CMYK')
for name, options in {'420': dict(subsampling=2), '422': dict(subsampling=1), '444': dict(subsampling=0),
                      'q100': dict(quality=100), 'q20': dict(quality=20), 'progressive': dict(progressive=True),
                      'progressive444': dict(progressive=True, subsampling=0)}.items():
    rgb.save(f'{name}.jpg', **options)
square = Image.fromarray(natural(3, 64, 64))  # whole blocks of all of these: the same coefficients, laid out in another way
for progressive in (False, True):
    for name, subsampling, factors in ('440', 1, b'\x12'), ('411', 2, b'\x41'), ('441', 2, b'\x14'):
        square.save('x.jpg', subsampling=subsampling, progressive=progressive)
        data = bytearray(open('x.jpg', 'rb').read())
        frame = data.index(b'\xff\xc2' if progressive else b'\xff\xc0')
        data[frame+11:frame+12] = factors
        open(f'{name}{"-progressive" if progressive else ""}.jpg', 'wb').write(data)
os.remove('x.jpg')
rgb.save('restarts.jpg', restart_marker_blocks=3); rgb.save('restarts-progressive.jpg', restart_marker_rows=1, progressive=True)
rgb.save('optimized.jpg', optimize=True); rgb.save('as-rgb.jpg', keep_rgb=True); rgb.save('comment.jpg', comment=b'x'*60000)
grey.save('grey-progressive.jpg', progressive=True)
large_exif = Image.Exif(); large_exif[0x010e] = 'x'*60000
rgb.save('large-exif.jpg', exif=large_exif)
grey.save('grey.jpg')
Image.fromarray(natural(3, 1, 1)).save('1x1.jpg')
Image.fromarray(natural(3, 3, 2)).save('3x2.jpg')
exif = Image.Exif(); exif[0x0112] = 6
rgb.save('orientation.jpg', exif=exif)
profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes())
for i in range(struct.unpack('>I', profile[128:132])[0]):  # red and blue swapped: a transform would show
    at = 132 + 12*i
    tag = bytes(profile[at:at+4])
    profile[at:at+4] = {b'rXYZ': b'bXYZ', b'bXYZ': b'rXYZ'}.get(tag, tag)
rgb.save('profile.jpg', icc_profile=bytes(profile)); rgb.save('profile.png', icc_profile=bytes(profile))
cmyk.save('cmyk.jpg', quality=95); cmyk.save('cmyk-profile.jpg', icc_profile=bytes(profile)); cmyk.save('cmyk.tif')
data = open('cmyk.jpg', 'rb').read()
adobe = data.index(b'Adobe')
open('ycck.jpg', 'wb').write(data[:adobe+11] + b'\x02' + data[adobe+12:])
length = struct.unpack('>H', data[adobe-2:adobe])[0]
open('cmyk-unmarked.jpg', 'wb').write(data[:adobe-4] + data[adobe-2+length:])
data = open('420.jpg', 'rb').read(); scan = data.index(b'\xff\xda')
open('stray-bytes.jpg', 'wb').write(data[:scan] + b'\0\0\0' + data[scan:])
rgb.save('rgb.png'); grey.save('grey.png'); grey.convert('1').save('1bit.png')
Image.fromarray(natural(4), 'RGBA').save('rgba.png'); Image.fromarray(natural(2), 'LA').save('la.png')
palette = rgb.quantize(64)
palette.save('palette.png'); rgb.quantize(8).save('palette-4bit.png', bits=4)
palette.save('palette-index.png', transparency=3); palette.save('palette-alpha.png', transparency=bytes(range(64)))
palette.save('palette.gif')
Image.fromarray(rng.integers(0, 65536, (H, W)).astype(np.uint16)).save('grey16.png')
Image.fromarray(rng.integers(0, 400, (H, W)).astype(np.uint16)).save('grey16-dark.png')
def chunk(kind, body): return struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body))
def png(name, rows, width, kind, depth, extra=b''):
    body = b''.join(b'\0' + row.tobytes() for row in rows)
    header = struct.pack('>IIBBBBB', width, len(rows), depth, kind, 0, 0, 0)
    open(name, 'wb').write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + extra + chunk(b'IDAT', zlib.compress(body)) + chunk(b'IEND', b''))
wide = lambda c: rng.integers(0, 65536, (H, W, c)).astype('>u2')
png('rgb16.png', wide(3), W, 2, 16); png('rgba16.png', wide(4), W, 6, 16); png('la16.png', wide(2), W, 4, 16)
png('gamma.png', natural(3), W, 2, 8, chunk(b'gAMA', struct.pack('>I', 100000)))
png('colour-key.png', natural(3), W, 2, 8, chunk(b'tRNS', struct.pack('>HHH', 10, 20, 30)))
packed = rng.integers(0, 256, (H, 11)).astype(np.uint8)
png('grey2bit.png', packed, 44, 0, 2); png('grey4bit.png', packed, 22, 0, 4)
def adam7(pixels):
    for y, x, dy, dx in ((0,0,8,8),(0,4,8,8),(4,0,8,4),(0,2,4,4),(2,0,4,2),(0,1,2,2),(1,0,2,1)):
        part = pixels[y::dy, x::dx]
        if part.size: yield from part.reshape(len(part), -1)
def interlaced(name, pixels, width, kind, depth, extra=b''):
    body = b''.join(b'\0' + row.tobytes() for row in adam7(pixels))
    header = struct.pack('>IIBBBBB', width, len(pixels), depth, kind, 0, 0, 1)
    open(name, 'wb').write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + extra + chunk(b'IDAT', zlib.compress(body)) + chunk(b'IEND', b''))
interlaced('interlaced.png', natural(3), W, 2, 8); interlaced('interlaced-grey.png', natural(1), W, 0, 8)
interlaced('interlaced-rgba16.png', wide(4), W, 6, 16); interlaced('interlaced-la.png', natural(2), W, 4, 8)
colours = chunk(b'PLTE', natural(3, 1, 256).tobytes())
interlaced('interlaced-palette.png', natural(1), W, 3, 8, colours + chunk(b'tRNS', bytes(range(256))))
def filtered(name, kind):  # each row by another filter, the same in all rows but the first
    pixels = natural(3).reshape(H, -1).astype(int)
    left = np.pad(pixels, ((0, 0), (3, 0)))[:, :-3]; up = np.pad(pixels, ((1, 0), (0, 0)))[:-1]; corner = np.pad(left, ((1, 0), (0, 0)))[:-1]
    p = left + up - corner; a, b, c = abs(p - left), abs(p - up), abs(p - corner)
    paeth = np.where((a <= b) & (a <= c), left, np.where(b <= c, up, corner))
    guess = (0*up, left, up, (left + up)//2, paeth)[kind]
    rows = np.concatenate([np.full((H, 1), kind), (pixels - guess) % 256], 1).astype(np.uint8)
    header = struct.pack('>IIBBBBB', W, H, 8, 2, 0, 0, 0)
    body = zlib.compress(rows.tobytes())  # in several chunks
    open(name, 'wb').write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + b''.join(chunk(b'IDAT', body[i:i+999]) for i in range(0, len(body), 999)) + chunk(b'IEND', b''))
for kind in range(5): filtered(f'filter{kind}.png', kind)
rgb.save('lossy.webp'); Image.fromarray(natural(4), 'RGBA').save('rgba.webp', lossless=True)
rgb.save('rgb.tif')
for orientation in range(1, 9): rgb.save(f'orientation-{orientation}.tif', tiffinfo={274: orientation})
cmyk.save('orientation-cmyk.tif', tiffinfo={274: 6}, compression='tiff_lzw'); grey.save('orientation-grey.tif', tiffinfo={274: 6}, compression='tiff_lzw')
for name in glob.glob('*.*'):
    np.asarray(Image.open(name).convert('RGB')).tofile(name + '.rgb')
`;

describe('Decoders and PIL', () => {
  const made = temporaryFolder();
  let names: readonly string[] = [];
  beforeAll(() => {
    python(['-c', SCRIPT, made]);
    names = readdirSync(made).filter((name) => !name.endsWith('.rgb'));
    expect(names.length).toBeGreaterThan(60);
  });

  /** The largest difference from PIL's pixels. */
  function differenceOf(name: string, { pixels, height, width }: RgbImage): number {
    const expected = readFileSync(join(made, `${name}.rgb`));
    expect([name, pixels.length, height * width * 3]).toEqual([name, expected.length, expected.length]);
    return pixels.reduce((most, value, index) => Math.max(most, Math.abs(value - (expected[index] ?? 0))), 0);
  }

  test('sharp agrees on every kind of image to the last bit', async () => {
    const differences: Record<string, number> = {};
    for (const name of names) {
      const path = join(made, name);
      const image = await decodeRgb(path);
      differences[name] = differenceOf(name, image);
    }
    expect(differences).toEqual(Object.fromEntries(names.map((name) => [name, 0])));
  });

  test('the addon agrees to the last bit on all that it decodes, and leaves the others to sharp', async () => {
    const differences: Record<string, number> = {};
    // 4:4:1 is known to newer versions of libjpeg-turbo alone.
    const known = names.filter((name) => !name.startsWith('441'));
    for (const name of known) {
      const image = await decodeByAddon(join(made, name));
      differences[name] = image ? differenceOf(name, image) : NaN;
    }
    const isLeft = (name: string): boolean =>
      /^cmyk|^ycck|^grey16|^stray-bytes/.test(name) || !/\.(?:jpg|png)$/.test(name);
    expect(differences).toEqual(Object.fromEntries(known.map((name) => [name, isLeft(name) ? NaN : 0])));
  });
});

describe('The addon decodes no', () => {
  test('truncated image', async () => {
    for (const format of ['jpeg', 'png'] as const) {
      const whole = await patternImage(64, 64, 3).toFormat(format).toBuffer();
      const path = join(folder(), `a.${format}`);
      await put(path, whole);
      expect(await decodeByAddon(path)).toBeDefined();
      for (let length = 0; length < whole.length; length += 97) {
        await put(path, whole.subarray(0, length));
        expect(await decodeByAddon(path)).toBeUndefined();
      }
      // Without its end: a marker, or a chunk.
      await put(path, whole.subarray(0, whole.length - (format === 'png' ? 12 : 1)));
      expect(await decodeByAddon(path)).toBeUndefined();
    }
  });

  test('part of a damaged file in the next one', async () => {
    const whole = await patternImage(64, 64, 3).jpeg().toBuffer();
    const [path, damaged] = ['whole.jpg', 'damaged.jpg'].map((name) => join(folder(), name)) as [
      string,
      string,
    ];
    await put(path, whole);
    const image = await decodeByAddon(path);
    expect(image).toBeDefined();
    for (let length = 2; length < whole.length; length += 97) {
      await put(damaged, whole.subarray(0, length));
      expect(await decodeByAddon(damaged)).toBeUndefined();
      expect(await decodeByAddon(path)).toEqual(image);
    }
  });

  test('image by a link, or that is none', async () => {
    await putImage(join(folder(), 'a.png'), 4, 4, 1);
    await symlink('a.png', join(folder(), 'link.png'));
    await put(join(folder(), 'text.png'), 'hello world');
    for (const name of ['link.png', 'text.png', 'missing.png', '.']) {
      expect(await decodeByAddon(join(folder(), name))).toBeUndefined();
    }
  });

  test('image without its checksum, nor more images in a job than memory holds', async () => {
    loadDecoders();
    const path = join(folder(), 'a.png');
    const pixels = await putImage(path, 4, 6, 1);
    const [image] = await native().decodeImages([path]);
    expect(image).toEqual({ height: 4, width: 6, pixels, checksum: crc32(pixels) });
    const large = join(folder(), 'large.png');
    const black = { create: { width: 4096, height: 4096, channels: 3, background: 'black' } } as const;
    await sharp(black).png().toFile(large);
    expect(await native().decodeImages([large, path, large, path])).toHaveLength(3);
    await sharp({ create: { ...black.create, width: 4097 } })
      .png()
      .toFile(large);
    expect(await native().decodeImages([large, path])).toEqual([null, image]);
  });
});
