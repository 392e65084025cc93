import { mannWhitney } from '../../src/metrics/mannWhitney.js';
import { maxT } from '../../src/metrics/maxT.js';
import { native } from '../../src/native/addon.js';

test('a column that differs between parts is found, with its AUC, and no other', () => {
  const generator = new (native().Generator)(0);
  const parts = Int32Array.from({ length: 120 }, (_, i) => i % 3);
  const columns = Array.from({ length: 4 }, () => Float64Array.from(generator.randn(parts.length)));
  columns[2] = Float64Array.from(columns[2] ?? [], (value, i) => value + (parts[i] === 1 ? 1.5 : 0));
  const cells = maxT(columns, parts, { permutations: 199 });
  expect(cells).toHaveLength(12);
  const found = cells.filter(({ pValue }) => pValue <= 0.05);
  expect(new Set(found.map(({ column }) => column))).toEqual(new Set([2]));
  const own = (isOne: boolean): number[] =>
    [...(columns[2] ?? [])].filter((_, i) => (parts[i] === 1) === isOne);
  const cell = cells.find(({ column, part }) => column === 2 && part === 1);
  expect(cell?.pValue).toBe(1 / 200);
  expect(cell?.auc).toBeCloseTo(mannWhitney(own(true), own(false)).u / (40 * 80), 10);
});

test('within blocks a difference between blocks is none', () => {
  const generator = new (native().Generator)(1);
  const blocks = Int32Array.from({ length: 80 }, (_, i) => Number(i < 40));
  // Most of block 1 is wrong, and its values are larger.
  const parts = Int32Array.from(blocks, (block, i) => Number(i % 10 < (block === 1 ? 7 : 2)));
  const column = Float64Array.from(generator.randn(80), (value, i) => value + 5 * (blocks[i] ?? 0));
  for (const { pValue } of maxT([column], parts, { blocks })) expect(pValue).toBeGreaterThan(0.05);
  expect(maxT([column], parts).every(({ pValue }) => pValue < 0.01)).toBe(true);
});

test('of sets of noise, no more than chance allows have any finding', () => {
  const generator = new (native().Generator)(2);
  let alarms = 0;
  const sets = 60;
  for (let set = 0; set < sets; set += 1) {
    const parts = Int32Array.from({ length: 100 }, (_, i) => i % 4);
    const shared = generator.randn(100);
    const columns = Array.from({ length: 7 }, () =>
      Float64Array.from(generator.randn(100), (value, i) => value + (shared[i] ?? 0)),
    );
    alarms += Number(
      maxT(columns, parts, { permutations: 99, seed: set }).some(({ pValue }) => pValue <= 0.05),
    );
  }
  // 95 % of what chance gives: 0.05 of 60 sets are three; eight or more happen in 1 of 100 cases.
  expect(alarms).toBeLessThan(8);
});
