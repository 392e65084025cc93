import { setTimeout as sleep } from 'node:timers/promises';
import { mapOrdered } from '../../src/data/ordered.js';

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('mapOrdered', () => {
  test('keeps the order and the bound', async () => {
    let running = 0;
    let most = 0;
    const task = async (item: number) => {
      most = Math.max(most, ++running);
      await sleep((7 * item) % 5);
      running--;
      return item * 2;
    };
    const items = Array.from({ length: 30 }, (_, index) => index);
    expect(await collect(mapOrdered(items, 4, task))).toEqual(items.map((item) => item * 2));
    expect(most).toBe(4);
    expect(await collect(mapOrdered([], 4, task))).toEqual([]);
  });

  test('throws the first failure in order, after the running tasks have ended', async () => {
    let running = 0;
    const task = async (item: number) => {
      running++;
      // The second fails before the first does.
      await sleep(item === 2 ? 1 : 10);
      running--;
      if (item === 1 || item === 2) throw new Error(`item ${item}`);
      return item;
    };
    await expect(collect(mapOrdered([0, 1, 2, 3, 4], 5, task))).rejects.toThrow('item 1');
    expect(running).toBe(0);
  });
});
