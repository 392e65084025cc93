import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { SpurmemError } from '../../src/errors.js';
import { readWeights } from '../../src/models/readWeights.js';
import { writeSafetensors } from '../../src/models/safetensors.js';
import { temporaryFolder } from '../temporary.js';
import { TINY, archive, dict, floats, int, pickle, tensor } from './pthSupport.js';

/** SPURMEM_FUZZ_RUNS=2000 looks longer. */
const RUNS = Number(process.env.SPURMEM_FUZZ_RUNS ?? 300);
/** A thousand times what a case takes; the files have 1 to 2 kB. */
const MAX_MILLISECONDS = 5000;
const MAX_BYTES = 64 * 1024;

const folder = temporaryFolder();
const path = join(folder, 'weights');

interface Mutation {
  readonly kind: 'flip' | 'set' | 'ones' | 'cut' | 'insert' | 'swap';
  /** Where, as a fraction of the length. */
  readonly at: number;
  readonly to: number;
  readonly bytes: Uint8Array;
}

const fraction = fc.double({ min: 0, max: 1, noNaN: true });
const mutations = fc.array(
  fc.record<Mutation>({
    kind: fc.constantFrom('flip', 'set', 'ones', 'cut', 'insert', 'swap'),
    // As often near the end, where a zip file has its directory.
    at: fc.oneof(
      fraction,
      fraction.map((x) => 1 - x * 0.3),
    ),
    to: fraction,
    bytes: fc.uint8Array({ minLength: 1, maxLength: 16 }),
  }),
  { minLength: 1, maxLength: 4 },
);

function mutate(content: Buffer, { kind, at, to, bytes }: Mutation): Buffer {
  const result = Buffer.from(content);
  const start = Math.min(Math.floor(at * result.length), Math.max(0, result.length - 1));
  const end = Math.min(Math.floor(to * result.length), Math.max(0, result.length - 1));
  switch (kind) {
    case 'flip':
      if (result.length > 0) result[start] = (result[start] as number) ^ (1 << ((bytes[0] as number) % 8));
      return result;
    case 'set':
      result.set(bytes.subarray(0, result.length - start), start);
      return result;
    case 'ones':
      result.fill(0xff, start, Math.min(start + bytes.length, result.length));
      return result;
    case 'cut':
      return Buffer.concat([result.subarray(0, Math.min(start, end)), result.subarray(Math.max(start, end))]);
    case 'insert':
      return Buffer.concat([result.subarray(0, start), bytes, result.subarray(start)]);
    case 'swap':
      [result[start], result[end]] = [result[end] ?? 0, result[start] ?? 0];
      return result.subarray(0, content.length);
  }
}

const seen = { refused: 0, read: 0, milliseconds: 0, bytes: 0 };

/** A case ends in WEIGHTS_INVALID or in well-formed tensors, soon and small. */
async function outcome(content: Buffer): Promise<Awaited<ReturnType<typeof readWeights>> | undefined> {
  writeFileSync(path, content);
  const start = performance.now();
  const read = await readWeights(path).catch((error: unknown) => {
    if (error instanceof SpurmemError && error.code === 'WEIGHTS_INVALID' && error.message.includes(path)) {
      return undefined;
    }
    throw error;
  });
  const elapsed = performance.now() - start;
  expect(elapsed).toBeLessThan(MAX_MILLISECONDS);
  const tensors = Object.values(read?.tensors ?? {});
  for (const { shape, data } of tensors) {
    expect(data).toHaveLength(shape.reduce((product, n) => product * n, 1));
  }
  const bytes = tensors.reduce((sum, { data }) => sum + data.byteLength, 0);
  expect(bytes).toBeLessThan(MAX_BYTES);
  seen[read === undefined ? 'refused' : 'read']++;
  seen.milliseconds = Math.max(seen.milliseconds, elapsed);
  seen.bytes = Math.max(seen.bytes, bytes);
  return read;
}

const apply = (content: Buffer, list: readonly Mutation[]): Buffer => list.reduce(mutate, content);
const timeout = 60_000 + RUNS * 100;

test(
  'a PyTorch file with random damage is refused or loads its values',
  async () => {
    writeFileSync(path, TINY);
    const { tensors } = await readWeights(path);
    await fc.assert(
      fc.asyncProperty(mutations, async (list) => {
        const read = await outcome(apply(TINY, list));
        // The checksums hold all that matters, so what loads is what was saved.
        if (read !== undefined) expect(read.tensors).toEqual(tensors);
      }),
      { numRuns: RUNS },
    );
  },
  timeout,
);

test(
  'a pickle with random damage, below valid checksums, is refused or gives well-formed tensors',
  async () => {
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
    await fc.assert(
      fc.asyncProperty(mutations, async (list) => {
        await outcome(archive(apply(content, list), storages));
      }),
      { numRuns: RUNS },
    );
  },
  timeout,
);

test(
  'a safetensors file with random damage is refused or gives well-formed tensors',
  async () => {
    const whole = join(folder, 'whole.safetensors');
    await writeSafetensors(whole, {
      'conv.weight': { shape: [2, 3, 2, 2], data: Float32Array.from(Array(24).keys()) },
      'fc.weight': { shape: [2, 3], data: Float64Array.from(Array(6).keys()) },
      count: { shape: [], data: BigInt64Array.of(7n) },
    });
    const content = readFileSync(whole);
    await fc.assert(
      fc.asyncProperty(mutations, async (list) => {
        await outcome(apply(content, list));
      }),
      { numRuns: RUNS },
    );
  },
  timeout,
);

afterAll(() => {
  process.stdout.write(
    `  fuzz: ${3 * RUNS} files: ${seen.refused} refused, ${seen.read} read, at most ` +
      `${seen.milliseconds.toFixed(0)} ms and ${seen.bytes} bytes of tensors\n`,
  );
});
