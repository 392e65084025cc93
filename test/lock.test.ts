import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { jest } from '@jest/globals';
import { buildAlone } from '../src/buildOnce.js';
import { checksum } from '../src/checksum.js';
import { awaitLock, isLocked, LEASE, ownerOf, tryLock } from '../src/lock.js';
import { type LockOwner, ownHost } from '../src/lockOwner.js';
import { ROOT } from './cli/support.js';
import { failure } from './data/support.js';
import { temporaryFolder } from './temporary.js';

const folder = temporaryFolder();
const PRODUCT = { ...LEASE };
beforeAll(() => Object.assign(LEASE, { beatMs: 20, staleMs: 1000, clearMs: 1000, pollMs: 10 }));
afterEach(async () => {
  jest.restoreAllMocks();
  for (const end of started.splice(0)) await end();
});
let count = 0;
const path = (): string => join(folder, `${(count += 1)}.lock`);

const FILE = '01234567-89ab-4cde-8f01-23456789abcd';

/** A lock of that owner. */
function lockOf(owner: Partial<LockOwner>): string {
  const lock = path();
  mkdirSync(lock);
  const mine = { pid: process.pid, host: ownHost(), boot: null, started: null, ...owner };
  writeFileSync(join(lock, FILE), JSON.stringify(mine));
  return lock;
}

const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

test('one is watched for longer than NFS caches', () => {
  expect(PRODUCT).toEqual({ beatMs: 5_000, staleMs: 120_000, clearMs: 10_000, pollMs: 100 });
});

test('one holds it, until it lets go', async () => {
  const lock = path();
  const first = await tryLock(lock);
  expect(first?.isLost()).toBe(false);
  expect(await tryLock(lock)).toBeUndefined();
  expect(await isLocked(lock)).toBe(true);
  expect(await ownerOf(lock)).toMatchObject({ pid: process.pid, host: ownHost(), boot });
  await first?.release();
  expect(existsSync(lock)).toBe(false);
  expect(await isLocked(lock)).toBe(false);
  const second = await tryLock(lock);
  expect(second).toBeDefined();
  await second?.release();
});

test('is kept while its counter rises', async () => {
  const lock = path();
  const held = await tryLock(lock);
  const text = (): string => readFileSync(join(lock, readdirSync(lock)[0] ?? ''), 'utf8');
  const before = text();
  await sleep(2 * LEASE.staleMs);
  expect(text()).not.toBe(before);
  // Otherwise a reader could get a text that is cut off.
  expect(text()).toHaveLength(before.length);
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
    [ownHost(), child.pid],
    [ownHost(), process.pid],
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
  const [file = ''] = readdirSync(lock);
  renameSync(join(lock, file), join(lock, FILE));
  expect(held?.isLost()).toBe(true);
  await held?.release();
  expect(readdirSync(lock)).toEqual([FILE]);
});

test('that of an earlier process of the same number is taken over', async () => {
  const taken = await tryLock(lockOf({ boot, started: '1' }));
  expect(taken).toBeDefined();
  await taken?.release();
});

const ELSEWHERE = [
  ['host', { host: 'elsewhere' }],
  ['container', { host: `${ownHost()} (pid:[1])` }],
  ['system of this name', { boot: 'another' }],
] as const;
test.each(ELSEWHERE)(
  'of a process of another %s, only one that this process has seen unchanged',
  async (_place, owner) => {
    // A number that no process here has.
    const lock = lockOf({ boot, pid: 2 ** 22 + 1, ...owner });
    await sleep(1.2 * LEASE.staleMs);
    const start = performance.now();
    const now = Date.now();
    const clock = jest.spyOn(Date, 'now');
    for (const time of [now - 3600e3, now + 3600e3]) {
      clock.mockReturnValue(time);
      for (const one of [lock, join(lock, FILE)]) utimesSync(one, time / 1000, time / 1000);
      expect(await tryLock(lock)).toBeUndefined();
    }
    while (await isLocked(lock)) await sleep(5);
    expect(performance.now() - start).toBeGreaterThanOrEqual(LEASE.staleMs);
    const taken = await tryLock(lock);
    expect(taken).toBeDefined();
    await taken?.release();
  },
);

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

