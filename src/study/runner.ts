import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildAlone } from '../buildOnce.js';
import { type Dataset, datasetOf } from '../data/dataset.js';
import { SPLITS } from '../data/split.js';
import { messageOf, SpurmemError } from '../errors.js';
import { makeFolder } from '../files.js';
import { type CsvRow, lookup, type Row } from '../kit/rows.js';
import { isLocked, LEASE } from '../lock.js';
import type { EngineOptions } from '../native/engine.js';
import { type JobOptions, throwIfAborted } from '../progress.js';
import { make } from '../train/make.js';
import { methodNamed } from '../train/methods.js';
import type { TrainedRun } from '../train/results.js';
import { openRun, RunFolder, runState } from '../train/runFolder.js';
import type { RunOptions } from '../train/runOptions.js';
import * as z from '../zod.js';
import { makerNamed } from './makers.js';
import {
  type DataJob,
  isStart,
  type Job,
  keyOf,
  outOf,
  planStudy,
  tableOf,
  type TraceJob,
  type TrainJob,
} from './plan.js';
import { settingsOf } from './recordedSettings.js';
import { keepSettings, readTuned, Records, requireSettings, timed } from './records.js';
import { entryOf, type Study } from './schema.js';
import { accuracyRows, figureNames, firstRow, runColumns, traceNamed } from './traces.js';

/** The polling interval for each job of other processes that is left, and how many of these a process looks at before it waits. */
const POLL_MS = 1000;
const MAX_LOOKS = 60;

export interface StudyOptions extends EngineOptions, JobOptions, Pick<RunOptions, 'onEpoch' | 'tensorboard'> {
  readonly onStep?: ((step: string) => void) | undefined;
}

export interface JobState {
  readonly job: Job;
  readonly state: 'finished' | 'running' | 'stopped' | 'waiting';
  /** Finished epochs of its run. */
  readonly epochs: number;
}

type ReadTable = (data: string, table: string) => Promise<(key: Row) => boolean>;

/** Runs the jobs of a study. Any number of processes can take them in any order; recorded jobs are not run again. */
export class StudyRunner {
  readonly #datasets = new Map<string, Promise<Dataset>>();
  readonly #kept = new Set<string>();
  /** The plan, and the tuning behind it. */
  #plan: { readonly text: string; readonly jobs: readonly Job[] } | undefined;

  constructor(
    readonly study: Study,
    readonly options: StudyOptions = {},
  ) {}

