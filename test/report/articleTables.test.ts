import { articleTable } from '../../src/report/articleTables.js';
import { groupLabels } from '../../src/report/groups.js';
import { MINORITY, NAMES, randomTrace, trace } from './fixtures.js';

const groups = groupLabels(NAMES, MINORITY);
const own = (k: number, group: number) =>
  trace.entries.find((entry) => entry.criterion === 'gradient' && entry.k === k && entry.group === group);

test('sets each group\u2019s own neurons beside each other', () => {
  const table = articleTable('table11', [trace, randomTrace('noise', [0.005, 1], 3)], groups);
  expect(table?.columns).toEqual(['perturbation', 'criterion', 'k', 'G0', 'G1*', 'G2*', 'G3']);
  expect(table?.rows).toHaveLength(2 * 2 * 3);
  expect(table?.rows[1]?.slice(0, 3)).toEqual(['zero', 'gradient', '2']);
  const { change = [], controls } = own(2, 1) ?? {};
  expect(controls?.[1]?.pValue).toBeLessThan(0.05);
  expect(table?.rows[1]?.[4]).toBe(`${(100 * (change[1] ?? 0)).toFixed(2)} †`);
  expect(table?.caption).toBe(
    'Table 11: change of each group\u2019s accuracy in points, its own neurons perturbed (σ = 0.005); † p ≤ 0.05 against random neurons',
  );
});

test('sets training beside test accuracy, with the model as it is first', () => {
  const test = { ...trace, split: 'test' as const };
  const table = articleTable('table14', [trace, test], groups);
  expect(table?.columns.slice(3, 5)).toEqual(['G0 training', 'G0 test']);
  expect(table?.rows[0]?.slice(0, 4)).toEqual([
    'none',
    '',
    '',
    (100 * (trace.baseline.accuracy[0] ?? 0)).toFixed(2),
  ]);
  expect(table?.rows[1]?.[3]).toBe((100 * (own(1, 0)?.accuracy[0] ?? 0)).toFixed(2));
});

test('is left out where the traces do not hold it', () => {
  expect(articleTable('table13', [trace], groups)).toBeUndefined();
  expect(articleTable('table3', [trace], groups)).toBeUndefined();
  expect(articleTable('table3', [], groups)).toBeUndefined();
});
