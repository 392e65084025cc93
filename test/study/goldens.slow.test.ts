import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { markdown } from '../../src/cli/commands/study.js';
import { readStudy } from '../../src/study/document.js';
import { writeStudyReport } from '../../src/study/report.js';
import { studyTables } from '../../src/study/tables.js';
import { ROOT } from '../cli/support.js';
import { temporaryFolder } from '../temporary.js';

const root = temporaryFolder();

test.each([
  ['photographs/study', 'tables.md', 4],
  ['celeba/further', 'further.md', 0],
  ['celeba-converged/study', 'tables.md', 1],
  ['compositions/study', 'tables.md', 2],
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