  /** Returns every job; jobs of tuned arms have their folders once the tuning is recorded. */
  async jobs(): Promise<readonly Job[]> {
    const tuned = await readTuned(this.study);
    const text = JSON.stringify([...tuned]);
    if (this.#plan?.text !== text) this.#plan = { text, jobs: planStudy(this.study, tuned) };
    return this.#plan.jobs;
  }

  /** Returns the state of each job. Throws `RUN_EXISTS` if results were recorded with other settings than the study's. */
  async states(): Promise<JobState[]> {
    await this.requireOwnRecords();
    const jobs = await this.jobs();
    const read = this.#reader();
    const states = new Map<Job, JobState>();
    // A job that only others need is finished once they are.
    const needed = new Set<number>();
    for (const job of [...jobs].reverse()) {
      throwIfAborted(this.options.signal, this.study.title);
      const isNeeded = !isStart(job) || needed.has(job.index);
      const state = isNeeded
        ? await this.#stateOf(job, read)
        : { job, state: 'finished' as const, epochs: 0 };
      states.set(job, state);
      if (state.state !== 'finished') for (const parent of job.parents) needed.add(parent);
    }
    return jobs.map((job) => states.get(job) as JobState);
  }

  /** Throws `RUN_EXISTS` if results of some data were recorded with other settings than the study's. */
  async requireOwnRecords(names: readonly string[] = Object.keys(this.study.data)): Promise<void> {
    for (const data of names) await requireSettings(this.study, data, settingsOf(this.study, data));
  }

  /** Runs a job after its dependencies. Waits for jobs of other processes. */
  async run(index: number): Promise<void> {
    await this.runAll([index]);
  }

  /**
   * Runs the jobs in order. If other processes run the same study, starts at a random job and skips those that are being run. Goes on after a job that failed, and throws
   * its error in the end.
   */
  async runAll(indices: readonly number[], onDone?: (index: number) => void): Promise<void> {
    const { signal, onInfo, onWarning } = this.options;
    const left = new Set(indices);
    let failure: { readonly error: unknown } | undefined;
    for (let isTold = false; left.size > 0;) {
      const queue = [...left];
      const problems: string[] = [];
      let [jobs, read] = [await this.jobs(), this.#reader()];
      for (let at = 0; at < queue.length; at += 1) {
        const index = queue[at] as number;
        const job = jobs[index];
        if (!job) throw new RangeError(`There is no job ${index}.`);
        const isRecorded = await this.#isRecorded(job, read);
        try {
          const problem = isRecorded ? undefined : await this.#problemOf(jobs, job);
          if (problem !== undefined) {
            if (problems.push(`${problem} Job ${index} waits for it.`) === 1) rotate(queue, at + 1);
            if (problems.length === MAX_LOOKS) break;
            continue;
          }
          onDone?.(index);
        } catch (error) {
          if (signal?.aborted === true) throw error;
          if (left.size > 1) onWarning?.(`Job ${index} failed: ${messageOf(error)}`);
          failure ??= { error };
        }
        left.delete(index);
        if (!isRecorded) [jobs, read] = [await this.jobs(), this.#reader()];
      }
      // Others may be free by now.
      if (left.size < queue.length) continue;
      if (!isTold) onInfo?.(problems[0] ?? '');
      isTold = true;
      const wait = Math.min(POLL_MS * problems.length, LEASE.staleMs / 2);
      await sleep(wait, undefined, { signal }).catch(() => undefined);
      throwIfAborted(signal, this.study.title);
    }
    if (failure) throw failure.error;
  }

  /** Runs a job. Returns a sentence if another process is at it, or at a job that it needs. */
  async #problemOf(jobs: readonly Job[], job: Job): Promise<string | undefined> {
    if (await this.#isElsewhere(jobs, job))
      return `Another process is running job ${job.index} or one that it starts from.`;
    try {
      await this.#run(job.index);
      return undefined;
    } catch (error) {
      if (!(error instanceof SpurmemError) || error.code !== 'RUN_BUSY') throw error;
      return error.problem;
    }
  }

  async #run(index: number): Promise<void> {
    const jobs = await this.jobs();
    const job = jobs[index] as Job;
    throwIfAborted(this.options.signal, this.study.title);
    for (const data of Object.keys(this.study.data)) await this.#keep(data);
    if (await this.#isRecorded(job)) return;
    if (job.kind === 'data') await this.#make(job);
    else if (job.kind === 'trace') await this.#trace(jobs, job);
    else if (job.role === 'start') await this.#train(jobs, job);
    else await this.#record(jobs, job);
  }

  async #isElsewhere(jobs: readonly Job[], job: Job): Promise<boolean> {
    for (const one of [job, ...job.parents.map((parent) => jobs[parent] as Job)]) {
      const isRun = one.kind === 'train' && one.out !== undefined;
      if (await (isRun ? new RunFolder(one.out).isBusy() : isLocked(this.#lockOf(one)))) return true;
    }
    return false;
  }

  async #stateOf(job: Job, read: ReadTable): Promise<JobState> {
    if (await this.#isRecorded(job, read)) return { job, state: 'finished', epochs: 0 };
    const isRunning = await isLocked(this.#lockOf(job));
    if (job.kind !== 'train' || job.out === undefined)
      return { job, state: isRunning ? 'running' : 'waiting', epochs: 0 };
    const { state, epochs } = await runState(new RunFolder(job.out));
    if (state === 'finished') return { job, state: job.role === 'start' ? 'finished' : 'stopped', epochs };
    return { job, state, epochs };
  }

  /** Trains, resumes or reuses a job's run, after those that it starts from. */
  async #train(jobs: readonly Job[], job: TrainJob): Promise<TrainedRun> {
    for (const index of job.parents) {
      const parent = jobs[index] as Job;
      if (parent.kind === 'data') await this.#make(parent);
      if (parent.kind === 'train' && parent.role !== 'tuning') await this.#train(jobs, parent);
    }
    const { out, row, seed, method, keepEpochs } = job;
    if (out === undefined) throw new RangeError(`${row} is not tuned.`);
    const weights =
      job.weights === undefined ? {} : { weights: (await openRun(outOf(jobs, job.weights))).weights };
    const own = { ...job.settings, ...weights, ...(keepEpochs.length === 0 ? {} : { keepEpochs }) };
    const from = job.from === undefined ? undefined : outOf(jobs, job.from);
    const data = await this.#dataset(job.path, job.data);
    const { onStep, ...options } = this.options;
    const { state } = await runState(new RunFolder(out));
    if (state !== 'finished') onStep?.(`${job.data}: ${row}, seed ${seed}`);
    return make(methodNamed(method), { ...options, ...own, seed, from, out, data, resume: true });
  }

  /** Trains a run, after the tuning that decides its settings, and records its accuracies. */
  async #record(jobs: readonly Job[], job: TrainJob): Promise<void> {
    const tuning = job.parents.filter((index) => (jobs[index] as Partial<TrainJob>).role === 'tuning');
    for (const index of tuning) await this.#run(index);
    const all = tuning.length > 0 ? await this.jobs() : jobs;
    const tuned = all[job.index] as TrainJob;
    const { result, took } = await timed(() => this.#train(all, tuned));
    const { train, val, test } = result;
    const { role, row: arm, seed } = tuned;
    const key = keyOf(tuned);
    if (role === 'model') {
      const rows = SPLITS.flatMap((split) => accuracyRows(split, result[split]));
      const own = rows.map((row) => ({ ...key, ...row, ...took }));
      await this.#add(tuned, 'models', own, key);
      return;
    }
    const run = { arm, seed, configuration: JSON.stringify(tuned.configuration) };
    const validation = val.worstGroupAccuracy;
    if (role === 'tuning') {
      await this.#add(tuned, 'tuning', [{ ...run, validation, ...took }], key);
      return;
    }
    const start = tuned.from === undefined ? undefined : (all[tuned.from] as TrainJob);
    const named = [tuned, start].map((one) => one?.settings?.precision);
    const precision = named.find((one) => typeof one === 'string') ?? 'fp32';
    const counts = test.correct.flatMap((correct, group) => [
      [`correct${group}`, correct],
      [`total${group}`, test.total[group]],
    ]);
    const measured = { ...byGroup(test.accuracy), ...(Object.fromEntries(counts) as CsvRow) };
    // The row in test, by which the run counts as recorded, is the last one.
    await this.#add(tuned, 'train', [{ ...run, ...byGroup(train.accuracy) }], key);
    const worst = test.worstGroupAccuracy;
    await this.#add(tuned, 'test', [{ ...run, validation, precision, ...measured, worst, ...took }], key);
  }

  /** Traces a run and records the measurements. */
  async #trace(jobs: readonly Job[], job: TraceJob): Promise<void> {
    const run = jobs[job.of] as TrainJob;
    if (run.role !== 'start') await this.#run(run.index);
    const now = await this.jobs();
    const trained = now[job.of] as TrainJob;
    await this.#train(now, trained);
    const data = await this.#dataset(trained.path, job.data);
    const from = trained.from === undefined ? undefined : outOf(now, trained.from);
    await this.#alone(job, async () => {
      const { onStep, onEpoch: _onEpoch, tensorboard: _tensorboard, ...options } = this.options;
      onStep?.(`${job.data}: ${job.trace} of ${job.row}, seed ${job.seed}`);
      const traced = {
        ...options,
        onStep,
        run: outOf(now, job.of),
        data,
        seed: job.seed,
        epoch: job.epoch,
        from,
      };
      const { result: rows, took } = await timed(() => traceNamed(job.trace).rows(traced, job.settings));
      const columns = runColumns(job, trained.configuration);
      const own = rows.map((row) => ({ ...columns, ...row, ...(job.trace === 'models' ? took : {}) }));
      await this.#add({ ...job, path: trained.path }, job.trace, own, { ...columns, ...firstRow(job) });
    });
  }

  async #make(job: DataJob): Promise<void> {
    const { make, path, seed } = job;
    await this.#alone(job, () => makerNamed(make.by).make(path, make, seed, this.options));
  }

  async #isRecorded(job: Job, read = this.#reader()): Promise<boolean> {
    // Each is written last.
    if (job.kind === 'data') return existsSync(join(job.path, makerNamed(job.make.by).last));
    if (isStart(job) || (job.kind === 'train' && job.configuration === undefined)) return false;
    if (job.kind === 'trace' && job.trace === 'figures') return this.#hasFigures(job);
    const isRecorded = await read(job.data, tableOf(job));
    return isRecorded(await this.#keyOf(job));
  }

  /** Whether a run has all of a job's figures. */
  async #hasFigures(job: TraceJob): Promise<boolean> {
    const { out } = (await this.jobs())[job.of] as TrainJob;
    if (out === undefined) return false;
    const made = figureNames(job.settings).map((name) =>
      new RunFolder(out).readResult(name, z.looseObject({})),
    );
    return (await Promise.all(made)).every((figure) => figure !== undefined);
  }

