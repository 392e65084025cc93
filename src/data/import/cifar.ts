import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { readWhole } from '../../files.js';
import { itemsOf, nodeOf, parsePickle, pathOf, type PickleValue } from '../../pickle.js';
import { kindOf } from '../sourceFile.js';
import { CHUNK, type Chunk, type ImportedFile } from './source.js';

const SIDE = 32;
const PIXELS = SIDE * SIDE;
const BATCH = /^(?:data_batch_\d+|test_batch)$/;
/** The labels of a file, and their names in the file of names. */
const LABELS = {
  labels: ['label', 'label_names'],
  fine_labels: ['fine_label', 'fine_label_names'],
  coarse_labels: ['coarse_label', 'coarse_label_names'],
} as const;

/** Whether a file is a batch of CIFAR-10, or one of the two of CIFAR-100 next to its file of names. */
export function isCifar(name: string, names: readonly string[]): boolean {
  const file = name.slice(dirname(name) === '.' ? 0 : dirname(name).length + 1);
  return BATCH.test(file) || (/^(?:train|test)$/.test(file) && names.includes(join(dirname(name), 'meta')));
}

/** A Python pickle of CIFAR-10 or CIFAR-100: bytes of [N, 3, 32, 32] and lists of labels. Nothing in it is run. */
export async function openCifar(path: string): Promise<ImportedFile> {
  const batch = await dictOf(path);
  const pixels = bytesOf(batch.get('data'));
  const columns = Object.entries(LABELS).flatMap(([key, [name, names]]) => {
    const labels = batch.has(key) ? itemsOf(batch.get(key)) : undefined;
    if (labels !== undefined && labels.length * 3 * PIXELS !== pixels.length)
      throw new Error(`it has ${labels.length} ${key}, and ${pixels.length / (3 * PIXELS)} images`);
    return labels === undefined ? [] : [{ name, names, labels }];
  });
  const [first] = columns;
  if (first === undefined) throw new Error(`it has none of ${Object.keys(LABELS).join(', ')}`);
  const meta = join(dirname(path), first.name === 'label' ? 'batches.meta' : 'meta');
  const described = (await kindOf(meta)) === 'file' ? await dictOf(meta) : new Map<string, PickleValue>();
  const labels = columns.flatMap(({ name, names }) => {
    const texts = itemsOf(described.get(names)).map(textOf);
    return texts.length === 0 ? [] : [[name, texts.map((text) => text ?? '')] as const];
  });
  const count = first.labels.length;
  async function* chunks(skipped: number): AsyncGenerator<Chunk> {
    let row = Math.min(skipped, count);
    do {
      const end = Math.min(count, row + CHUNK);
      const rows = await Promise.all(
        Array.from({ length: end - row }, async (_, i) => ({
          image: await pngOf(pixels.subarray((row + i) * 3 * PIXELS, (row + i + 1) * 3 * PIXELS)),
          ...Object.fromEntries(columns.map(({ name, labels: own }) => [name, own[row + i]])),
        })),
      );
      yield { rows, end, share: end / count };
      row = end;
    } while (row < count);
  }
  return { labels: Object.fromEntries(labels), chunks };
}

/** The entries of a pickled dict with keys that are text. */
async function dictOf(path: string): Promise<ReadonlyMap<string, PickleValue>> {
  const content = parsePickle(await readWhole(path));
  const dict = nodeOf(content, 'dict');
  if (dict === undefined) throw refused('it', content, 'a dict');
  return new Map(
    dict.pairs.flatMap(([key, value]) => (textOf(key) === undefined ? [] : [[textOf(key) ?? '', value]])),
  );
}

/** Text of Python 2, or as Python 3 writes bytes for it: a call of `_codecs.encode`. */
function textOf(value: PickleValue | undefined): string | undefined {
  const call = nodeOf(value, 'call');
  const text = call?.callee === '_codecs.encode' ? call.args[0] : value;
  return typeof text === 'string' ? text : undefined;
}

/** The bytes of a numpy array of uint8, row by row. */
function bytesOf(value: PickleValue | undefined): Buffer {
  const array = nodeOf(value, 'call');
  if (array === undefined || !/^numpy\._?core\.multiarray\._reconstruct$/.test(array.callee))
    throw refused('its data', value, 'a numpy array');
  const [, , type, isFortran, content] = itemsOf(array.state);
  const dtype = nodeOf(type, 'call');
  const text = textOf(content);
  if (dtype?.callee !== 'numpy.dtype' || dtype.args[0] !== 'u1' || isFortran !== false || text === undefined)
    throw new Error('its data are no rows of uint8');
  return Buffer.from(text, 'latin1');
}

function refused(what: string, value: PickleValue | undefined, wanted: string): Error {
  const name = pathOf(value) ?? nodeOf(value, 'call')?.callee;
  return new Error(`${what} is ${name === undefined ? 'not' : `${name} instead of`} ${wanted}`);
}

/** A PNG of pixels by channel. */
function pngOf(pixels: Uint8Array): Promise<Buffer> {
  const image = Uint8Array.from(
    { length: 3 * PIXELS },
    (_, i) => pixels[(i % 3) * PIXELS + Math.floor(i / 3)] ?? 0,
  );
  return sharp(image, { raw: { width: SIDE, height: SIDE, channels: 3 } })
    .png()
    .toBuffer();
}
