import { stripVTControlCharacters } from 'node:util';
import { textTable } from '../../src/cli/textTable.js';
import type { Table } from '../../src/kit/table.js';
import { accuracyTable } from '../../src/report/figures/accuracy.js';
import { groupLabels } from '../../src/report/groupLabels.js';
import { erm, MINORITY, NAMES } from './fixtures.js';

const named = (groupNames: readonly string[]) => groupLabels({ groupNames, minorityGroups: MINORITY });
const groups = named(NAMES);
const printed = (table: Table): string => textTable(table, { color: false, width: 200 });
const ESCAPE = '\u001b[';

/** The cells of a printed table, row by row. */
function cells(table: string): string[][] {
  return table
    .split('\n')
    .filter((line) => line.startsWith('│'))
    .map((line) =>
      line
        .split('│')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

describe('the table of accuracies', () => {
  const table = printed(accuracyTable(erm, groups));

  it('prints the accuracies, the counts and the gap of each group', () => {
    const rows = cells(table);
    expect(rows[0]).toEqual(['Group', 'training', 'validation', 'test', 'gap']);
    expect(rows[3]).toEqual([
      'G2* coat with 0',
      '98.21 % (55/56)',
      '19.55 % (26/133)',
      '17.86 % (50/280)',
      '+80.36',
    ]);
    NAMES.forEach((_, group) => {
      expect(rows[group + 1]?.[3]).toBe(
        `${(100 * (erm.test.accuracy[group] ?? 0)).toFixed(2)} % (${erm.test.correct[group]}/${erm.test.total[group]})`,
      );
    });
  });

  it('names both averages and the selection', () => {
    const rows = cells(table);
    expect(rows.at(-2)?.slice(0, 4)).toEqual([
      'split average',
      ...[erm.train, erm.val, erm.test].map(({ average }) => `${(100 * average).toFixed(2)} %`),
    ]);
    expect(rows.at(-1)?.[0]).toBe('training-ratio weighted average');
    expect(rows.at(-1)?.[3]).toBe(`${(100 * erm.test.trainWeightedAverage).toFixed(2)} %`);
    expect(table).toContain('epoch 9 of 12, best validation worst-group accuracy');
    const last = printed(accuracyTable({ ...erm, select: 'last' }, groups));
    expect(last).toContain('epoch 9 of 12, the last one');
  });
});

const print = (color: boolean, names: readonly string[]): string =>
  textTable(accuracyTable(erm, named(names)), { color, width: 200 });

it('holds escape codes only with colour, and the same text either way', () => {
  expect(print(false, NAMES)).not.toContain(ESCAPE);
  expect(print(true, NAMES)).toContain(ESCAPE);
  expect(stripVTControlCharacters(print(true, NAMES))).toBe(print(false, NAMES));
});

it('lets no group name send escape codes or break a line', () => {
  const table = print(false, ['a\nb', `c${ESCAPE}31m`, 'd', 'e\r\u0007']);
  expect(table.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
  expect(table).toContain('a b');
});

test('a table that is wider than the terminal goes on below itself, after the text that rows begin with', () => {
  const names = Array.from({ length: 9 }, (_, at) => `measure ${at}`);
  const table = {
    caption:
      'Changes of accuracy in points, by group and criterion, in a caption that a narrow terminal has to break',
    columns: [
      { name: 'criterion', text: true },
      { name: 'layer', text: true },
      ...names.map((name) => ({ name })),
    ],
    rows: ['gradient', 'magnitude'].map((name, row) => [
      name,
      'layer4.1.conv2',
      ...names.map((_, at) => `${row}.${at}`),
    ]),
  };
  const parts = textTable(table, { color: false, width: 60 }).split(/^(?=.*, continued$)/m);
  expect(parts.length).toBeGreaterThan(1);
  // Each part has the title, the groups, and more than one column.
  for (const part of parts)
    expect(
      part
        .split('\n')
        .find((line) => line.startsWith('\u2502'))
        ?.split('\u2502').length,
    ).toBeGreaterThan(4);
  const wide = textTable(table, { color: false, width: 200 });
  expect(wide.split('\n').filter((line) => line.includes('gradient'))).toHaveLength(1);
  for (const width of [60, 80, 100]) {
    const lines = textTable(table, { color: true, width })
      .split('\n')
      .map((line) => stripVTControlCharacters(line));
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
    const text = lines.join('\n');
    for (const cell of [...names, '0.8', '1.8']) expect(text.split(cell)).toHaveLength(2);
    const rows = lines.filter((line) => line.includes('gradient'));
    expect(rows.length).toBeGreaterThan(1);
    for (const row of rows) expect(row).toContain('layer4.1.conv2');
  }
});
