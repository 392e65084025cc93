import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { studyText } from '../../src/cli/studyFileText.js';
import { studyTables } from '../../src/reproduce/studyFile/reproduceStudy.js';
import { ROOT } from '../cli/support.js';
import { temporaryFolder } from '../temporary.js';

const root = temporaryFolder();
const STUDY = 'studies/photographs';

/** Each chart of a study's results, and the command that draws it, where the study lies. */
const charts = readdirSync(join(ROOT, 'studies'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.svg'))
  .map((path) => {
    const [study, name] = [dirname(dirname(path)), basename(path)];
    return { study: join('studies', study), name, command: commandOf(study, name) };
  });

function commandOf(study: string, name: string): readonly string[] {
  const [, benchmark = '', shown = ''] = /^(?:(.*)-)?([^-]*)\.svg$/.exec(name) ?? [];
  const file = join('studies', study, 'study.yaml');
  if (shown === 'test') return ['part2Chart.mjs', file, benchmark];
  if (shown === 'curve') return ['photographs/curveChart.mjs'];
  if (shown === 'growth') return ['growthChart.mjs', file, benchmark];
  return shown === 'auc' ? ['planted/aucChart.mjs', file] : ['testsChart.mjs', file, benchmark];
}

/**
 * Runs a script of studies in `folder`, on a copy of a study without one of its results, and returns what it prints. Scripts write beside
 * the study, and measure models that have no record.
 */
function runOnCopy(folder: string, study: string, command: readonly string[], without?: string): string {
  const [script = '', ...args] = command;
  cpSync(join(ROOT, study), join(folder, study), { recursive: true });
  if (without !== undefined) rmSync(join(folder, study, without));
  return execFileSync(process.execPath, [join(ROOT, 'scripts/studies', script), ...args], {
    cwd: folder,
    encoding: 'utf8',
    stdio: 'pipe',
  });
}

test.each(charts)('$study: $name shows its tables', ({ study, name, command }) => {
  const folder = join(root, study, name);
  const chart = join('results', name);
  runOnCopy(folder, study, command, chart);
  // Otherwise: npm run build, and node scripts/studies/ with that command
  expect(readFileSync(join(folder, study, chart), 'utf8')).toBe(
    readFileSync(join(ROOT, study, chart), 'utf8'),
  );
});

test.each([
  [`${STUDY}/study.yaml`, 'tables.md'],
  ['studies/celeba/study.yaml', 'tables.md'],
  ['studies/celeba/further.yaml', 'further.md'],
  ['studies/celeba-converged/study.yaml', 'tables.md'],
  ['studies/compositions/study.yaml', 'tables.md'],
])('the tables of %s are those of the recorded results', async (study, file) => {
  const tables = await studyTables({ study: join(ROOT, study) });
  // Otherwise: npx spurmem reproduce study --study STUDY --tables > that file, beside the study
  expect(`${studyText(tables)}\n`).toBe(readFileSync(join(ROOT, dirname(study), file), 'utf8'));
});

test.each([
  ['studies/planted/tables.md', 'planted/results.mjs', 'studies/planted/study.yaml'],
  ['studies/celeba/starts.md', 'startMargins.mjs', 'studies/celeba/study.yaml', 'celeba'],
  ['studies/compositions/starts.md', 'startMargins.mjs', 'studies/compositions/study.yaml', 'birds'],
])('%s is of the recorded results', (tables, ...command) => {
  const printed = runOnCopy(join(root, tables), dirname(tables), command);
  // Otherwise: npm run build, and node scripts/studies/ with that command > that file
  expect(printed).toBe(readFileSync(join(ROOT, tables), 'utf8'));
});
