import { fileURLToPath } from 'node:url';
import { node } from '../cli/support.js';

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
const run = (code: string) => node(['--input-type=module', '-e', code]);

test('a process that exits or throws under a running kernel ends as it says', () => {
  const exited = run(`${WORKING} setTimeout(() => process.exit(3), 5);`);
  expect(exited).toMatchObject({ status: 3, stdout: '', stderr: '' });
  const thrown = run(`${WORKING} setTimeout(() => { throw new Error('thrown'); }, 5);`);
  expect(thrown).toMatchObject({ status: 1, stderr: expect.stringContaining('Error: thrown') as string });
});

test('what is asked for after the shutdown is refused', () => {
  const { status, stdout } = run(`${WORKING}
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
  expect(status).toBe(4);
  expect(stdout).toContain(
    'NATIVE_FAILED the engine is shut down: the process is about to end (in run(input, options))',
  );
  expect(stdout).toContain('[ 4, 3, 224, 224 ] true');
});

test('no signal of the process is libtorch\u2019s', () => {
  const { status, stdout } = run(`
    const { readFileSync } = await import('node:fs');
    const caught = () => /^SigCgt:.*$/m.exec(readFileSync('/proc/self/status', 'utf8'))[0];
    const before = caught();
    const { native } = await import(${JSON.stringify(LIBRARY.replace('index.js', 'native/addon.js'))});
    native();
    console.log(caught() === before, before);`);
  expect([status, stdout]).toEqual([0, expect.stringMatching(/^true /)]);
});

test('workers that are terminated with jobs in flight take nothing with them', () => {
  const outcome = node(['test/native/workers.mjs', '6']);
  expect(outcome).toMatchObject({ status: 5, stdout: '1,2\n', stderr: '' });
});

test('500 training steps leave no live handle and hardly grow the process', () => {
  const { stdout, stderr } = node(['test/native/trainSteps.mjs']);
  expect(stderr).toBe('');
  const { growth, left } = JSON.parse(stdout) as { growth: number; left: number };
  process.stdout.write(`  memory: ${growth.toFixed(1)} MB from step 50 to step 500 (limit 20)\n`);
  expect(growth).toBeLessThan(20);
  expect(left).toBe(0);
});
