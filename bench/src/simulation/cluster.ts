import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'csv-parse/sync';
import { randomExponential, randomLcg } from 'd3-random';
import { build } from 'esbuild';
import type { StudyRunner } from '#src/study/runner.js';
import type { RunWriter } from '#src/train/runWriter.js';
import { Clock, Forgetful, Host, Storage } from './host.js';
import { Mount, Server } from './sharedFolder.js';

// A study on many hosts with a shared folder, in virtual time. Locks, records and the runner are the product's; training is a wait.

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** The modules of the product that run; all others are `stubs`. */
const KEPT =
  /\/src\/(lock|lockOwner|files|checksum|errors|progress|buildOnce|writeAlone|zod|plainData|csvFile|data\/issues|kit\/rows|study\/(runner|records)|train\/run(Folder|Writer|Files))\.ts$/;
const ENTRY = `
  export { LEASE } from './src/lock.js';
  export { StudyRunner } from './src/study/runner.js';
  export { RunWriter } from './src/train/runWriter.js';`;
interface Product {
  readonly LEASE: { staleMs: number };
  readonly StudyRunner: typeof StudyRunner;
  readonly RunWriter: typeof RunWriter;
}

const SECOND = 1000;
/** The time until a new worker takes the place of one that died. */
const REPLACED = 60 * SECOND;
const SUSPENDED = 300 * SECOND;
const RECORDS = '/study/records';
const load = createRequire(import.meta.url);

export interface ClusterOptions {
  readonly jobs: number;
  readonly workers: number;
  /** From 0 to 1. */
  readonly seed: number;
  /** The mean time to a worker's death in hours; default: none dies. */
  readonly deathHours?: number;
  /** The mean time to a worker's suspension for five minutes. */
  readonly suspensionHours?: number;
  /** The time that an epoch takes; a job has 1 to 10 epochs. Default: 120. */
  readonly epochSeconds?: number;
  /** The virtual time after which all is over; default: when every worker has left. */
  readonly hours?: number;
  /** The time for which a client answers from its cache; default: 60. */
  readonly actimeo?: number;
  /** Whether it also lists folders from its cache; default: Linux's, which asks as it opens one. */
  readonly cachesLists?: boolean;
  /** Weakens the lock: in place of the product's. */
  readonly staleMs?: number;
  /** Weakens the lock: files are put in place without a check that it is held. */
  readonly isUnchecked?: boolean;
}

const NOTHING = {
  /** Jobs without a row. */
  lostJobs: 0,
  /** Rows beyond one of each job. */
  extraRows: 0,
  /** Times at which a table was replaced by a shorter one. */
  shortened: 0,
  /** Times at which a job was started that another process was running. */
  doubleRuns: 0,
  /** Those at which the other one had been suspended meanwhile, and had not noticed. */
  afterSuspension: 0,
  /** Files put in place without holding their lock. */
  foreignWrites: 0,
  /** Epochs trained again that had been saved. */
  repeatedEpochs: 0,
  /** Workers that ended with an error. */
  failures: [] as string[],
  deaths: 0,
  suspensions: 0,
  /** Locks of other hosts that were removed. */
  takeOvers: 0,
  /** Those of hosts that neither died nor were suspended. */
  wrongTakeOvers: 0,
  lockTakes: 0,
  /** Calls to the server. */
  calls: 0,
};

/** Returns the product's code as a function of its surroundings, which each worker calls once. */
async function product() {
  const { outputFiles } = await build({
    stdin: { contents: ENTRY, resolveDir: ROOT, loader: 'ts' },
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    packages: 'external',
    plugins: [
      {
        name: 'stubs',
        setup: (bundle) => {
          bundle.onResolve({ filter: /^\..*\.js$/ }, ({ path, resolveDir }) => {
            const file = join(resolveDir, path.replace(/js$/, 'ts'));
            return { path: file, namespace: KEPT.test(file) ? 'file' : 'stub' };
          });
          bundle.onLoad({ filter: /./, namespace: 'stub' }, () => ({ contents: 'module.exports = stubs;' }));
        },
      },
    ],
  });
  const names = ['module', 'require', 'process', 'performance', 'setInterval', 'clearInterval', 'stubs'];
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- Compiled once for all workers.
  return new Function(...names, outputFiles[0]?.text ?? '') as (...values: unknown[]) => void;
}

