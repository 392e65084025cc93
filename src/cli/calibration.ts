import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { withStoresIn } from '../data/imageStore.js';
import type { Split } from '../data/split.js';
import { SpurmemError } from '../errors.js';
import type { SessionOptions, TracePlan } from '../experiments/traceSession.js';
import { unwritable } from '../files.js';
import type { JobOptions, ProgressEvent } from '../progress.js';
import { methodNamed } from '../train/methods.js';
import type { RunConfig } from '../train/runConfig.js';
import type { EpochOptions, RunStart } from '../train/runOptions.js';

/** Milliseconds of a training or a trace that are enough, and of each of several traces. */
const ENOUGH_MS = 8000;
const EACH_TRACE_MS = 4000;

/** The time of an image's evaluation by that of its training, where only that was timed: a forward pass, without a backward one. */
const EVALUATION_SHARE = 1 / 3;

/** The parts of a run's folder that a trace reads; it writes into `results/`, which is the copy's own. */
const READ = ['config.json', 'data.json', 'program.safetensors', 'checkpoints'];

/** A training by some seconds of it. */
export interface TimedTraining {
  readonly config: RunConfig;
  /** The dataset's name. */
  readonly dataset: string;
  readonly images: Readonly<Record<Split, number>>;
  /** Images that an epoch shows, as the first one does; 0 where none began. */
  readonly imagesPerEpoch: number;
  /** Time of an epoch with its validation, and of the evaluation of all splits at the end; null where no epoch began. */
  readonly seconds: { readonly epoch: number; readonly splits: number } | null;
}

