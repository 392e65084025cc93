import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeStudyReport } from '../../src/report/study/report.js';
import { focusTable, studyTable } from '../../src/report/study/tables.js';
import { temporaryFolder } from '../temporary.js';
import { studyOf } from './fixtures.js';

const folder = temporaryFolder();
const ERM = [0.5, 0.52, 0.45];
const FINETUNED = [0.6, 0.65, 0.61];

const study = studyOf({ ERM, 'fine-tuned': FINETUNED }, { focus: 'fine-tuned' });

test('a row gives means, intervals and the paired difference', () => {
  const [erm, finetuned] = studyTable(study).rows;
  expect(erm).toEqual([
    'ERM',
    '3',
    '49.0 ± 3.6',
    '49.0 ± 3.6',
    '[40.0, 58.0]',
    '80.0 ± 0.0',
    '',
    '',
    '',
    '',
    '',
  ]);
  expect(finetuned?.slice(6)).toEqual(['+13.00', '[+5.55, +20.45]', '0.250 (0.250)', '0.017 (0.017)', '–']);
  expect(focusTable(study)?.rows).toEqual([
    ['ERM', '+13.00', '[+5.55, +20.45]', '0.250 (0.250)', '0.017 (0.017)', '–'],
  ]);
});

test('the report has a section for each study in the folder, and leaves other files alone', async () => {
  const files = {
    fig6: { kind: 'fig6', title: 'All <of> them', ...study },
    table10: { kind: 'table10', title: 'Criterion', ...study },
    other: {},
    null: null,
    near: { kind: 'near', title: 'Near', rows: [{ arm: 1 }] },
  };
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(folder, `${name}.json`), JSON.stringify(content));
  }
  const page = await readFile(await writeStudyReport(folder), 'utf8');
  expect(page).toContain('All &lt;of&gt; them (Fig. 6)');
  expect(page).toContain('Criterion (Table 10)');
  expect(page.indexOf('(Fig. 6)')).toBeLessThan(page.indexOf('(Table 10)'));
  expect(page).toContain('What fine-tuned gains over each of the others');
  const svg = await readFile(join(folder, 'fig6.svg'), 'utf8');
  expect(svg).toContain('fine-tuned: 62.0 %, 95 % interval [55.4, 68.6]');
  expect(svg).not.toContain('NaN');
});

test('a study of one seed is shown without intervals', async () => {
  const one = studyOf({ ERM: [0.5], 'fine-tuned': [0.6] });
  await writeFile(join(folder, 'fig6.json'), JSON.stringify({ kind: 'fig6', title: 'One seed', ...one }));
  await writeStudyReport(folder);
  const svg = await readFile(join(folder, 'fig6.svg'), 'utf8');
  expect(svg).toContain('fine-tuned: 60.0 %');
  expect(svg).not.toContain('95 % interval');
});

test('a damaged study is named', async () => {
  const path = join(folder, 'table4.json');
  await writeFile(path, '{"kind":');
  await expect(writeStudyReport(folder)).rejects.toMatchObject({ code: 'RUN_INVALID' });
  await expect(writeStudyReport(folder)).rejects.toThrow(`${path} is damaged`);
});
