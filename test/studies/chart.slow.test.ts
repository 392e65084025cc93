import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { studyCardsText, studyText } from '../../src/cli/studyFileText.js';
import { studyCards, studyTables } from '../../src/reproduce/studyFile/reproduceStudy.js';
import { ROOT } from '../cli/support.js';
import { temporaryFolder } from '../temporary.js';

const root = temporaryFolder();
const STUDY = 'studies/photographs';
const RESULTS = join(STUDY, 'results');
const charts = readdirSync(join(ROOT, RESULTS)).filter((name) => name.endsWith('.svg'));

test.each(charts)('%s shows its tables', (chart) => {
  const folder = join(root, chart);
  cpSync(join(ROOT, STUDY), join(folder, STUDY), { recursive: true });
  rmSync(join(folder, RESULTS, chart));
  const [, benchmark] = /^(.*)-test\.svg$/.exec(chart) ?? [];
  const [script, ...args] = benchmark === undefined ? ['curveChart.mjs'] : ['part2Chart.mjs', benchmark];
  execFileSync(process.execPath, [join(ROOT, 'scripts/studies/photographs', script), ...args], {
    cwd: folder,
    stdio: 'pipe',
  });
  // Otherwise: npm run build && node scripts/studies/photographs/ with that script
  expect(readFileSync(join(folder, RESULTS, chart), 'utf8')).toBe(
    readFileSync(join(ROOT, RESULTS, chart), 'utf8'),
  );
});

test('the tables are those of the recorded results', async () => {
  const tables = await studyTables({ study: join(ROOT, STUDY, 'study.yaml') });
  // Otherwise: npx spurmem reproduce study --study studies/photographs/study.yaml --tables > studies/photographs/tables.md
  expect(`${studyText(tables)}\n`).toBe(readFileSync(join(ROOT, STUDY, 'tables.md'), 'utf8'));
});

test('the cards are those of the recorded results', async () => {
  const study = join(STUDY, 'study.yaml');
  const { title, benchmarks } = await studyCards({ study: join(ROOT, study) });
  const files = readdirSync(join(ROOT, STUDY, 'cards'));
  expect(files.sort()).toEqual(benchmarks.map(({ benchmark }) => `${benchmark}.md`).sort());
  for (const one of benchmarks) {
    // Otherwise: npx spurmem reproduce study --study studies/photographs/study.yaml --cards studies/photographs/cards
    expect(studyCardsText({ title, study }, one)).toBe(
      readFileSync(join(ROOT, STUDY, 'cards', `${one.benchmark}.md`), 'utf8'),
    );
  }
});
