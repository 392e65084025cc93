import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Counts by name. */
type Counts = Readonly<Record<string, number>>;

/** A job's result, and on the device for tests the counts meanwhile. */
export interface JobLine {
  readonly job: string;
  readonly result?: string;
  readonly error?: string;
  readonly milliseconds: number;
  readonly hazards?: Counts;
  readonly faults?: Counts;
  readonly waits?: Counts;
  /** The number of kernels, by device. */
  readonly launches?: readonly number[];
}

/** The kind of device: `test`, or `cuda` in a libtorch without CUDA, whose own key the device takes then. */
export const KIND = process.env.SPURMEM_TEST_DEVICE ?? 'test';

/** Builds the device for tests where its sources have changed. */
export async function buildDevice(): Promise<void> {
  await finished(join(ROOT, 'test/device/build'), [`-DAS_CUDA=${KIND === 'cuda' ? 'ON' : 'OFF'}`], {});
}

/** Runs jobs of product.mjs, all without names, in a process of their own: with the device for tests where that is the one. */
export async function runJobs(
  device: string,
  folder: string,
  jobs: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<JobLine[]> {
  const load = device === 'cpu' ? [] : ['--require', join(ROOT, 'test/device/load.cjs')];
  const words = [...load, join(ROOT, 'test/device/product.mjs'), device, folder, ...jobs];
  const output = await finished(process.execPath, words, environment);
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as JobLine);
}

/** The same in two processes that share each job: what each of them printed. */
export async function runInTwo(
  device: string,
  folder: string,
  jobs: readonly string[],
): Promise<JobLine[][]> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const place = { MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(port), WORLD_SIZE: '2' };
  return Promise.all(
    ['0', '1'].map((rank) => runJobs(device, folder, jobs, { ...place, RANK: rank, LOCAL_RANK: rank })),
  );
}

async function finished(
  program: string,
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<string> {
  const child = spawn(program, words, {
    cwd: ROOT,
    env: { ...process.env, NODE_OPTIONS: '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let messages = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (messages += text));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (code === 0) return output;
  throw new Error(`${program} ${words.join(' ')} ended with ${code ?? signal}:\n${output}\n${messages}`);
}
