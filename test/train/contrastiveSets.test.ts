import { native } from '../../src/native/addon.js';
import { imagesOf, SetSampler, sidesOf } from '../../src/train/cnc/contrastiveSets.js';

const ASKED = { anchors: 3, positives: 2, negatives: 2 };
/** Three classes; ERM takes two examples of class 0 for 1 and 2, two of class 1 for 0 and 2, and two of class 2 for 0 and 1. */
const LABELS = Int32Array.of(0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2);
const PREDICTIONS = Int32Array.of(0, 0, 0, 1, 2, 1, 1, 1, 0, 2, 2, 2, 2, 0, 1);

const generator = () => new (native().Generator)(1);

test('anchors are what ERM gets right; positives are of their class, negatives of their prediction', () => {
  const sampler = new SetSampler(LABELS, PREDICTIONS, ASKED);
  const draws = generator();
  expect([...sampler.anchors]).toEqual([0, 1, 2, 5, 6, 7, 10, 11, 12]);
  expect(sampler.sizes).toEqual(ASKED);
  const of = (values: Int32Array, rows: Int32Array): number[] =>
    [...rows].map((row) => values[row] as number);
  for (const anchor of sampler.anchors) {
    const y = LABELS[anchor] as number;
    const set = sampler.draw(anchor, draws);
    expect(set).toHaveLength(imagesOf(ASKED));
    expect(set[0]).toBe(anchor);
    const [alike, positives, negatives, others] = [
      ...[set.subarray(0, 3), set.subarray(3, 5), set.subarray(5, 7), set.subarray(7)],
    ] as [Int32Array, Int32Array, Int32Array, Int32Array];
    expect(of(LABELS, alike)).toEqual([y, y, y]);
    expect(of(PREDICTIONS, alike)).toEqual([y, y, y]);
    expect(of(LABELS, positives)).toEqual([y, y]);
    expect(of(PREDICTIONS, positives)).not.toContain(y);
    expect(of(LABELS, negatives)).not.toContain(y);
    expect(of(PREDICTIONS, negatives)).toEqual([y, y]);
    const predicted = PREDICTIONS[positives[0] as number] as number;
    expect(of(LABELS, others)).not.toContain(y);
    expect(of(PREDICTIONS, others)).toEqual([predicted, predicted]);
    for (const part of [positives, negatives, others]) expect(new Set(part).size).toBe(2);
  }
});

test('each positive may be the first, which is an anchor, where a set has all of them', () => {
  const sampler = new SetSampler(LABELS, PREDICTIONS, ASKED);
  const draws = generator();
  const first = Array.from({ length: 200 }, () => sampler.draw(0, draws)[3]);
  const share = first.filter((row) => row === 3).length / first.length;
  console.log(`an error is the first positive in ${share} of the sets, wanted 0.5 within 0.15`);
  expect(Math.abs(share - 0.5)).toBeLessThan(0.15);
});

test('sets are no larger than each part allows', () => {
  const asked = { anchors: 17, positives: 17, negatives: 17 };
  expect(new SetSampler(LABELS, PREDICTIONS, asked).sizes).toEqual({
    anchors: 3,
    positives: 2,
    negatives: 2,
  });
});

test('a class without errors has positives of its own, and a prediction without errors negatives of any other', () => {
  const labels = Int32Array.of(0, 0, 0, 1, 1, 1);
  const sampler = new SetSampler(labels, Int32Array.of(0, 0, 1, 1, 1, 1), ASKED);
  expect(sampler.sizes).toEqual({ anchors: 2, positives: 1, negatives: 1 });
  const draws = generator();
  const ofZero = sampler.draw(0, draws);
  expect(ofZero[2]).toBe(2);
  expect(labels[ofZero[3] as number]).toBe(1);
  const ofOne = sampler.draw(3, draws);
  expect([2, 3, 4].map((i) => labels[ofOne[i] as number])).toEqual([1, 0, 0]);
});

test('both sides of two sets, by rows of their batch', () => {
  expect(sidesOf({ anchors: 2, positives: 1, negatives: 2 }, 14)).toEqual([
    {
      anchors: Int32Array.of(0, 7),
      positives: Int32Array.of(2, 9),
      negatives: Int32Array.of(3, 4, 10, 11),
    },
    {
      anchors: Int32Array.of(2, 9),
      positives: Int32Array.of(0, 1, 7, 8),
      negatives: Int32Array.of(5, 6, 12, 13),
    },
  ]);
});
