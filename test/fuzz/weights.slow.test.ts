import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSafetensors } from '../../src/models/safetensors.js';
import { readWeights, type WeightsFile } from '../../src/models/weights.js';
import { archive, dict, floats, int, pickle, tensor, TINY } from '../models/pthSupport.js';
import { temporaryFolder } from '../temporary.js';
import { casesOf, damaged, mutations, Surface, tryCases } from './support.js';

/** The number of each of the three. */
const COUNT = casesOf(5000, 60);

/** Files have 1 to 2 kB. */
const MAX_BYTES = 64 * 1024;
/** The bytes that reading all of them may add to the process's memory at its peak: bombs claim gigabytes. */
const MAX_MEGABYTES = 512;

const folder = temporaryFolder();
const path = join(folder, 'weights');
const before = process.resourceUsage().maxRSS;
const entry = (name: string, shape: readonly number[], offsets: readonly number[]): string =>
  `${JSON.stringify(name)}:${JSON.stringify({ dtype: 'F32', shape, data_offsets: offsets })}`;

const surface = new Surface('weights files', ['WEIGHTS_INVALID']);
let largest = 0;

/** A case ends in WEIGHTS_INVALID or in well-formed tensors, soon and small. */
async function outcome(content: Buffer): Promise<WeightsFile | undefined> {
  writeFileSync(path, content);
  const read = await surface.run(() => readWeights(path));
  const tensors = Object.values(read?.tensors ?? {});
  for (const { shape, data } of tensors) {
    expect(data).toHaveLength(shape.reduce((product, n) => product * n, 1));
  }
  const bytes = tensors.reduce((sum, { data }) => sum + data.byteLength, 0);
  expect(bytes).toBeLessThan(MAX_BYTES);
  largest = Math.max(largest, bytes);
  return read;
}

test('a PyTorch file with random damage is refused or loads its values', async () => {
  writeFileSync(path, TINY);
  const { tensors } = await readWeights(path);
  await tryCases(mutations(), COUNT, async (list) => {
    const read = await outcome(damaged(TINY, list));
    // The checksums hold all that matters, so what loads is what was saved.
    if (read !== undefined) expect(read.tensors).toEqual(tensors);
  });
});

test('a pickle with random damage, below valid checksums, is refused or gives well-formed tensors', async () => {
  const content = pickle(
    dict({
      epoch: int(3),
      state_dict: dict({
        'module.conv.weight': tensor([2, 3, 2, 2], { strides: [12, 1, 6, 3] }),
        'module.fc.0.weight': tensor([3, 2], { key: '1', strides: [1, 3], storage: 'HalfStorage' }),
        'module.fc.0.bias': tensor([2], { key: '0', offset: 20, length: 24 }),
        'module.count': tensor([], { key: '2', storage: 'LongStorage' }),
      }),
    }),
  );
  const storages = [floats(...Array(24).keys()), Buffer.alloc(12, 0x3c), Buffer.alloc(8, 1)];
  expect(await outcome(archive(content, storages))).toBeDefined();
  await tryCases(mutations(), COUNT, async (list) => {
    await outcome(archive(damaged(content, list), storages));
  });
});

test('a safetensors file with random damage is refused or gives well-formed tensors', async () => {
  const whole = join(folder, 'whole.safetensors');
  await writeSafetensors(whole, {
    'conv.weight': { shape: [2, 3, 2, 2], data: Float32Array.from(Array(24).keys()) },
    'fc.weight': { shape: [2, 3], data: Float64Array.from(Array(6).keys()) },
    count: { shape: [], data: BigInt64Array.of(7n) },
  });
  const content = readFileSync(whole);
  await tryCases(mutations(), COUNT, async (list) => {
    await outcome(damaged(content, list));
  });
});

const times = (count: number, first: Buffer, last: Buffer): Buffer[] => [
  Buffer.concat(Array<Buffer>(count).fill(first)),
  Buffer.concat(Array<Buffer>(count - 1).fill(last)),
];

