import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SpurmemError } from '../../src/errors.js';
import type { Model } from '../../src/models/model.js';
import { readSafetensors, type TensorData, writeSafetensors } from '../../src/models/safetensors.js';
import { loadWeights } from '../../src/models/weights.js';
import { native } from '../../src/native/addon.js';
import { newModel, settledTensors } from '../networks.js';
import { temporaryFolder } from '../temporary.js';
import { refusal } from './pthSupport.js';

const folder = temporaryFolder();
const small: Record<string, TensorData> = {
  'conv1.weight': { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
  'bn1.num_batches_tracked': { shape: [], data: BigInt64Array.of(7n) },
  'bn1.running_var': { shape: [3], data: Float64Array.of(0.5, 1, 2) },
  empty: { shape: [0, 4], data: new Float32Array(0) },
  bytes: { shape: [5], data: Uint8Array.of(1, 2, 3, 4, 5) },
};
let smallBytes: Buffer;
let model: Model;
let state: Record<string, TensorData>;

beforeAll(async () => {
  await writeSafetensors(join(folder, 'small.safetensors'), small, { note: 'text' });
  smallBytes = await readFile(join(folder, 'small.safetensors'));
  model = await newModel('resnet18');
  state = await model.stateDict();
});

afterAll(() => {
  model[Symbol.dispose]();
});

/** A safetensors file with this header and this many bytes behind it. */
function fileOf(header: string, bodyBytes: number, length = Buffer.byteLength(header)): Buffer {
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(BigInt(length));
  return Buffer.concat([start, Buffer.from(header), Buffer.alloc(bodyBytes)]);
}

const entry = (dtype: string, shape: unknown, offsets: unknown): string =>
  JSON.stringify({ 'conv1.weight': { dtype, shape, data_offsets: offsets } });

test('reads back what it wrote', async () => {
  const { tensors, metadata } = await readSafetensors(join(folder, 'small.safetensors'));
  expect(tensors).toEqual(small);
  expect(metadata).toEqual({ format: 'pt', note: 'text' });
});

test('a file that is not there, and a folder, are named', async () => {
  const missing = join(folder, 'missing.safetensors');
  await refusal(loadWeights(model, missing), missing);
  await mkdir(join(folder, 'folder.safetensors'));
  await refusal(
    loadWeights(model, join(folder, 'folder.safetensors')),
    /folder\.safetensors: it is a folder without config\.json/,
  );
});

test.each<[string, () => Buffer, RegExp]>([
  ['no bytes', () => Buffer.alloc(0), /0 bytes/],
  ['seven bytes', () => Buffer.alloc(7), /7 bytes/],
  [
    'half of the file',
    () => smallBytes.subarray(0, -30),
    /ends at byte \d+, but the file has \d+: it is truncated/,
  ],
  ['half of the header', () => smallBytes.subarray(0, 60), /header should have \d+ bytes/],
  ['a header beyond the file', () => fileOf('{}', 0, 2 ** 40), /header should have 1099511627776 bytes/],
  ['the largest length', () => Buffer.alloc(16, 255), /header should have/],
  ['random bytes', () => Buffer.from(Array.from({ length: 500 }, (_, i) => (i * 89 + 41) & 255)), /header/],
  ['a header that is no JSON', () => fileOf('{"a": ', 0), /JSON/],
  ['a header that is no object', () => fileOf('[1]', 0), /malformed/],
  [
    'a tensor without offsets',
    () => fileOf('{"a": {"dtype": "F32"}}', 0),
    /malformed at "a" \(.*data_offsets/,
  ],
  ['a fraction of a byte', () => fileOf(entry('F32', [1], [0, 4.5]), 8), /malformed/],
  ['a negative size', () => fileOf(entry('F32', [-1], [0, 4]), 4), /malformed/],
  ['offsets the wrong way round', () => fileOf(entry('F32', [1], [4, 0]), 4), /has -4 bytes/],
  [
    'a shape of another size',
    () => fileOf(entry('F32', [2, 2], [0, 8]), 8),
    /8 bytes, but its shape \[2, 2\]/,
  ],
  ['a shape beyond all memory', () => fileOf(entry('F32', [2 ** 50, 2 ** 50], [0, 8]), 8), /its shape/],
  [
    'int8',
    () => fileOf(entry('I8', [2], [0, 2]), 2),
    /tensor "conv1\.weight" has the dtype int8; supported are float64, .*bool\. Save it as value\.float\(\)/,
  ],
  ['eight bits', () => fileOf(entry('F8_E4M3', [2], [0, 2]), 2), /has the dtype F8_E4M3; supported are/],
  ['halves that are cut off', () => fileOf(entry('BF16', [2], [0, 3]), 4), /3 bytes, but its shape \[2\]/],
  ['a dtype that objects have', () => fileOf(entry('constructor', [1], [0, 4]), 4), /dtype constructor/],
])('%s: refused with the reason', async (name, bytes, reason) => {
  const path = join(folder, `${name}.safetensors`);
  await writeFile(path, bytes());
  await refusal(readSafetensors(path), path, reason);
});

describe('loadWeights', () => {
  const write = async (name: string, tensors: Record<string, TensorData>): Promise<string> => {
    const path = join(folder, `${name}.safetensors`);
    await writeSafetensors(path, tensors);
    return path;
  };
  const value = (name: string): Float32Array => state[name]?.data as Float32Array;
  const changed = (factor: number): Record<string, TensorData> => ({
    ...state,
    'conv1.weight': { shape: [64, 3, 7, 7], data: value('conv1.weight').map((weight) => factor * weight) },
  });
  const current = async (name: string): Promise<unknown> => (await model.stateDict())[name]?.data;

  test('names missing, unexpected and misshapen parameters, and changes nothing', async () => {
    const { 'layer1.0.conv1.weight': _missing, ...rest } = changed(2);
    const path = await write('foreign', {
      ...rest,
      'layer9.conv.weight': { shape: [1], data: Float32Array.of(1) },
      'bn1.bias': { shape: [32], data: new Float32Array(32) },
    });
    const live = await settledTensors();
    await refusal(
      loadWeights(model, path),
      `${path} does not fit resnet18`,
      '`arch`',
      /^ {2}missing: layer1\.0\.conv1\.weight$/m,
      /^ {2}unexpected: layer9\.conv\.weight$/m,
      /^ {2}other shape: bn1\.bias is \[32\], not \[64\]$/m,
    );
    expect(await current('conv1.weight')).toEqual(value('conv1.weight'));
    expect(native().liveTensors()).toBe(live);
  });

  test('replaces a head with other classes, and one that is not there', async () => {
    const head = {
      'fc.weight': { shape: [1000, 512], data: new Float32Array(512_000).fill(9) },
      'fc.bias': { shape: [1000], data: new Float32Array(1000).fill(9) },
    };
    const path = await write('imagenet', { ...changed(3), ...head });
    expect(await loadWeights(model, path)).toMatchObject({ newHead: ['fc.weight', 'fc.bias'] });
    expect(await current('fc.weight')).toEqual(value('fc.weight'));
    expect(await current('fc.bias')).toEqual(value('fc.bias'));
    expect(await current('conv1.weight')).toEqual(changed(3)['conv1.weight']?.data);

    const { 'fc.weight': _weight, 'fc.bias': _bias, ...headless } = state;
    expect(await loadWeights(model, await write('headless', headless))).toMatchObject({
      newHead: ['fc.weight', 'fc.bias'],
    });
  });

  test('takes a file of the same model whole, and one without counts of batches', async () => {
    expect(await loadWeights(model, await write('own', changed(0.5)))).toMatchObject({ newHead: [] });
    expect(await current('conv1.weight')).toEqual(changed(0.5)['conv1.weight']?.data);
    const old = Object.fromEntries(
      Object.entries(state).filter(([name]) => !name.endsWith('num_batches_tracked')),
    );
    expect(await loadWeights(model, await write('old', old))).toMatchObject({ newHead: [] });
    expect(await model.stateDict()).toMatchObject({ 'conv1.weight': state['conv1.weight'] as TensorData });
  });
});

test('200 bits that have changed are named, but for those of the checksum\u2019s own key', async () => {
  const path = join(folder, 'summed.safetensors');
  const values = Float32Array.from({ length: 500 }, (_, i) => Math.sin(i));
  const tensors = { weight: { shape: [20, 25], data: values }, step: { shape: [1], data: Int32Array.of(7) } };
  await writeSafetensors(path, tensors, { training: '{"epoch":3}' });
  const whole = await readFile(path);
  const read = await readSafetensors(path);
  expect(read.metadata).toMatchObject({ training: '{"epoch":3}' });
  let harmless = 0;
  for (let round = 0; round < 200; round += 1) {
    const at = Math.floor(((round + 0.5) * whole.length) / 200);
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] ?? 0) ^ (1 << (round % 8));
    await writeFile(path, damaged);
    const outcome = await readSafetensors(path).catch((error: unknown) => error);
    if (outcome instanceof SpurmemError) {
      expect(outcome).toMatchObject({
        code: 'WEIGHTS_INVALID',
        message: expect.stringContaining(path) as string,
      });
      continue;
    }
    harmless += 1;
    expect(outcome).toMatchObject({ tensors: read.tensors });
  }
  console.log(`${harmless} of 200 bits are of the key, and change no value`);
  expect(harmless).toBeLessThan(10);
});

test('a file of others, without a checksum, is read', async () => {
  const path = join(folder, 'others.safetensors');
  await writeSafetensors(path, { a: { shape: [2], data: Float32Array.of(1, 2) } });
  const text = (await readFile(path)).toString('latin1').replace('"spurmem.crc32":"', '"another.words":"');
  await writeFile(path, Buffer.from(text, 'latin1'));
  expect((await readSafetensors(path)).tensors.a?.data).toEqual(Float32Array.of(1, 2));
});

test('names that are numbers do not move the checksum', async () => {
  const path = join(folder, 'numbers.safetensors');
  const data = Float32Array.of(1, 2);
  await writeSafetensors(path, { 1: { shape: [2], data }, 0: { shape: [2], data } }, { 5: 'five' });
  expect(await readSafetensors(path)).toMatchObject({
    tensors: { 0: { data }, 1: { data } },
    metadata: { 5: 'five' },
  });
});
