import { measuredExamples, trainingExamples } from '../../src/experiments/samples.js';

/** 12 examples of a majority group, 6 and 5 of two minority groups; the split that is measured has 9 of each. */
const SIZES = [12, 6, 5];
const groups = Int32Array.from([...SIZES, 9, 9, 9].flatMap((size, at) => Array<number>(size).fill(at % 3)));
const numTrain = 23;
const train = Int32Array.from({ length: numTrain }, (_, index) => index);
const measured = Int32Array.from({ length: 27 }, (_, index) => numTrain + index);
const dataset = {
  groups,
  numGroups: 3,
  minorityGroups: [1, 2],
  counts: { train: SIZES, val: [0, 0, 0], test: [9, 9, 9] },
  splits: { train, val: new Int32Array(), test: measured },
};
const countsOf = (indices: Int32Array): number[] =>
  SIZES.map((_, group) => indices.filter((index) => groups[index] === group).length);

test('of each minority group all training examples are measured, of a majority group so many', () => {
  expect(countsOf(measuredExamples(dataset, train, 3, 0))).toEqual([3, 6, 5]);
});

test('of another split a minority group has as many as the largest in training, or as a majority group', () => {
  expect(countsOf(measuredExamples(dataset, measured, 3, 0))).toEqual([3, 6, 6]);
  expect(countsOf(measuredExamples(dataset, measured, 8, 0))).toEqual([8, 8, 8]);
});

test('halves of the training split share no example, in the order of the split, and are drawn by the seed', () => {
  const halves = (seed: number) => trainingExamples(dataset, { heldOutHalf: true, seed });
  const { chosenOn, judgedOn } = halves(0);
  expect([...chosenOn, ...judgedOn].sort((a, b) => a - b)).toEqual([...train]);
  for (const half of [chosenOn, judgedOn]) expect([...half]).toEqual([...half].sort((a, b) => a - b));
  // Of an odd number of examples, one more is judged on.
  expect([countsOf(chosenOn), countsOf(judgedOn)]).toEqual([
    [6, 3, 2],
    [6, 3, 3],
  ]);
  expect(halves(0)).toEqual({ chosenOn, judgedOn });
  expect(halves(1).chosenOn).not.toEqual(chosenOn);
});
