// Lets each write of a checkpoint, a result, an image store and a report fail, and then goes on:
// node scripts/faults/disks.mjs [--from=1] [--stride 1] [checkpoint first cnc result store report]
// The calls (create, write, flush, rename), or from the fifth last on (`--from=-5`), fail in turn with no space, an input/output error, and
// half of a write before there is no space. Then: a disk that is full, read-only or gone (mounts need root). Needs a C compiler.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { clearInterval, setInterval } from 'node:timers';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadDataset } from '../../dist/data/dataset.js';
import { openImageStore } from '../../dist/data/imageStore.js';
import { traceUnstructured } from '../../dist/experiments/traceUnstructured.js';
import { writeReport } from '../../dist/report/writeReport.js';
import { trainCnc, trainErm } from '../../dist/train/methods.js';
import {
  callsIn,
  damaged,
  differences,
  Faults,
  limited,
  NETWORK,
  order,
  spurmem,
  trainArguments,
  workplace,
} from './faults.mjs';

const { values, positionals } = parseArgs({
  options: {
    from: { type: 'string', default: '1' },
    stride: { type: 'string', default: '1' },
    folder: { type: 'string' },
  },
  allowPositionals: true,
});

const ACTIONS = [
  { action: 'fail', error: 'ENOSPC' },
  { action: 'fail', error: 'EIO' },
  { action: 'shorten', error: 'ENOSPC' },
];

const RECIPE = { arch: NETWORK[1], batchSize: 42, device: 'cpu', threads: 1, resume: true, keepState: true };

const SETS = { identificationEpochs: 1, anchors: 4, positives: 4, negatives: 4 };

/** A write in `target`: a job, and the files before it. */
function subjectsOf(folder) {
  const data = join(folder, 'data');
  const base = { ...RECIPE, data };
  const copied = (name) => (target) => cpSync(join(folder, name), target, { recursive: true });
  return {
    checkpoint: {
      before: copied('one'),
      job: (target) => trainErm({ ...base, out: target, epochs: 2 }),
    },
    first: {
      before: () => undefined,
      job: (target) => trainErm({ ...base, out: target, epochs: 1 }),
    },
    cnc: {
      before: () => undefined,
      job: (target) => trainCnc({ ...base, ...SETS, out: target, epochs: 1 }),
    },
    result: {
      before: copied('one'),
      job: (target) =>
        traceUnstructured({ run: target, criteria: ['magnitude'], topK: [1], nullDraws: 0, threads: 1 }),
    },
    store: {
      before(target) {
        const filter = (path) => !path.endsWith('.spurmem');
        cpSync(data, target, { recursive: true, preserveTimestamps: true, filter });
      },
      // A store knows its images by their inodes: copies would be others.
      made: '.spurmem',
      job: async (target) => openImageStore(await loadDataset(target)),
    },
    report: {
      before: copied('one'),
      job: (target) => writeReport({ run: target }),
    },
  };
}

/** In a process with faults.c: each call of a subject's job fails once. */
async function injectInto(name) {
  const { folder, from, stride } = values;
  const control = openSync(process.env.FAULTS_CONTROL, 'r+');
  const set = (given) => order(control, given);
  const { before, job, made = '' } = subjectsOf(folder)[name];
  const target = join(folder, name);
  const fresh = () => {
    rmSync(join(target, made), { recursive: true, force: true });
    if (!existsSync(target)) before(target);
  };
  fresh();
  set({ below: target });
  await job(target);
  const calls = callsIn(control);
  const reference = `${target}.undisturbed`;
  cpSync(target, reference, { recursive: true });
  const counts = {
    calls,
    faults: 0,
    refused: 0,
    finished: 0,
    unclear: 0,
    halfWritten: 0,
    different: 0,
    slowest: 0,
  };
  for (let call = from < 0 ? calls + 1 + Number(from) : Number(from); call <= calls; call += Number(stride)) {
    fresh();
    const { action, error } = ACTIONS[call % ACTIONS.length];
    set({ below: target, action, call, error });
    const start = performance.now();
    const failed = await job(target).then(
      () => undefined,
      (reason) => reason,
    );
    counts.slowest = Math.max(counts.slowest, Math.round(performance.now() - start));
    set({});
    counts.faults += 1;
    const message = failed?.message ?? '';
    // A lock, a folder and a new name take next to nothing.
    const namesSpace = error === 'EIO' || /needs [\d.]+ MB|mkdir|rename|\.lock/.test(message);
    const isClear = failed?.code === 'OUTPUT_UNWRITABLE' && message.includes(target) && namesSpace;
    if (failed === undefined) counts.finished += 1;
    else if (isClear) counts.refused += 1;
    else {
      counts.unclear += 1;
      console.log(`${name}, call ${call}, ${action} ${error}: ${failed.stack ?? failed}`);
    }
    if (existsSync(target)) counts.halfWritten += damaged(target).length;
    await job(target).catch((again) =>
      console.log(`${name}, call ${call}, ${action} ${error}, then: ${again}`),
    );
    const differing = differences(target, reference);
    if (differing.length > 0) {
      counts.different += 1;
      console.log(`${name}, call ${call}, ${action} ${error}: ${differing.join(', ')} differ`);
    }
  }
  console.table([{ subject: name, ...counts }]);
  if (counts.unclear + counts.halfWritten + counts.different > 0) process.exitCode = 1;
}