/** Returns jobs on up to 20 data sets; each fifth is the start of the next four. */
function jobsOf(count: number, random: () => number) {
  return Array.from({ length: count }, (_, index) => {
    const start = index - (index % 5);
    const data = `data${Math.floor((20 * index) / count)}`;
    return {
      index,
      kind: 'train',
      role: start === index ? 'model' : 'compared',
      row: 'arm',
      seed: index,
      data,
      path: `/data/${data}`,
      parents: start === index ? [] : [start],
      configuration: {},
      keepEpochs: [],
      out: `/study/runs/${data}/${index}`,
      epochs: 1 + Math.floor(10 * random()),
    };
  });
}
type FakeJob = ReturnType<typeof jobsOf>[number];

/** Runs a study until all workers have left. Times are in seconds. */
export async function simulateCluster({ epochSeconds = 120, actimeo = 60, ...options }: ClusterOptions) {
  const result = structuredClone(NOTHING);
  const start = await product();
  const random = randomLcg(options.seed);
  const draw = randomExponential.source(random)(1);
  const wait = (hours = Infinity): number => draw() * hours * 3600 * SECOND;
  const clock = new Clock();
  const server = new Server();
  const jobs = jobsOf(options.jobs, random);
  const byFolder = new Map(jobs.map((job) => [job.out, job]));
  const hosts = new Map<string, Host>();
  /** The hosts that run a job, and how long they had been suspended by then. */
  const running = new Map<FakeJob, Map<Host, number>>();
  const saved = new Map<FakeJob, number>();
  const lengths = new Map<string, number>();
  const parsed = new Map<string, unknown>();
  let [active, ids] = [options.workers, 0];
  server.create('', server.root, 'study', true, true);

  const execute = (act: () => unknown): (() => unknown) => {
    result.calls += 1;
    try {
      const value = act();
      return () => value;
    } catch (error) {
      return () => {
        throw error;
      };
    }
  };

  const onRename = ({ name }: Host, path: string): void => {
    if (path.endsWith('.lock')) {
      result.lockTakes += 1;
      return;
    }
    const locked = /^\/study\/runs\/[^/]+\/[^/]+/.exec(path)?.[0] ?? path;
    const [owner] = server.find(`${locked}.lock`)?.entries?.values() ?? [];
    if (owner?.maker !== name) result.foreignWrites += 1;
    if (!path.startsWith(RECORDS)) return;
    const length = server.find(path)?.text.length ?? 0;
    if (length < (lengths.get(path) ?? 0)) result.shortened += 1;
    lengths.set(path, length);
  };

  const onRemove = ({ name }: Host, path: string, maker: string): void => {
    if (maker === name || !/\.lock\/[^.]+$/.test(path)) return;
    result.takeOvers += 1;
    const owner = hosts.get(maker);
    if (owner?.isDead === false && owner.paused === 0) result.wrongTakeOvers += 1;
  };

  const begin = (host: Host, job: FakeJob): void => {
    const others = running.get(job) ?? new Map<Host, number>();
    for (const [other, paused] of others) {
      if (other.isDead) others.delete(other);
      else if (other.paused > paused) result.afterSuspension += 1;
      else result.doubleRuns += 1;
    }
    running.set(job, others.set(host, host.paused));
  };

  /** Like the product's training of a run, with the product's files. */
  const train = async (host: Host, folder: RunWriter, job: FakeJob) => {
    const finished = await folder.readTrainingResult();
    if (finished) return finished;
    begin(host, job);
    try {
      await folder.writeStart({ command: 'train job' } as never, {} as never, {} as never, undefined);
      let { epoch = 0 } = (await folder.readProgress()) ?? {};
      while (epoch < job.epochs) {
        await host.work(epochSeconds * SECOND);
        epoch += 1;
        await folder.commit({ epoch, bestEpoch: epoch, bestScore: 1, isKept: false, metrics: [] }, {}, {});
        if (epoch <= (saved.get(job) ?? 0)) result.repeatedEpochs += 1;
        saved.set(job, epoch);
      }
      const of = { accuracy: [0.5], correct: [1], total: [2], average: 0.5, worstGroupAccuracy: 0.5 };
      const trained = { kind: 'job', epochs: epoch, bestEpoch: epoch, train: of, val: of, test: of };
      await folder.writeResult('job', trained);
      return trained;
    } finally {
      running.get(job)?.delete(host);
    }
  };

  const schema = { parse: (value: unknown) => value };
  const stubs = {
    planStudy: () => jobs,
    datasetOf: () => Promise.resolve({ fingerprint: 'data' }),
    settingsOf: () => ({ models: { all: 1 }, train: { all: 1 }, test: { all: 1 } }),
    rowsOn: () => ({ compared: { tunedOn: [] } }),
    entryOf: () => ({}),
    accuracyRows: (split: string) => (split === 'test' ? [{ split, accuracy: 0.5 }] : []),
    SPLITS: ['train', 'val', 'test'],
    describeData: () => Promise.resolve({}),
    writeSafetensors: () => Promise.resolve(),
    provenance: () => ({}),
    requireFormatVersion: () => undefined,
    methodOf: () => 'job',
    progressSchema: schema,
    runFileSchema: schema,
    trainingResultSchema: schema,
  };
  const modules = {
    'node:async_hooks': { AsyncLocalStorage: options.isUnchecked === true ? Forgetful : Storage },
    // Workers that read the same text parse it once.
    'csv-parse/sync': {
      parse: (text: string, how: object): unknown => {
        const rows = parsed.get(text) ?? parse(text, how);
        if (parsed.size > 100) parsed.clear();
        parsed.set(text, rows);
        return rows;
      },
    },
  };

  /** Loads the product on a host. */
  const loaded = (host: Host): Product => {
    const all: Record<string, unknown> = { ...modules, ...host.modules() };
    const module = { exports: {} };
    const methodNamed = () => ({
      train: async ({ out }: { out: string }) => {
        const folder = new code.RunWriter(out, { onRankZero: (job) => job() });
        await folder.create();
        const trained = await folder.locked(() => train(host, folder, byFolder.get(out) as FakeJob));
        return { ...trained, run: out };
      },
    });
    start(
      module,
      (name: string) => all[name] ?? (load(name) as unknown),
      { pid: 100, on: () => undefined, kill: () => true, cpuUsage: () => ({ user: 0, system: 0 }) },
      { now: () => clock.now },
      host.setInterval,
      (timer: { isCleared: boolean }) => (timer.isCleared = true),
      { ...stubs, methodNamed },
    );
    const code = module.exports as Product;
    Object.assign(code.LEASE, { staleMs: options.staleMs ?? code.LEASE.staleMs });
    return code;
  };

  const world = { clock, random, newId: () => (ids += 1), execute, onRename, onRemove };
  /** Starts a worker on a new host. */
  const addWorker = (): void => {
    const name = `host${hosts.size}`;
    const mount = new Mount(name, server, () => clock.now, actimeo * SECOND, options.cachesLists);
    const host = new Host(name, mount, world);
    hosts.set(name, host);
    const data = Object.fromEntries(jobs.map((job) => [job.data, {}]));
    const study = { path: '/study.yaml', title: 'a study', recordsFolder: RECORDS, data, traces: [] };
    const ends = (isReplaced: boolean): void => {
      host.die();
      if (isReplaced) clock.after(REPLACED, addWorker);
      else active -= 1;
    };
    void new (loaded(host).StudyRunner)(study as never).runAll(jobs.map(({ index }) => index)).then(
      () => {
        ends(false);
      },
      (error: unknown) => {
        result.failures.push(String(error));
        ends(true);
      },
    );
    host.after(wait(options.deathHours), () => {
      result.deaths += 1;
      ends(true);
    });
    const suspends = (): void => {
      host.after(wait(options.suspensionHours), () => {
        result.suspensions += 1;
        host.suspend(SUSPENDED);
        suspends();
      });
    };
    suspends();
  };

  for (let worker = 0; worker < options.workers; worker += 1) addWorker();
  await clock.run(() => active === 0 || clock.now > (options.hours ?? Infinity) * 3600 * SECOND);

  const rows = new Map<unknown, number>();
  for (const { data } of jobs.filter(({ index }) => jobs[index]?.data !== jobs[index - 1]?.data)) {
    for (const table of ['models', 'test']) {
      const text = server.find(`${RECORDS}/${data}-${table}.csv`)?.text ?? '';
      for (const { seed } of parse<{ seed: string }>(text, { columns: true }))
        rows.set(Number(seed), (rows.get(Number(seed)) ?? 0) + 1);
    }
  }
  const counts = jobs.map(({ seed }) => rows.get(seed) ?? 0);
  const work = epochSeconds * jobs.reduce((sum, { epochs }) => sum + epochs, 0);
  return {
    ...result,
    lostJobs: counts.filter((count) => count === 0).length,
    extraRows: counts.reduce((sum, count) => sum + Math.max(0, count - 1), 0),
    /** The time until the last worker has left. */
    makespan: clock.now / SECOND,
    work,
    /** Work lost by deaths, suspensions and repetitions. */
    lostWork: [...hosts.values()].reduce((sum, { worked }) => sum + worked, 0) / SECOND - work,
  };
}
