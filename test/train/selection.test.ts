import { groupAccuracies } from '../../src/metrics/groups.js';
import { epochsTable } from '../../src/train/runWriter.js';
import { isBest, selectionScore, selectionWords } from '../../src/train/selection.js';

/** Classes of 100 and 20 examples, whose groups are right to 90 %, 50 %, 40 % and 100 %. */
const ACCURACIES = groupAccuracies([81, 5, 4, 10], [90, 10, 10, 10], [900, 100, 100, 100]);

test.each([
  ['best-worst-group', 0.4],
  ['last', 0.4],
  ['best-worst-class', 14 / 20],
  ['best-average', 100 / 120],
  ['best-class-balanced', (86 / 100 + 14 / 20) / 2],
] as const)('an epoch selected by %s is judged by %d', (select, score) => {
  expect(selectionScore(select, ACCURACIES, 2)).toBeCloseTo(score, 12);
});

test('classes without validation images are left out', () => {
  const ofOneClass = groupAccuracies([3, 1, 0, 0], [4, 4, 0, 0], [4, 4, 4, 4]);
  expect(selectionScore('best-class-balanced', ofOneClass, 2)).toBe(0.5);
});

test('epochs as a table: a line each, by group, with the parts of the loss; what is not there is empty', () => {
  const none = groupAccuracies([1, 0], [1, 0], [1, 1]);
  const both = { ...none, accuracy: [0.5, 1], average: 0.75, worstGroupAccuracy: 0.5 };
  const table = epochsTable(
    [
      {
        epoch: 1,
        lr: 0.1,
        trainLoss: 0.7,
        lossTerms: { contrast: 0.2 },
        train: none,
        valLoss: 0.6,
        val: both,
        best: true,
        seconds: 2,
      },
    ],
    ['a', 'b'],
  );
  expect(table.trimEnd().split('\n')).toEqual([
    'epoch,step,lr,trainLoss,contrastLoss,valLoss,trainWorstGroup,trainAverage,train a,train b,valWorstGroup,valAverage,val a,val b,best,seconds',
    '1,1,0.1,0.7,0.2,0.6,1,1,1,,0.5,0.75,0.5,1,1,2',
  ]);
});

test('the first of equal epochs is the best, and at 0 the one with the best average', () => {
  const before = (bestScore: number) =>
    ({
      bestScore,
      bestEpoch: 2,
      metrics: [0.5, 0.6].map((average, i) => ({ epoch: i + 1, val: { average } })),
    }) as never;
  expect(isBest(0, 0.4, { bestScore: -1, bestEpoch: 0, metrics: [] })).toBe(true);
  expect(isBest(0.3, 0.9, before(0.3))).toBe(false);
  expect(isBest(0.31, 0.1, before(0.3))).toBe(true);
  expect(isBest(0, 0.61, before(0))).toBe(true);
  expect(isBest(0, 0.6, before(0))).toBe(false);
  expect(isBest(0.1, 0.1, before(0))).toBe(true);
  expect(selectionWords('best-worst-group', 0)).toContain('average');
});
