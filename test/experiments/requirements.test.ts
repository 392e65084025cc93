import type { RunEvaluation } from '../../src/experiments/evaluateRun.js';
import { judgeRule, readRule } from '../../src/experiments/requirements.js';
import { groupAccuracies } from '../../src/metrics/groups.js';
import { changeInterval } from '../../src/metrics/intervals.js';

/** An evaluation of groups of `total` images, of which the first `correct` are right. */
function evaluation(correct: readonly number[], total: readonly number[]): RunEvaluation {
  const rows = total.flatMap((count, group) =>
    Array.from({ length: count }, (_, i) => ({
      file: `${group}-${i}`,
      group,
      class: 'a',
      prediction: i < (correct[group] ?? 0) ? 'a' : 'b',
    })),
  );
  return { accuracies: groupAccuracies(correct, total, total), rows } as unknown as RunEvaluation;
}

const judged = (rule: string, after: RunEvaluation, before?: RunEvaluation) =>
  judgeRule(readRule(rule), after, before);

test.each([
  ['worst-group>=0.6', [90, 80], 0.8, 'pass'],
  ['worst-group>=0.6', [90, 40], 0.4, 'fail'],
  ['worst-group>=0.6', [90, 62], 0.62, 'undecided'],
  ['worst-group>=0.6', [90, 58], 0.58, 'undecided'],
  ['worst-group<=0.6', [90, 40], 0.4, 'pass'],
  ['average >= 0.9', [99, 98], 0.985, 'pass'],
  ['average>=0.9', [80, 80], 0.8, 'fail'],
  ['gap<=0.2', [95, 94], 0.01, 'pass'],
  ['gap<=0.2', [95, 40], 0.55, 'fail'],
  ['gap<=0.2', [95, 75], 0.2, 'undecided'],
] as const)('%s of %p right of 100 each', (rule, correct, value, verdict) => {
  const found = judged(rule, evaluation(correct, [100, 100]));
  expect(found).toMatchObject({ rule, verdict, value: expect.closeTo(value, 12) as number });
  const [low = 1, high = 0] = found.interval ?? [];
  expect([low <= value, value <= high]).toEqual([true, true]);
});

test('the worst group is decided by each group: one that may be worse leaves the rule open', () => {
  // The smallest group has the widest interval.
  const found = judged('worst-group>=0.6', evaluation([70, 8], [100, 10]));
  expect(found).toMatchObject({ value: 0.7, verdict: 'undecided' });
});

test('no group below another run, by the images on which the two differ', () => {
  const [before, after] = [evaluation([90, 50], [100, 100]), evaluation([60, 90], [100, 100])];
  const found = judged('no-group-below runs/a', after, before);
  expect(found).toMatchObject({ value: -0.3, verdict: 'fail' });
  expect(found.interval).toEqual(changeInterval({ total: 100, lost: 30, gained: 0 }));
  const same = judged('no-group-below runs/a', before, before);
  expect(same).toMatchObject({ value: 0, verdict: 'undecided' });
  expect(judged('no-group-below runs/a by 0.05', before, before).verdict).toBe('pass');
  expect(readRule('no-group-below a run by 0.1')).toMatchObject({ run: 'a run', bound: -0.1 });
});

test('a group without images fails what is said of groups', () => {
  const missing = evaluation([90, 0], [100, 0]);
  for (const rule of ['worst-group>=0.1', 'gap<=0.9', 'no-group-below x'])
    expect(judged(rule, missing, missing)).toEqual({ rule, value: null, interval: null, verdict: 'fail' });
  expect(judged('average>=0.5', missing).verdict).toBe('pass');
});

test.each([
  'worst>=0.6',
  'worst-group>0.6',
  'worst-group>=60',
  'gap<=',
  'no-group-below',
  'no-group-below x by 2',
])('%p is refused', (rule) => {
  expect(() => readRule(rule)).toThrow(/`require` is .*: it takes worst-group, average, gap with >= or <=/);
});
