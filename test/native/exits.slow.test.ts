import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const LIBRARY = fileURLToPath(new URL('../../dist/index.js', import.meta.url));

/** A forward pass of some 100 ms at work, and others behind it. */
const WORKING = `
  const { Model, native } = await import(${JSON.stringify(LIBRARY)});
  const generator = new (native().Generator)(0);
  const model = await Model.create({ arch: 'resnet18', numClasses: 2, generator, device: 'cpu' });
  const images = await native().tensor(new Float32Array(4 * 3 * 224 * 224), [4, 3, 224, 224], 'cpu');
  for (let i = 0; i < 10; i++) model.network.forward(images).catch(() => {});
`;

/** Runs a module in a process of its own. */
async function run(code: string): Promise<{ status: number | null; signal: string | null; printed: string }> {
  const { NODE_OPTIONS: _options, ...env } = process.env;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { env });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      printed += data.toString();
    });
  }
  return new Promise((resolve) => {
    child.once('close', (status, signal) => {
      resolve({ status, signal, printed });
    });
  });
}

test('a process that exits or throws under a running kernel ends as it says', async () => {
  const [exited, thrown] = await Promise.all([
    run(`${WORKING} setTimeout(() => process.exit(3), 5);`),
    run(`${WORKING} setTimeout(() => { throw new Error('thrown'); }, 5);`),
  ]);
  expect([exited, thrown].map(({ status, signal }) => [status, signal])).toEqual([
    [3, null],
    [1, null],
  ]);
  expect(exited.printed).toBe('');
  expect(thrown.printed).toContain('Error: thrown');
});

test('what is asked for after the shutdown is refused', async () => {
  const { status, printed } = await run(`${WORKING}
    process.on('exit', () => {
      try {
        model.network.forward(images);
      } catch ({ code, message }) {
        console.log(code, message);
      }
      console.log(images.shape, native().liveTensors() > 0);
      native().shutDown();
    });
    process.exit(4);`);
  expect(status).toBe(4);
  expect(printed).toContain(
    'NATIVE_FAILED the engine is shut down: the process is about to end (in forward(batch, options))',
  );
  expect(printed).toContain('[ 4, 3, 224, 224 ] true');
});

test('workers that are terminated with jobs in flight take nothing with them', () => {
  const { NODE_OPTIONS: _options, ...env } = process.env;
  const script = fileURLToPath(new URL('./workers.mjs', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, '6'], { encoding: 'utf8', env });
  expect({ status, stdout, stderr }).toEqual({ status: 5, stdout: '1,2\n', stderr: '' });
});