/**
 * Starts a process that takes itself to be on another host, with a clock an hour ahead. `holds` takes the lock and keeps it; `stops` takes it
 * again and again, stops itself before it writes, and logs errors' codes.
 */
function startOn(host: string, task: 'holds' | 'stops', lock: string, lease: Partial<typeof LEASE>) {
  const code = `
    import { appendFileSync } from 'node:fs';
    import { syncBuiltinESMExports } from 'node:module';
    import os from 'node:os';
    const [host, task, lock, lease] = process.argv.slice(1);
    os.hostname = () => host;
    syncBuiltinESMExports();
    const now = Date.now;
    Date.now = () => now() + 3600e3;
    const { awaitLock, LEASE } = await import('#src/lock.js');
    const { append } = await import('#src/files.js');
    Object.assign(LEASE, JSON.parse(lease));
    for (;;) {
      const held = await awaitLock(lock, 60_000);
      const job = async () => {
        await append(lock + '.log', host + ' takes\\n');
        if (task === 'holds') await new Promise((resolve) => setTimeout(resolve, 60_000));
        process.kill(process.pid, 'SIGSTOP');
        await append(lock + '.log', host + ' writes\\n');
      };
      await held.during(job).catch((error) => appendFileSync(lock + '.log', host + ' ' + error.code + '\\n'));
    }`;
  const node = ['--no-warnings', '--input-type=module', '-e', code, host, task, lock, JSON.stringify(lease)];
  const child = spawn(process.execPath, node, { cwd: ROOT, stdio: 'inherit' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const end = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  started.push(end);
  return { host, child, end };
}
const started: (() => Promise<void>)[] = [];

/** The lines that these processes wrote. */
const linesOf = (lock: string, word: string): string[] =>
  existsSync(`${lock}.log`)
    ? readFileSync(`${lock}.log`, 'utf8')
        .split('\n')
        .filter((line) => line.endsWith(word))
    : [];

test('a process that was stopped while another took its lock writes nothing', async () => {
  for (let round = 0; round < 5; round += 1) {
    const lock = path();
    const lease = { beatMs: 5, staleMs: 60, pollMs: 10 };
    const stopped = startOn('a', 'stops', lock, lease);
    while (linesOf(lock, 'a takes').length === 0) await sleep(5);
    const other = startOn('b', 'holds', lock, lease);
    while (linesOf(lock, 'b takes').length === 0) await sleep(5);
    // Again and again, since it may not have stopped itself yet.
    while (linesOf(lock, 'a RUN_BUSY').length === 0) {
      stopped.child.kill('SIGCONT');
      await sleep(5);
    }
    expect(linesOf(lock, 'writes')).toEqual([]);
    await stopped.end();
    await other.end();
  }
});

test('a process of another host is awaited until its counter rises, and until it is seen to have ended', async () => {
  const lock = path();
  const other = startOn('a', 'holds', lock, LEASE);
  while (linesOf(lock, 'takes').length === 0) await sleep(5);
  expect(await awaitLock(lock, 0)).toBeUndefined();
  expect(await isLocked(lock)).toBe(true);
  const start = performance.now();
  await other.end();
  const taken = await awaitLock(lock, 60_000);
  expect(taken).toBeDefined();
  // It was seen to live after the start, or just before.
  expect(performance.now() - start).toBeGreaterThan(0.5 * LEASE.staleMs);
  await taken?.release();
});

test('waiting for a process of another host is reported, and stops when aborted', async () => {
  const lock = lockOf({ host: 'elsewhere', boot });
  const told: string[] = [];
  const options = {
    onInfo: (text: string) => told.push(text),
    signal: AbortSignal.timeout(LEASE.staleMs / 4),
  };
  await failure(awaitLock(lock, 0, options), 'INTERRUPTED');
  expect(told).toEqual([
    `Waiting to see whether process ${process.pid} of elsewhere, which holds ${lock}, lives: up to 1 s.`,
  ]);
});

const FOREIGN: readonly (readonly [string, (lock: string) => unknown])[] = [
  [
    'a file of another name',
    (lock) => {
      writeFileSync(join(lock, 'a.txt'), 'important');
    },
  ],
  [
    'a hidden file',
    (lock) => {
      writeFileSync(join(lock, '.DS_Store'), 'x');
    },
  ],
  [
    'a folder',
    (lock) => {
      mkdirSync(join(lock, FILE));
    },
  ],
  ['a named pipe', (lock) => spawnSync('mkfifo', [join(lock, FILE)])],
  [
    'a link',
    (lock) => {
      symlinkSync('/etc/hostname', join(lock, FILE));
    },
  ],
  [
    'a file of that name with other content',
    (lock) => {
      writeFileSync(join(lock, FILE), 'important');
    },
  ],
];
test.each(FOREIGN)('a folder that holds %s is no lock, and stays', async (_what, fill) => {
  const lock = path();
  mkdirSync(lock);
  fill(lock);
  const before = readdirSync(lock);
  const steps = { task: 'a test', ready: () => Promise.resolve(undefined), build: () => Promise.resolve(1) };
  for (let look = 0; look < 2; look += 1) {
    const said = [lock, before[0] ?? '', 'Move it away'];
    await failure(tryLock(lock), 'OUTPUT_UNWRITABLE', ...said);
    await failure(awaitLock(lock, 0), 'OUTPUT_UNWRITABLE', ...said);
    await failure(buildAlone(lock, steps, undefined), 'OUTPUT_UNWRITABLE', ...said);
    expect([await isLocked(lock), await ownerOf(lock)]).toEqual([false, undefined]);
    await sleep(1.2 * LEASE.staleMs);
  }
  expect(readdirSync(lock)).toEqual(before);
});

test('a name of NFS that stays is reported, and one that goes is awaited', async () => {
  const [stays, goes] = [path(), path()];
  for (const lock of [stays, goes]) {
    mkdirSync(lock);
    writeFileSync(join(lock, '.nfs1'), '');
  }
  const options = { signal: AbortSignal.timeout(60_000) };
  const refused = failure(awaitLock(stays, 60_000, options), 'OUTPUT_UNWRITABLE', stays, '.nfs1');
  const awaited = awaitLock(goes, 60_000, options);
  await sleep(LEASE.clearMs / 4);
  unlinkSync(join(goes, '.nfs1'));
  const taken = await awaited;
  expect(taken).toBeDefined();
  await taken?.release();
  await refused;
});

test('one that power loss has emptied or cut off is taken over after the usual wait', async () => {
  for (const text of ['', '\0\0\0', '{"pid":12,"thre']) {
    const lock = lockOf({});
    writeFileSync(join(lock, FILE), text);
    expect(await tryLock(lock)).toBeUndefined();
    await sleep(1.2 * LEASE.staleMs);
    const taken = await tryLock(lock);
    expect(taken).toBeDefined();
    await taken?.release();
  }
});

test('one that this thread could not remove when it let go is free', async () => {
  const lock = path();
  const first = await tryLock(lock);
  const [file = ''] = readdirSync(lock);
  const text = readFileSync(join(lock, file));
  await first?.release();
  mkdirSync(lock);
  writeFileSync(join(lock, file), text);
  expect(await isLocked(lock)).toBe(false);
  const second = await tryLock(lock);
  expect(second?.isLost()).toBe(false);
  await second?.release();
});

test('says where none can be made', async () => {
  await failure(tryLock(join(folder, 'missing', 'a.lock')), 'OUTPUT_UNWRITABLE');
});
