import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { ROOT } from '../cli/support.js';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const names = [...read('src/index.ts').matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, list = '']) =>
  list
    .split(',')
    .map((name) => name.trim().replace(/^type /, ''))
    .filter((name) => name !== ''),
);

test('the interface has what users need, each name documented', () => {
  expect(names.length).toBeGreaterThan(50);
  expect(names.length).toBeLessThanOrEqual(75);
  const document = read('docs/library.md');
  expect(names.filter((name) => !document.includes(`\`${name}\``))).toEqual([]);
});

test('CommonJS can require it: nothing that waits at its top level, as vega does, is loaded with it', () => {
  const script = "process.stdout.write(typeof require('./dist/index.js').trainErm)";
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], {
    ...{ cwd: ROOT, encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '--no-warnings' } },
  });
  expect({ stdout, stderr }).toEqual({ stdout: 'function', stderr: '' });
});
