import { Batch, Batches } from '../../src/data/batches.js';
import { balancedSubset, inverseSizes } from '../../src/data/sampling.js';
import { native } from '../../src/native/addon.js';
import type { Tensor } from '../../src/native/interface.js';
import fc from '../property.js';

const partition = fc
  .tuple(fc.uint8Array({ min: 0, max: 3, minLength: 1, maxLength: 60 }), fc.nat(2 ** 31))
  .map(([parts, seed]) => ({ parts: Int32Array.from(parts), seed }));

function sizesOf(parts: Iterable<number>): Map<number, number> {
  const sizes = new Map<number, number>();
  for (const part of parts) sizes.set(part, (sizes.get(part) ?? 0) + 1);
  return sizes;
}

test('a balanced subset has as many different examples of each part as the smallest part', () => {
  fc.assert(
    fc.property(partition, ({ parts, seed }) => {
      const indices = Int32Array.from(parts, (_, position) => 100 + 2 * position);
      const subset = balancedSubset(indices, parts, new (native().Generator)(seed));
      const sizes = sizesOf(parts);
      const smallest = Math.min(...sizes.values());
      expect(new Set(subset).size).toBe(subset.length);
      const taken = sizesOf([...subset].map((index) => parts[(index - 100) / 2] as number));
      expect([...taken].sort()).toEqual([...sizes.keys()].sort().map((part) => [part, smallest]));
    }),
  );
});

test('another seed draws another subset', () => {
  const parts = Int32Array.from({ length: 100 }, (_, i) => (i < 90 ? 0 : 1));
  const draw = (seed: number): Int32Array =>
    balancedSubset(Int32Array.from(parts.keys()), parts, new (native().Generator)(seed));
  expect(draw(1)).toEqual(draw(1));
  expect(draw(1)).not.toEqual(draw(2));
});

test('inverse sizes give each part the same weight, N', () => {
  fc.assert(
    fc.property(partition, ({ parts }) => {
      const weights = inverseSizes(parts);
      for (const part of new Set(parts)) {
        const sum = weights.reduce((total, weight, i) => total + (parts[i] === part ? weight : 0), 0);
        expect(sum).toBeCloseTo(parts.length, 9);
      }
    }),
  );
});

test('a batch that cannot be drawn fails in its turn, after the one before it', async () => {
  const draw = (indices: Int32Array) => (): Promise<Batch> => {
    if (indices[0] === 2) throw new Error('fewer images than processes');
    return Promise.resolve(new Batch(indices, {} as Tensor, {} as Tensor, { offset: 0, total: 2 }));
  };
  const batches = new Batches(Int32Array.of(0, 1, 2), 2, draw)[Symbol.asyncIterator]();
  expect((await batches.next()).value).toMatchObject({ indices: Int32Array.of(0, 1) });
  await expect(batches.next()).rejects.toThrow('fewer images than processes');
});
