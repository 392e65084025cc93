import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../cli/support.js';
import { temporaryFolder } from '../temporary.js';

const root = temporaryFolder();
const RESULTS = 'docs/studies/photographs';
const charts = readdirSync(join(ROOT, RESULTS)).filter((name) => name.endsWith('.svg'));

test.each(charts)('%s shows its table', (chart) => {
  const folder = join(root, chart);
  const table = chart.replace(/svg$/, 'csv');
  mkdirSync(join(folder, RESULTS), { recursive: true });
  copyFileSync(join(ROOT, RESULTS, table), join(folder, RESULTS, table));
  const script = join(ROOT, 'scripts/studies/photographs/part2Chart.mjs');
  const benchmark = table.replace(/-test\.csv$/, '');
  execFileSync(process.execPath, [script, benchmark], { cwd: folder, stdio: 'pipe' });
  // Otherwise: npm run build && node scripts/studies/photographs/part2Chart.mjs with the benchmark's name
  expect(readFileSync(join(folder, RESULTS, chart), 'utf8')).toBe(
    readFileSync(join(ROOT, RESULTS, chart), 'utf8'),
  );
});
