import type { TraceUnstructuredResult } from '../../src/experiments/results.js';
import type { Figure } from '../../src/report/figure.js';
import { table3, table11, table13, table14 } from '../../src/report/figures/articleTables.js';
import { groupLabels } from '../../src/report/groupLabels.js';
import { testsOf } from '../../src/report/traces/tests.js';
import { fullReport, randomTrace, trace } from './fixtures.js';

const { dataset } = fullReport;
/** The figure's only table of these traces, if they hold one. */
const tableOf = (figure: Figure, traces: readonly TraceUnstructuredResult[]) =>
  figure.show({ traces, dataset }, groupLabels(dataset))?.tables?.[0];
const own = (k: number, group: number) =>
  trace.entries.find((entry) => entry.criterion === 'gradient' && entry.k === k && entry.group === group);

test('sets each group\u2019s own neurons beside each other', () => {
  const table = tableOf(table11, [trace, randomTrace('noise', [0.005, 1], 3)]);
  expect(table?.columns.map(({ name }) => name)).toEqual([
    'perturbation',
    'criterion',
    'k',
    'G0',
    'G1*',
    'G2*',
    'G3',
  ]);
  expect(table?.rows).toHaveLength(2 * 2 * 3);
  expect(table?.rows[1]?.slice(0, 3)).toEqual(['zero', 'gradient', '2']);
  const entry = own(2, 1);
  const change = entry?.change ?? [];
  expect(entry && testsOf(entry.comparisons, 1)['same-layers']?.accuracy?.pValue).toBeLessThan(0.05);
  expect(table?.rows[1]?.[4]).toBe(`${(100 * (change[1] ?? 0)).toFixed(2)} †`);
  expect(table?.caption).toBe(
    'Table 11: change of each group\u2019s accuracy in points, its own neurons perturbed (σ = 0.005); † p ≤ 0.05 against random neurons',
  );
});

test('sets training beside test accuracy, with the model as it is first', () => {
  const test = { ...trace, split: 'test' as const };
  const table = tableOf(table14, [trace, test]);
  expect(table?.columns.slice(3, 5).map(({ name }) => name)).toEqual(['G0 training', 'G0 test']);
  expect(table?.rows[0]?.slice(0, 4)).toEqual([
    'none',
    '',
    '',
    (100 * (trace.baseline.accuracy[0] ?? 0)).toFixed(2),
  ]);
  expect(table?.rows[1]?.[3]).toBe((100 * (own(1, 0)?.accuracy[0] ?? 0)).toFixed(2));
});

test('says where margins start in training and in test below Table 13', () => {
  const starts = [7, 4.604, 6.5, 7.2];
  const train = { ...trace, baselineMargin: starts };
  const ofTest = { ...trace, split: 'test' as const, baselineMargin: [5, -2.58, 2.9, 6] };
  expect(tableOf(table13, [train, ofTest])?.notes).toEqual([
    expect.stringContaining(
      'in training and in test: G0 7.00 and 5.00, G1* 4.60 and -2.58, G2* 6.50 and 2.90, G3',
    ),
  ]);
  // Older traces do not say.
  expect(tableOf(table13, [trace, ofTest])?.notes).toEqual([]);
  expect(tableOf(table14, [train, ofTest])?.notes).toBeUndefined();
  const [row] = table13.show({ traces: [train], dataset }, groupLabels(dataset))?.data?.rows ?? [];
  expect(row).toMatchObject({ baselineMargin: 7 });
});

test('is left out where the traces do not hold it', () => {
  expect(tableOf(table13, [trace])).toBeUndefined();
  expect(tableOf(table3, [trace])).toBeUndefined();
  expect(tableOf(table3, [])).toBeUndefined();
});
