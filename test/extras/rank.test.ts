import { crossFittedMargins } from '../../src/extras/discover/rank.js';
import { native } from '../../src/native/addon.js';
import type { ComputeContext } from '../../src/native/context.js';
import { openEngine } from '../../src/native/engine.js';

let context: ComputeContext;
beforeAll(async () => {
  context = await openEngine({});
});
afterAll(() => {
  context[Symbol.dispose]();
});

test('of three classes, images with another class’s shortcut have the lowest margins, whatever the seed', async () => {
  const generator = new (native().Generator)(0);
  const [count, size] = [300, 8];
  const labels = Int32Array.from({ length: count }, (_, i) => i % 3);
  // One feature per class shows the class weakly, and one its shortcut strongly; 1 of 20 images has the next class's.
  const isHidden = (i: number): boolean => Math.floor(i / 3) % 20 === 7;
  const features = generator.randn(count * size).map((noise, at) => {
    const [i, j] = [Math.floor(at / size), at % size];
    const y = labels[i] ?? 0;
    const shortcut = isHidden(i) ? (y + 1) % 3 : y;
    return noise + (j === y ? 1 : 0) + (j === 3 + shortcut ? 4 : 0);
  });
  const margins = async (seed: number): Promise<Float64Array> =>
    crossFittedMargins(
      { features, labels, numClasses: 3 },
      { fold: 3, inverseStrength: 0.01, seed },
      context,
      {},
    );
  const [own, other] = [await margins(0), await margins(1)];
  expect(own).toEqual(await margins(0));
  expect(other).not.toEqual(own);
  for (const found of [own, other]) {
    const first = [...found.keys()].sort((a, b) => (found[a] ?? 0) - (found[b] ?? 0)).slice(0, 15);
    expect(first.filter(isHidden).length).toBeGreaterThanOrEqual(13);
  }
});
