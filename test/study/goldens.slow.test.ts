import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { markdown } from '../../src/cli/commands/study.js';
import { readStudy } from '../../src/study/document.js';
import { writeStudyReport } from '../../src/study/report.js';
import { writeRescience } from '../../src/study/rescience.js';
import { studyTables } from '../../src/study/tables.js';
import { ROOT } from '../cli/support.js';
import { temporaryFolder } from '../temporary.js';

const root = temporaryFolder();

test.each([
  ['photographs/study', 'tables.md', 4],
  ['celeba/study', 'tables.md', 3],
  ['celeba/further', 'further.md', 0],
  ['celeba-converged/study', 'tables.md', 1],
  ['compositions/study', 'tables.md', 2],
  ['planted/study', 'tables.md', 2],
])('the tables and charts of %s are those of the recorded results', async (name, file, charts) => {
  const path = join(ROOT, 'studies', `${name}.yaml`);
  const study = await readStudy(path);
  // Otherwise: npx spurmem study tables STUDY > that file, next to the study
  const sections = await studyTables(study);
  expect(`${markdown(study, sections)}\n`).toBe(readFileSync(join(dirname(path), file), 'utf8'));
  if (charts === 0) return;
  const results = join(dirname(path), 'results');
  const folder = join(root, name);
  await writeStudyReport(study, folder, undefined, sections);
  // Two others were drawn by scripts of commit 193446e.
  const recorded = readdirSync(results).filter((chart) => /-(test|points|logits|auc)\.svg$/.test(chart));
  expect(recorded).toHaveLength(charts);
  // Otherwise: npx spurmem study report STUDY --to RESULTS, and remove its report.html
  for (const chart of recorded) {
    expect([chart, readFileSync(join(folder, chart), 'utf8')]).toEqual([
      chart,
      readFileSync(join(results, chart), 'utf8'),
    ]);
  }
});

test.each([
  ['studies/celeba/starts.md', 'startMargins.mjs', 'studies/celeba/study.yaml', 'celeba'],
  ['studies/compositions/starts.md', 'startMargins.mjs', 'studies/compositions/study.yaml', 'birds'],
  ['studies/membership/tables.md', 'membership/tables.mjs'],
])('%s is of the recorded results', (tables, script, ...args) => {
  const folder = join(root, tables);
  cpSync(join(ROOT, dirname(tables)), join(folder, dirname(tables)), { recursive: true });
  const printed = execFileSync(process.execPath, [join(ROOT, 'scripts/studies', script), ...args], {
    cwd: folder,
    encoding: 'utf8',
  });
  // Otherwise: npm run build, and node scripts/studies/ with that command > that file
  expect(printed).toBe(readFileSync(join(ROOT, tables), 'utf8'));
});

test('the record of CelebA’s images gives the tables of memorization', async () => {
  const folder = join(root, 'images');
  execFileSync(process.execPath, ['scripts/studies/memorization/images.mjs', 'unpack', 'celeba', folder], {
    cwd: ROOT,
  });
  const study = await readStudy(join(ROOT, 'studies/memorization/study.yaml'), {
    set: [`records=${folder}`],
  });
  // It has neither the runs' times nor the losses of epochs.
  const linesOf = (tables: string): string[] =>
    tables.split('\n').filter((line) => !/ hours(?:, | not recorded)|^\| loss summed/.test(line));
  const [celeba = ''] = readFileSync(join(ROOT, 'studies/memorization/tables.md'), 'utf8').split('\n# Birds');
  const made = markdown(study, await studyTables(study));
  expect(made).not.toMatch(/NaN|loss summed/);
  expect(made).toContain('hours not recorded');
  expect(linesOf(`${made}\n`)).toEqual(linesOf(celeba));
});

test('an article for ReScience C starts from the study’s own fields and tables', async () => {
  const path = join(ROOT, 'studies/celeba-converged');
  const study = await readStudy(join(path, 'study.yaml'));
  const tables = markdown(study, await studyTables(study));
  const files = await writeRescience(study, join(root, 'rescience'), tables);
  const [metadata = '', text] = files.map((file) => readFileSync(file, 'utf8'));
  expect(parse(metadata)).toMatchObject({
    title: expect.stringContaining(`: ${study.title}`) as string,
    keywords: expect.stringMatching(/, ERM, fine-tuned, DFR$/) as string,
    data: [0, 1, 2, 3, 4].map((fold) => ({ name: `celeba-${fold}` })),
    replication: [{ doi: '10.1038/s41467-025-61531-5' }],
    type: 'Replication',
  });
  expect(text).toBe(readFileSync(join(path, 'tables.md'), 'utf8'));
});
