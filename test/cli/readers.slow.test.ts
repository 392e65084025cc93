import { spawn } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../temporary.js';
import { ADDON, spurmem } from './support.js';

const folder = temporaryFolder();
const root = fileURLToPath(new URL('../..', import.meta.url));

test('a reader that closes stdout early is no error', async () => {
  const child = spawn(process.execPath, [join(root, 'bin', 'spurmem.js'), 'doctor', '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const exitCode = await new Promise((resolve) => child.once('close', resolve));
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
});

test('SPURMEM_ADDON may be relative to the working folder', async () => {
  copyFileSync(ADDON, join(folder, 'copy.node'));
  const outcome = await spurmem(['doctor'], { SPURMEM_ADDON: relative(root, join(folder, 'copy.node')) });
  expect(outcome).toMatchObject({ exitCode: 0, stderr: '' });
  expect(outcome.stdout).toContain(`addon: ${join(folder, 'copy.node')}`);
});

test('another module in the place of the addon is refused with fixes', async () => {
  const other = join(folder, 'other.cjs');
  writeFileSync(other, 'module.exports = {};');
  const { exitCode, stdout } = await spurmem(['doctor'], { SPURMEM_ADDON: other });
  expect(stdout).toMatch(/FAIL addon: .*\n.*other\.cjs.\n.*another module.*\n +1\. /);
  expect(exitCode).toBe(1);
});