  /** Returns the columns that identify a job's rows. */
  async #keyOf(job: TrainJob | TraceJob): Promise<CsvRow> {
    if (job.kind === 'train') return keyOf(job);
    const configuration = job.trace === 'heat' ? ((await this.jobs())[job.of] as TrainJob).configuration : {};
    return { ...runColumns(job, configuration), ...firstRow(job) };
  }

  async #add(
    { data, path }: Pick<TrainJob, 'data' | 'path'>,
    table: string,
    rows: readonly CsvRow[],
    key: CsvRow,
  ): Promise<void> {
    // Another process may have recorded other settings meanwhile.
    const settings = settingsOf(this.study, data, await this.#dataset(path, data));
    await requireSettings(this.study, data, settings, { adding: true });
    await this.#records(data).add(table, rows, key, this.options);
  }

  /** Returns a dataset, read once for all jobs on it and checked against its records' settings. */
  #dataset(path: string, data: string): Promise<Dataset> {
    const known = this.#datasets.get(path) ?? this.#open(path, data);
    this.#datasets.set(path, known);
    return known;
  }

  async #open(path: string, data: string): Promise<Dataset> {
    const dataset = await datasetOf(path, entryOf(this.study, data).options);
    await keepSettings(this.study, data, settingsOf(this.study, data, dataset), this.options);
    return dataset;
  }

  /** Keeps the settings of some data before its first job. */
  async #keep(data: string): Promise<void> {
    if (this.#kept.has(data)) return;
    await keepSettings(this.study, data, settingsOf(this.study, data), this.options);
    this.#kept.add(data);
  }

  #records(data: string): Records {
    return new Records(this.study.recordsFolder, data);
  }

  /** Reads each table once. */
  #reader(): ReadTable {
    const known = new Map<string, ReturnType<ReadTable>>();
    return (data, table) => {
      const records = this.#records(data);
      const path = records.pathOf(table);
      const index = known.get(path) ?? records.read(table).then(lookup);
      known.set(path, index);
      return index;
    };
  }

  /** Runs an action in one process at a time, unless another process has finished it. */
  async #alone(job: DataJob | TraceJob, act: () => Promise<void>): Promise<void> {
    await makeFolder(this.study.recordsFolder);
    const ready = async () => (await this.#isRecorded(job)) || undefined;
    const build = () => act().then(() => true);
    const waits = () =>
      this.options.onInfo?.(`Waiting for job ${job.index}, which another process is running.`);
    const task = `job ${job.index}`;
    await buildAlone(this.#lockOf(job), { task, ready, waits, build }, this.options.signal);
  }

  #lockOf({ index, data }: Job): string {
    return join(this.study.recordsFolder, `.${data}-${index}.lock`);
  }
}

/** Rotates the part of an array that begins at `from` by a random number of places. */
function rotate(all: unknown[], from: number): void {
  const rest = all.splice(from);
  const first = randomInt(rest.length + 1);
  all.push(...rest.slice(first), ...rest.slice(0, first));
}

/** Accuracies of groups as columns: `group0` and so on. */
function byGroup(accuracies: readonly (number | null)[]): CsvRow {
  return Object.fromEntries(accuracies.map((accuracy, group) => [`group${group}`, accuracy]));
}

/**
 * Runs all jobs of a study without recorded results, those last that other processes are running.
 */
export async function runStudy(study: Study, options: StudyOptions = {}): Promise<void> {
  const runner = new StudyRunner(study, options);
  const unfinished = (await runner.states()).filter(({ state }) => state !== 'finished');
  await runner.runAll(unfinished.map(({ job }) => job.index));
}
