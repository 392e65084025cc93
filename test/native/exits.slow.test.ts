import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { outcomeOf } from '../cli/support.js';
import { runScript } from './script.js';

const LIBRARY = fileURLToPath(new URL('../../dist/index.js', import.meta.url));

/** A forward pass of some 100 ms at work, and others behind it. */
const WORKING = `
  const { Model, native } = await import(${JSON.stringify(LIBRARY)});
  const generator = new (native().Generator)(0);
  const model = await Model.create({ arch: 'resnet18', numClasses: 2, generator, device: 'cpu' });
  const images = await native().tensor(new Float32Array(4 * 3 * 224 * 224), [4, 3, 224, 224], 'cpu');
  for (let i = 0; i < 10; i++) model.network.run(images).catch(() => {});
`;

/** Runs a module in a process of its own. */
async function run(code: string): Promise<{ exitCode: number | null; printed: string }> {
  const { NODE_OPTIONS: _options, ...env } = process.env;
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { env, stdio });
  const { exitCode, stdout, stderr } = await outcomeOf(child);
  return { exitCode, printed: stdout + stderr };
}

test('a process that exits or throws under a running kernel ends as it says', async () => {
  const [exited, thrown] = await Promise.all([
    run(`${WORKING} setTimeout(() => process.exit(3), 5);`),
    run(`${WORKING} setTimeout(() => { throw new Error('thrown'); }, 5);`),
  ]);
  // null: by a signal.
  expect([exited.exitCode, thrown.exitCode]).toEqual([3, 1]);
  expect(exited.printed).toBe('');
  expect(thrown.printed).toContain('Error: thrown');
});

test('what is asked for after the shutdown is refused', async () => {
  const { exitCode, printed } = await run(`${WORKING}
    process.on('exit', () => {
      try {
        model.network.run(images);
      } catch ({ code, message }) {
        console.log(code, message);
      }
      console.log(images.shape, native().liveTensors() > 0);
      native().shutDown();
    });
    process.exit(4);`);
  expect(exitCode).toBe(4);
  expect(printed).toContain(
    'NATIVE_FAILED the engine is shut down: the process is about to end (in run(input, options))',
  );
  expect(printed).toContain('[ 4, 3, 224, 224 ] true');
});

test('no signal of the process is libtorch\u2019s', async () => {
  const { exitCode, printed } = await run(`
    const { readFileSync } = await import('node:fs');
    const caught = () => /^SigCgt:.*$/m.exec(readFileSync('/proc/self/status', 'utf8'))[0];
    const before = caught();
    const { native } = await import(${JSON.stringify(LIBRARY.replace('index.js', 'native/addon.js'))});
    native();
    console.log(caught() === before, before);`);
  expect([exitCode, printed]).toEqual([0, expect.stringMatching(/^true /)]);
});

test('workers that are terminated with jobs in flight take nothing with them', () => {
  expect(runScript('workers.mjs', ['6'])).toMatchObject({ status: 5, stdout: '1,2\n', stderr: '' });
});
