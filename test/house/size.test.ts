import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../cli/support.js';

/** Files whose lines are counted: code and pages, not data, recorded results or the lock file. */
const COUNTED = /\.(?:ts|mjs|cjs|js|py|sh|c|cpp|h|md)$/;
/** Folders whose subfolders have budgets of their own. */
const SPLIT = new Set(['src', 'test', 'native']);

/** `src/train` for src/train/methods/erm.ts, `src` for src/errors.ts, `bench` for bench/src/main.ts. */
function budgetOf(file: string): string | undefined {
  const [top = '', second, ...rest] = file.split('/');
  if (!['src', 'native', 'test', 'scripts', 'bench', 'docs'].includes(top)) return undefined;
  return SPLIT.has(top) && second !== undefined && rest.length > 0 ? `${top}/${second}` : top;
}

const budgets = JSON.parse(readFileSync(join(ROOT, 'test/house/budgets.json'), 'utf8')) as Record<
  string,
  number
>;

const lines: Record<string, number> = {};
const listed = execFileSync(
  'git',
  ['ls-files', '--cached', '--others', '--exclude-standard', '--deduplicate'],
  {
    cwd: ROOT,
    encoding: 'utf8',
  },
);
const deleted = new Set(
  execFileSync('git', ['ls-files', '--deleted'], { cwd: ROOT, encoding: 'utf8' }).split('\n'),
);
for (const file of listed.split('\n')) {
  const folder = budgetOf(file);
  if (folder === undefined || !COUNTED.test(file) || deleted.has(file)) continue;
  lines[folder] = (lines[folder] ?? 0) + readFileSync(join(ROOT, file), 'utf8').split('\n').length - 1;
}

// A feature that needs more lines names, in its commit, what it replaces.
test('every folder stays within its budget of lines', () => {
  const over = Object.entries(lines)
    .filter(([folder, count]) => count > (budgets[folder] ?? 0))
    .map(([folder, count]) => `${folder}: ${count} lines, budget ${budgets[folder] ?? 0}`);
  expect(over).toEqual([]);
});

test('a budget follows a folder that got smaller', () => {
  const slack = Object.entries(budgets)
    .filter(([folder, budget]) => budget - (lines[folder] ?? 0) > Math.max(10, budget * 0.02))
    .map(([folder]) => `${folder}: lower its budget to ${lines[folder] ?? 0} in test/house/budgets.json`);
  expect(slack).toEqual([]);
});