/** Gives a job a folder that is removed afterwards, with the stores of decoded images that it builds. Throws `OUTPUT_UNWRITABLE`. */
export async function withScratch<Result>(job: (scratch: string) => Promise<Result>): Promise<Result> {
  const scratch = await mkdtemp(join(tmpdir(), 'spurmem-dry-run-')).catch((error: unknown) => {
    throw unwritable(error, tmpdir());
  });
  try {
    return await withStoresIn(join(scratch, 'stores'), () => job(scratch));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/**
 * Trains for some seconds in a folder that is removed. Nothing else is written.
 *
 * @throws what training throws
 */
export async function timeTraining(
  method: string,
  options: EpochOptions,
  control: JobOptions,
): Promise<TimedTraining> {
  const watch = new Stopwatch(ENOUGH_MS);
  let begun: RunStart | undefined;
  let epoch: { readonly seconds: number; readonly images: number } | undefined;
  await withScratch((scratch) =>
    watch.run(control, (signal) =>
      methodNamed(method).train({
        ...options,
        out: join(scratch, 'run'),
        onInfo: control.onInfo,
        onWarning: control.onWarning,
        signal,
        onProgress: (event) => {
          if (event.task.startsWith('epoch ')) watch.add(event);
        },
        // The run's own start comes before that of one that it trains first.
        onStart: (start) => (begun ??= start),
        onEpoch: ({ seconds, train: { total } }) => {
          epoch = { seconds, images: total.reduce((sum, count) => sum + count, 0) };
          watch.stop();
        },
      }),
    ),
  );
  const { config, dataset } = begun as RunStart;
  const { train: training, val, test } = dataset.splits;
  const images = { train: training.length, val: val.length, test: test.length };
  const step = watch.rateOf((task) => !task.endsWith('validation'));
  const imagesPerEpoch = epoch?.images ?? step?.total ?? 0;
  const trained = epoch ? epoch.seconds / (epoch.images + images.val) : step?.secondsPerUnit;
  if (trained === undefined) return { config, dataset: dataset.name, images, imagesPerEpoch, seconds: null };
  const validation = watch.rateOf((task) => task.endsWith('validation'));
  const evaluated = validation?.secondsPerUnit ?? trained * EVALUATION_SHARE;
  const seconds = {
    epoch: epoch?.seconds ?? imagesPerEpoch * trained + images.val * evaluated,
    splits: (images.train + images.val + images.test) * evaluated,
  };
  return { config, dataset: dataset.name, images, imagesPerEpoch, seconds };
}

/** Times traces of one run after the other, each until there is enough of it, in a copy of its folder that is removed. */
export class TraceTimer {
  #watch = new Stopwatch(ENOUGH_MS);
  #plan: TracePlan | undefined;
  #started = 0;
  /** Time of all traces' scores: those of the first one serve the others of its session. */
  secondsOfScores = 0;
  /** Options of a trace, or of a session of several, besides settings and `signal`. */
  readonly options: Pick<SessionOptions, 'run' | 'onPlan' | 'onProgress' | 'onWarning'>;

  /** @param run the copy of the run's folder: it reads as that, and its results are its own */
  private constructor(
    private readonly control: JobOptions,
    run: string,
  ) {
    this.options = {
      run,
      onWarning: control.onWarning,
      onPlan: (plan) => {
        this.secondsOfScores += (performance.now() - this.#started) / 1000;
        this.#plan = plan;
        this.#watch.begin();
      },
      onProgress: (event) => {
        if (this.#plan === undefined) control.onProgress?.(event);
        // The chosen neurons alone: random ones take the same.
        else if (this.#watch.isFirst(event.task)) this.#watch.add(event);
        else this.#watch.stop();
      },
    };
  }

  /** Gives a job a timer for the traces of a run. */
  static async of<Result>(
    run: string,
    control: JobOptions,
    job: (timer: TraceTimer) => Promise<Result>,
  ): Promise<Result> {
    return withScratch(async (scratch) => {
      const copy = join(scratch, 'run');
      await mkdir(copy);
      for (const name of READ) await symlink(join(resolve(run), name), join(copy, name));
      await cp(join(run, 'results'), join(copy, 'results'), { recursive: true }).catch(() => undefined);
      return job(new TraceTimer(control, copy));
    });
  }

  /** The signal of the trace that is timed. */
  get signal(): AbortSignal {
    return this.#watch.signal(this.control);
  }

  /** Times a trace: its plan with the seconds of the chosen neurons, and at most those with random neurons. Throws what it throws. */
  async time(trace: () => Promise<unknown>, isOneOfSeveral = false) {
    this.#watch = new Stopwatch(isOneOfSeveral ? EACH_TRACE_MS : ENOUGH_MS);
    this.#plan = undefined;
    this.#started = performance.now();
    await this.#watch.run(this.control, trace);
    // Given by `onPlan` meanwhile.
    const plan = this.#plan as TracePlan | undefined;
    if (plan === undefined) throw new RangeError('The trace has no plan');
    const each = this.#watch.rateOf(() => true)?.secondsPerUnit ?? 0;
    const seconds = plan.evaluations * each;
    return { ...plan, seconds, mostSeconds: seconds + plan.randomEvaluations * each };
  }
}

interface Report {
  readonly at: number;
  readonly done: number;
}

/** Times a job's tasks by the progress that they report, and stops the job when that is enough. */
class Stopwatch {
  readonly #enough = new AbortController();
  readonly #tasks = new Map<string, { readonly first: Report; last: Report; readonly total: number }>();
  #begun: number | undefined;
  #since: number | undefined;

  /** @param most milliseconds that are enough */
  constructor(private readonly most: number) {}

  /** Says when the first task began, where that is known; otherwise it is timed from its first report on. */
  begin(): void {
    this.#begun = this.#since = performance.now();
  }

  add({ task, done, total }: ProgressEvent): void {
    const at = performance.now();
    this.#since ??= at;
    const known = this.#tasks.get(task);
    if (known) known.last = { at, done };
    else this.#tasks.set(task, { first: { at, done }, last: { at, done }, total });
    if (at - this.#since > this.most) this.stop();
  }

  isFirst(task: string): boolean {
    return this.#tasks.size === 0 || this.#tasks.has(task);
  }

  stop(): void {
    this.#enough.abort();
  }

  /**
   * A task's size and time a unit, of the latest one that has two reports: the first one pays for what kernels set up. One that has a
   * single report is timed where it is known when it began.
   */
  rateOf(
    isWanted: (task: string) => boolean,
  ): { readonly total: number; readonly secondsPerUnit: number } | undefined {
    const wanted = [...this.#tasks].filter(([task]) => isWanted(task)).map(([, times]) => times);
    const timed = wanted.findLast(({ first, last }) => last.done > first.done) ?? wanted[0];
    if (!timed) return undefined;
    const { last, total } = timed;
    const from = last.done > timed.first.done ? timed.first : { at: this.#begun, done: 0 };
    if (from.at === undefined) return undefined;
    return { total, secondsPerUnit: (last.at - from.at) / 1000 / (last.done - from.done) };
  }

  signal({ signal }: JobOptions): AbortSignal {
    return AbortSignal.any([this.#enough.signal, ...(signal ? [signal] : [])]);
  }

  /** Runs a job until it ends or there is enough of it. Throws what it throws, but for its stop where the caller did not ask for that. */
  async run(control: JobOptions, job: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    try {
      await job(this.signal(control));
    } catch (error) {
      const isStopped = error instanceof SpurmemError && error.code === 'INTERRUPTED';
      if (!isStopped || control.signal?.aborted === true) throw error;
    }
  }
}
