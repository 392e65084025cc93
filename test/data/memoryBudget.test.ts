import { setTimeout as sleep } from 'node:timers/promises';
import { defaultDecodeBytes, MemoryBudget } from '../../src/data/memoryBudget.js';

/** Who has taken memory, in their order. */
function line(budget: MemoryBudget, sizes: readonly number[]) {
  const order: number[] = [];
  const shares = sizes.map((bytes, i) => {
    const share = budget.share();
    return { share, held: share.hold(bytes).then(() => order.push(i)) };
  });
  return { order, shares };
}

test('memory is given out in the order in which it is asked for, and no more than there is', async () => {
  const budget = new MemoryBudget(10);
  const { order, shares } = line(budget, [6, 6, 1]);
  await sleep(10);
  // The third one would find room, and waits for its turn.
  expect(order).toEqual([0]);
  shares[0]?.share[Symbol.dispose]();
  await Promise.all(shares.map(({ held }) => held));
  expect(order).toEqual([0, 1, 2]);
});

test('who asks for more gives back what it has, so that two do not wait for each other', async () => {
  const budget = new MemoryBudget(10);
  const [one, other] = [budget.share(), budget.share()];
  await Promise.all([one.hold(5), other.hold(5)]);
  const [all, most] = [one.hold(10), other.hold(8)];
  await all;
  one[Symbol.dispose]();
  await most;
  other[Symbol.dispose]();
  // Giving back twice gives back once.
  one[Symbol.dispose]();
  const { order } = line(budget, [10, 1]);
  await sleep(10);
  expect(order).toEqual([0]);
});

test('more than all is refused, and what was held is free', async () => {
  const budget = new MemoryBudget(10e6);
  const share = budget.share();
  await share.hold(8e6);
  await expect(share.hold(11e6)).rejects.toThrow('needs 11 MB of memory when it is decoded, and 10 MB');
  await budget.share().hold(10e6);
});

test('the default is a part of the machine', () => {
  expect(defaultDecodeBytes()).toBeGreaterThan(1e8);
});
