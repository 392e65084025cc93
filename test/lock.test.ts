import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { checksum } from '../src/checksum.js';
import { isLocked, type LockOwner, ownerOf, tryLock } from '../src/lock.js';
import { ROOT } from './cli/support.js';
import { failure } from './data/support.js';
import { temporaryFolder } from './temporary.js';

const folder = temporaryFolder();
let count = 0;
const path = (): string => join(folder, `${(count += 1)}.lock`);

/** A lock of that owner, refreshed just now. */
function lockOf(owner: Partial<LockOwner>): string {
  const lock = path();
  mkdirSync(lock);
  const mine = { pid: process.pid, host: hostname(), boot: null, started: null, ...owner };
  writeFileSync(join(lock, 'owner.json'), JSON.stringify(mine));
  return lock;
}

const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

test('one holds it, until it lets go', async () => {
  const lock = path();
  const first = await tryLock(lock);
  expect(first?.isLost()).toBe(false);
  expect(await tryLock(lock)).toBeUndefined();
  expect(await isLocked(lock)).toBe(true);
  expect(await ownerOf(lock)).toMatchObject({ pid: process.pid, host: hostname(), boot });
  await first?.release();
  expect(existsSync(lock)).toBe(false);
  expect(await isLocked(lock)).toBe(false);
  const second = await tryLock(lock);
  expect(second).toBeDefined();
  await second?.release();
});

test('is kept while it is refreshed', async () => {
  const lock = path();
  const held = await tryLock(lock);
  await sleep(6_000); // It is refreshed every 5 s.
  expect(held?.isLost()).toBe(false);
  expect(await tryLock(lock)).toBeUndefined();
  await held?.release();
});

test('that of a process that was killed is taken over at once', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  const { pid = 0 } = child;
  const started = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19] ?? '';
  const lock = lockOf({ pid, boot, started });
  expect(await isLocked(lock)).toBe(true);
  expect(await tryLock(lock)).toBeUndefined();
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
  expect(await isLocked(lock)).toBe(false);
  const taken = await tryLock(lock);
  expect(await ownerOf(lock)).toMatchObject({ pid: process.pid });
  await taken?.release();
});

test('what a process that was killed left of making one is removed', async () => {
  const child = spawn(process.execPath, ['-e', '']);
  await new Promise((resolve) => child.once('exit', resolve));
  const [gone = '', mine = '', others = ''] = [
    [hostname(), child.pid],
    [hostname(), process.pid],
    ['another host', child.pid],
  ].map(([host, pid]) => join(folder, `.${checksum(String(host))}-${pid}-00000000.lock`));
  for (const left of [gone, mine, others]) mkdirSync(left);
  const lock = await tryLock(path());
  expect([gone, mine, others].map((left) => existsSync(left))).toEqual([false, true, true]);
  await lock?.release();
});

/** A worker thread, with the number and the start of its thread. */
async function startWorker(): Promise<{ worker: Worker; thread: number; started: string }> {
  const code = `
    const { readFileSync, readlinkSync } = require('node:fs');
    const thread = readlinkSync('/proc/thread-self').split('/').at(-1);
    const stat = readFileSync('/proc/self/task/' + thread + '/stat', 'utf8');
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    require('node:worker_threads').parentPort.postMessage({ thread: Number(thread), started });
    setInterval(() => {}, 1000);`;
  const worker = new Worker(code, { eval: true, execArgv: [] });
  const own = await new Promise<{ thread: number; started: string }>((resolve) => {
    worker.once('message', resolve);
  });
  return { worker, ...own };
}

test('that of a worker thread that was terminated is taken over at once, though its process lives', async () => {
  const { worker, ...own } = await startWorker();
  const lock = lockOf({ boot, ...own });
  expect(await isLocked(lock)).toBe(true);
  expect(await tryLock(lock)).toBeUndefined();
  await worker.terminate();
  expect(await isLocked(lock)).toBe(false);
  const taken = await tryLock(lock);
  expect(await ownerOf(lock)).toMatchObject({ pid: process.pid, boot });
  expect((await ownerOf(lock))?.thread).not.toBe(own.thread);
  await taken?.release();
});

test('is lost where another has taken it, or it was removed', async () => {
  const lock = path();
  const held = await tryLock(lock);
  expect(held?.isLost()).toBe(false);
  const owner = await ownerOf(lock);
  writeFileSync(join(lock, 'owner.json'), JSON.stringify({ ...owner, host: 'elsewhere' }));
  expect(held?.isLost()).toBe(true);
  rmSync(lock, { recursive: true });
  expect(held?.isLost()).toBe(true);
  await held?.release();
});

test.each([
  ['a process that was before the system started', { boot: 'another' }],
  ['an earlier process of the same number', { boot, started: '1' }],
])('that of %s is taken over', async (_what, owner) => {
  const lock = lockOf(owner);
  const taken = await tryLock(lock);
  expect(taken).toBeDefined();
  await taken?.release();
});

test.each([
  ['host', 'elsewhere'],
  ['container', `${hostname()} (pid:[1])`],
])('of a process of another %s, only one that is no longer refreshed', async (_place, host) => {
  // A number that no process here has.
  const lock = lockOf({ host, boot, pid: 2 ** 22 + 1 });
  expect(await tryLock(lock)).toBeUndefined();
  expect(await isLocked(lock)).toBe(true);
  const past = Date.now() / 1000 - 60;
  utimesSync(lock, past, past);
  expect(await isLocked(lock)).toBe(false);
  const taken = await tryLock(lock);
  expect(taken).toBeDefined();
  await taken?.release();
});

const CONTAINER = ['--user', '--map-root-user', '--pid', '--fork', '--mount-proc'];
const hasContainers = spawnSync('unshare', [...CONTAINER, 'true']).status === 0;
(hasContainers ? test : test.skip)(
  'a process of a container does not take those of living ones outside',
  async () => {
    const lock = path();
    const own = await tryLock(lock);
    const code = `
    const { isLocked, tryLock } = await import('#src/lock.js');
    console.log(process.pid, await isLocked(process.argv[1]), (await tryLock(process.argv[1])) === undefined);`;
    const node = [process.execPath, '--input-type=module', '-e', code, lock];
    const { stdout } = spawnSync('unshare', [...CONTAINER, ...node], { cwd: ROOT, encoding: 'utf8' });
    expect(stdout).toBe('1 true true\n');
    expect(own?.isLost()).toBe(false);
    await own?.release();
  },
);

test('several that find a lock of a killed process take it once', async () => {
  for (let round = 0; round < 20; round += 1) {
    const lock = lockOf({ boot, started: '1' });
    const taken = (await Promise.all(Array.from({ length: 8 }, () => tryLock(lock)))).filter(
      (one) => one !== undefined,
    );
    expect(taken.length).toBeLessThanOrEqual(1);
    const [own = await tryLock(lock)] = taken;
    expect(await tryLock(lock)).toBeUndefined();
    await own?.release();
  }
});

test('says where none can be made', async () => {
  await failure(tryLock(join(folder, 'missing', 'a.lock')), 'OUTPUT_UNWRITABLE');
});