/** Files that are small and claim much, or lead in a circle. */
const hostile: readonly (readonly [string, () => Buffer])[] = [
  ['a list in itself', () => pickle(Buffer.from(']q\0h\0a'))],
  ['a dict that is its own state dict', () => pickle(Buffer.from('}q\0X\x0a\0\0\0state_dicth\0s'))],
  ['a tuple of itself by a list', () => pickle(Buffer.from(']q\0h\0\x85q\x01ah\x01'))],
  ['a call of itself', () => pickle(Buffer.from('}q\0h\0h\0Rq\x01h\x01b'))],
  [
    '100,000 lists in one another',
    () => pickle(Buffer.concat(times(100_000, Buffer.from(']'), Buffer.from('a')))),
  ],
  ['100,000 tuples in one another', () => pickle(Buffer.from(`)${'\x85'.repeat(100_000)}`, 'latin1'))],
  ['100,000 calls in one another', () => pickle(Buffer.from(`}${')R'.repeat(100_000)}`))],
  ['doubling by the memo', () => pickle(Buffer.from(`]q\0${'h\0h\0\x86q\0'.repeat(30_000)}`, 'latin1'))],
  ['three million values', () => pickle(Buffer.alloc(3_000_000, 'N'))],
  ['a text of 4 GiB', () => pickle(Buffer.from('X\xff\xff\xff\xff', 'latin1'))],
  ['bytes of 2 ** 63', () => pickle(Buffer.from('\x8e\0\0\0\0\0\0\0\x80', 'latin1'))],
  ['an integer of 2 GiB', () => pickle(Buffer.from('\x8b\xff\xff\xff\x7f', 'latin1'))],
  [
    'a tensor of 2 ** 40 values in 4',
    () => pickle(dict({ a: tensor([2 ** 20, 2 ** 20], { strides: [0, 0], length: 1 }) })),
  ],
  [
    'a tensor that steps outside',
    () => pickle(dict({ a: tensor([2, 2], { strides: [2 ** 30, 1], length: 4 }) })),
  ],
];

test.each(hostile)('%s is refused', async (_what, content) => {
  expect(await outcome(archive(content(), [floats(1, 2, 3, 4)]))).toBeUndefined();
});

test('a zip bomb is refused unread: zeros that claim to be a gigabyte', async () => {
  const bomb = archive(pickle(dict({ a: tensor([2 ** 28]) })), [new Uint8Array(2 ** 20)], {}, 6);
  const claim = (method: number): Buffer => {
    const claimed = Buffer.from(bomb);
    for (let at = claimed.indexOf('PK'); at >= 0; at = claimed.indexOf('PK', at + 1)) {
      // A file's own header and the directory's, whose fields lie two bytes further on.
      const shift = { 0x0403: 0, 0x0201: 2 }[claimed.readUInt16LE(at + 2)];
      if (shift === undefined || claimed.readUInt32LE(at + 22 + shift) !== 2 ** 20) continue;
      claimed.writeUInt16LE(method, at + 8 + shift);
      claimed.writeUInt32LE(2 ** 30, at + 22 + shift);
    }
    return claimed;
  };
  expect(claim(8)).not.toEqual(bomb);
  expect(await outcome(claim(8))).toBeUndefined();
  expect(await outcome(claim(0))).toBeUndefined();
});

test.each<[string, string, number]>([
  ['a million bad entries', `{${Array.from({ length: 1_000_000 }, (_, i) => `"t${i}":1`).join(',')}}`, 0],
  [
    'a thousand tensors of 2 ** 53',
    `{${Array.from({ length: 1000 }, (_, i) => entry(`t${i}`, [2 ** 53 - 1], [0, 8])).join(',')}}`,
    8,
  ],
  ['two names alike', `{${entry('t', [1], [0, 4])},${entry('t', [1], [4, 8])}}`, 8],
  ['bytes between tensors', `{${entry('a', [1], [0, 4])},${entry('b', [1], [8, 12])}}`, 12],
  ['bytes behind the last', `{${entry('a', [1], [0, 4])}}`, 12],
  ['lists in one another', '['.repeat(1_000_000), 0],
])('a safetensors header with %s is refused', async (_what, header, body) => {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
  expect(await outcome(Buffer.concat([length, Buffer.from(header), Buffer.alloc(body)]))).toBeUndefined();
});

test('all of them took little memory', () => {
  const megabytes = (process.resourceUsage().maxRSS - before) / 1024;
  process.stdout.write(
    `${surface.summary()}  at most ${largest} bytes of tensors; the peak of memory grew by ${megabytes.toFixed(0)} MB\n`,
  );
  expect(megabytes).toBeLessThan(MAX_MEGABYTES);
});