/** The expected outcomes of a run whose disk failed. */
const GOES_ON = 'goes on, equal';

/** Disks that really fail, under the command line. */
async function earnest({ folder, data }) {
  const disk = join(folder, 'disk');
  const out = join(disk, 'run');
  const train = (...more) => [...trainArguments(data, out), '--epochs', '2', ...more];
  const mount = (...options) => execFileSync('mount', ['-t', 'tmpfs', ...options, 'tmpfs', disk]);
  const rows = [];
  const tried = async (what, args, options, after) => {
    const { code, seconds, output } = await spurmem(args, options);
    const halfWritten = existsSync(out) ? damaged(out).length : 0;
    const then = await after?.();
    rows.push({ what, code, seconds: seconds.toFixed(1), halfWritten, then });
    console.log(`${what}: ${output.trim()}`);
  };
  const goesOn = async () => {
    const { code, output } = await spurmem(train());
    if (code !== 0) return output;
    return differences(out, join(folder, 'whole')).length === 0 ? GOES_ON : 'goes on, different';
  };
  const remount = (options) => execFileSync('mount', ['-o', `remount,${options}`, disk]);
  mkdirSync(disk);
  mount('-o', 'size=50m');
  try {
    await spurmem(train());
    renameSync(out, join(disk, 'whole'));
    cpSync(join(disk, 'whole'), join(folder, 'whole'), { recursive: true });
    rmSync(join(disk, 'whole'), { recursive: true });
    // Room for the checkpoints of the first epoch, but not for the second's as well.
    remount('size=6500k');
    await tried('full disk in the second epoch', train(), {}, async () => {
      remount('size=50m');
      return goesOn();
    });
    rmSync(out, { recursive: true });
    remount('size=1m');
    await tried('full disk in the first epoch', train(), {}, async () => {
      remount('size=50m');
      return goesOn();
    });
    rmSync(out, { recursive: true });
    // In units of 1,024 bytes: the checkpoint to go on from is larger.
    await tried('files of at most 2 MB', train(), { shell: limited('-f 2000') }, goesOn);
    await spurmem(train('--epochs', '1'));
    remount('ro');
    await tried('read-only folder', train(), {}, async () => {
      remount('rw');
      return undefined;
    });
    rmSync(out, { recursive: true });
    const removed = setInterval(() => {
      if (!existsSync(join(out, 'checkpoints', 'epoch-1'))) return;
      clearInterval(removed);
      rmSync(out, { recursive: true, force: true });
    }, 20);
    await tried('folder removed in the second epoch', train('--epochs', '1000'), {});
    clearInterval(removed);
  } finally {
    execFileSync('umount', [disk]);
  }
  console.table(rows);
  const isWrong = ({ halfWritten, then }) => halfWritten > 0 || (then !== undefined && then !== GOES_ON);
  if (rows.some(isWrong)) process.exitCode = 1;
}

const names =
  positionals.length > 0
    ? positionals
    : ['checkpoint', 'first', 'cnc', 'result', 'store', 'report', 'earnest'];
if (values.folder !== undefined) {
  for (const name of names) await injectInto(name);
} else {
  const place = await workplace();
  const faults = new Faults(place.folder);
  try {
    await trainErm({ ...RECIPE, data: place.data, out: join(place.folder, 'one'), epochs: 1 });
    const injected = names.filter((name) => name !== 'earnest');
    if (injected.length > 0) {
      const script = fileURLToPath(import.meta.url);
      const { from, stride } = values;
      const args = [script, '--folder', place.folder, `--from=${from}`, '--stride', stride, ...injected];
      const env = { ...process.env, ...faults.environment };
      process.exitCode = spawnSync(process.execPath, args, { stdio: 'inherit', env }).status ?? 1;
    }
    if (names.includes('earnest')) await earnest(place);
  } finally {
    faults.close();
    place.remove();
  }
}
