import { fixed, MISSING, probability } from '../../src/kit/columns.js';
import {
  csvRows,
  distinct,
  groupedBy,
  groupsIn,
  isOf,
  lookup,
  numbers,
  pick,
  select,
} from '../../src/kit/rows.js';
import { list, pivot } from '../../src/kit/table.js';

const rows = [
  { arm: 'ERM', group: 0, accuracy: 0.9, accuracyLow: 0.85, accuracyHigh: 0.951 },
  { arm: 'ERM', group: 1, accuracy: 0.5, accuracyLow: null, accuracyHigh: null },
  { arm: 'DFR', group: 1, accuracy: 0.75 },
];
const groupName = (group: number): string => (group === 1 ? 'G1*' : `G${group}`);

test('rows are selected and grouped in order of appearance', () => {
  expect(select(rows, { arm: 'ERM', group: 1 })).toEqual([rows[1]]);
  expect(distinct(rows, 'group')).toEqual([0, 1]);
  expect(distinct(rows, 'accuracyLow')).toEqual([0.85, null]);
  expect(groupedBy(rows, ['group']).map((own) => own.length)).toEqual([1, 2]);
  expect(numbers(rows, 'accuracyLow')).toEqual([0.85, Number.NaN, Number.NaN]);
  expect(pick(rows[2], ['arm', 'accuracyLow'])).toEqual({ arm: 'DFR', accuracyLow: null });
  expect(groupsIn({ total0: 1, total12: 1, totals: 1, subtotal3: 1 }, 'total')).toEqual([0, 12]);
  // Columns that a row lacks do not tell it apart.
  expect([isOf({ arm: 'ERM' }, { arm: 'ERM', seed: 1 }), isOf({ seed: 2 }, { seed: 1 })]).toEqual([
    true,
    false,
  ]);
  const keys = [
    { arm: 'ERM', group: 1 },
    { arm: 'ERM', group: 2 },
    { group: '1' },
    { arm: 'DFR', seed: 1 },
    {},
  ];
  expect(keys.map(lookup(rows))).toEqual([true, false, false, true, true]);
  expect(keys.map(lookup([]))).toEqual(keys.map(() => false));
});

test('rows of a CSV file have the columns of all, without lists', () => {
  const some = [
    { k: 1, isShown: true },
    { k: 3, x: 0.5, xValues: [0, 1] },
  ];
  expect(csvRows(some)).toEqual([
    { k: 1, isShown: 'true', x: null },
    { k: 3, isShown: null, x: 0.5 },
  ]);
});

test('a list has a line per row, each number in its unit', () => {
  const [table] = list(rows, ['arm', 'group', 'accuracy', 'n'], { caption: 'Accuracy', groupName });
  expect(table).toEqual({
    caption: 'Accuracy',
    // No row has n.
    columns: [{ name: 'arm', text: true }, { name: 'group', text: true }, { name: 'accuracy' }],
    rows: [
      ['ERM', 'G0', '90.0 [85.0, 95.1]'],
      ['ERM', 'G1*', '50.0'],
      ['DFR', 'G1*', '75.0'],
    ],
  });
  expect(list([], ['arm'], { caption: '' })).toEqual([]);
  const [fine] = list(rows, ['accuracy'], { caption: '', decimals: { accuracy: 2 } });
  expect(fine?.rows[0]).toEqual(['90.00 [85.00, 95.10]']);
});

test('a list shows tests, margins and replicates', () => {
  const tested = {
    question: 'interaction',
    unit: 'logits',
    value: -0.0001,
    valueValues: [-0.1, 0.0998],
    valueP: 0.00002,
    valuePHolm: 0.25,
    valueWithin: true,
    valueWithinLow: -0.05,
    valueWithinHigh: 0.05,
    marginInteraction: 1.234,
    accuracy3: -0.2,
  };
  const [table] = list(
    [tested, { question: 'none' }],
    [
      ...(['question', 'value', 'valueValues', 'valueP', 'valuePHolm', 'valueWithin'] as const),
      ...(['marginInteraction', 'accuracy3', 'own beyond same-layers'] as const),
    ],
    { caption: 'Tests', notes: ['a note'] },
  );
  expect(table?.columns.map(({ name }) => name)).toEqual([
    ...['question', 'mean [95 %]', 'mean [95 %]', 'p', 'p, Holm', '90 % within the margin'],
    ...['margin interaction', 'G3'],
  ]);
  expect(table?.rows).toEqual([
    [
      ...['interaction', '0.000', '0.000 (-0.100, 0.100)', '0.00002', '0.2500', 'yes [-0.050, 0.050]'],
      ...['1.23', '-20.0'],
    ],
    ['none', '', '', '', '', '', '', ''],
  ]);
  expect(table?.notes).toEqual(['a note']);
});

test('a pivot has a line and a column per combination of settings', () => {
  const places = { down: ['arm'], across: ['group'], cell: 'accuracy' } as const;
  const [table] = pivot(rows, places, { caption: '', groupName });
  expect(table?.columns.map(({ name }) => name)).toEqual(['arm', 'G0', 'G1*']);
  expect(table?.rows).toEqual([
    ['ERM', '90.0 [85.0, 95.1]', '50.0'],
    ['DFR', '', '75.0'],
  ]);
  expect(pivot([], places, { caption: '' })).toEqual([]);
});

test('numbers never end as -0, NaN or a p of 0', () => {
  expect([fixed(-0.0001, 2), fixed(Number.NaN, 2), fixed(null, 1)]).toEqual(['0.00', MISSING, MISSING]);
  expect([probability(0.0004), probability(0.0005), probability(1)]).toEqual(['0.0004', '0.001', '1.000']);
});
