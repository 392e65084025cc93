import type { CsvRow } from '../kit/rows.js';
import { union } from '../metrics/statistics.js';
import type { Combination } from './part.js';
import { armOf, type DataEntry, entryOf, rowsOn, type StudyDocument } from './schema.js';
import { chosenConfiguration, combinationsOf, type Tuned, tunedWith } from './tuning.js';
import { filled, folderOf, keptEpochs, tracesOn, type Variant, variantsOf } from './variants.js';

interface Common {
  /** Its index in the plan, from 0. */
  readonly index: number;
  /** Jobs of a stage need only jobs of earlier stages. */
  readonly stage: number;
  readonly data: string;
  readonly seed: number;
  /** The jobs that it needs. */
  readonly parents: readonly number[];
}

/** Builds data. */
export interface DataJob extends Common {
  readonly kind: 'data';
  readonly path: string;
  readonly make: NonNullable<DataEntry['make']>;
}

/** Trains a run and records its accuracies. */
export interface TrainJob extends Common {
  readonly kind: 'train';
  /** Its role in the records; a `start` is only trained for other jobs. */
  readonly role: 'tuning' | 'model' | 'compared' | 'start';
  readonly arm: string;
  readonly row: string;
  readonly method: string;
  /** The data's folder. */
  readonly path: string;
  /** The tuned values; undefined, like its settings and folder, until the tuning is finished. */
  readonly configuration: Combination | undefined;
  readonly settings: Combination | undefined;
  readonly out: string | undefined;
  /** The job whose run it starts from. */
  readonly from: number | undefined;
  /** The job whose selected weights it starts from. */
  readonly weights: number | undefined;
  readonly keepEpochs: readonly number[];
}

/** Measures a run; `models` are the accuracies of an epoch that counts as a model. */
export interface TraceJob extends Common {
  readonly kind: 'trace';
  readonly arm: string;
  readonly row: string;
  readonly trace: string;
  /** The job whose run is measured. */
  readonly of: number;
  /** Undefined: the selected epoch. */
  readonly epoch: number | undefined;
  readonly settings: Combination;
}

export type Job = DataJob | TrainJob | TraceJob;
type Draft = { -readonly [Name in keyof TrainJob]: TrainJob[Name] } | DataJob | TraceJob;
type TrainDraft = Extract<Draft, { kind: 'train' }>;

/** Whether a job is only needed by others. */
export function isStart(job: Job): boolean {
  return job.kind === 'data' || (job.kind === 'train' && job.role === 'start');
}

/** The table in which a job's rows are recorded. */
export function tableOf(job: TrainJob | TraceJob): string {
  if (job.kind === 'trace') return job.trace;
  return job.role === 'model' ? 'models' : job.role === 'tuning' ? 'tuning' : 'test';
}

/** The columns that identify a job's rows there. */
export function keyOf({ role, row, seed, configuration }: TrainJob): CsvRow {
  if (role === 'model') return { seed, stage: row };
  return { arm: row, seed, configuration: JSON.stringify(configuration) };
}

/** The folder of a job's run. */
export function outOf(jobs: readonly Job[], index: number): string {
  const { out } = jobs[index] as TrainJob;
  if (out === undefined) throw new RangeError(`Job ${index} is not tuned.`);
  return out;
}

/**
 * Returns every job of a study, dependencies first. The number of jobs and their indices do not depend on the tuning's results:
 * until it is finished, a tuned arm's jobs have no folder.
 */
export function planStudy(study: StudyDocument, tuned: Tuned = new Map()): Job[] {
  const planner = new Planner(study, tuned);
  for (const data of Object.keys(study.data)) planner.addData(data);
  return planner.inStages();
}

class Planner {
  readonly #jobs = new Map<string, Draft>();
  /** Jobs of runs whose folders do not depend on a tuning. */
  readonly #byFolder = new Map<string, TrainDraft>();

  constructor(
    readonly study: StudyDocument,
    readonly tuned: Tuned,
  ) {}

  addData(data: string): void {
    const { models, compared } = rowsOn(this.study, data);
    for (const seed of models.seeds) {
      for (const arm of models.arms) this.#addModel(data, arm, seed);
    }
    // Tuning comes first: it decides the others' folders.
    const { arms, seeds, tunedOn } = compared;
    const tuning = new Map(arms.map((arm) => [arm, tunedOn.flatMap((on) => this.#tune(arm, on))]));
    for (const seed of seeds) {
      for (const arm of arms) {
        const chosen = chosenConfiguration(this.study, arm, tunedOn, this.tuned);
        for (const variant of variantsOf(this.study, data, arm, this.tuned, chosen)) {
          const job = this.#train(variant, seed, 'compared', tuning.get(arm));
          this.#addTraces(data, arm, variant.row, job);
        }
      }
    }
  }

  #addModel(data: string, arm: string, seed: number): void {
    const { of, epoch } = armOf(this.study, arm);
    for (const variant of variantsOf(this.study, data, of ?? arm, this.tuned)) {
      const job = this.#train(variant, seed, of === undefined ? 'model' : 'start');
      if (epoch === undefined) this.#addTraces(data, arm, variant.row, job);
      else {
        job.keepEpochs = union(job.keepEpochs, [epoch]);
        this.#trace(data, { arm, row: arm, trace: 'models', epoch, settings: {}, job, at: '' });
        this.#addTraces(data, arm, arm, job, epoch);
      }
    }
  }

  #addTraces(data: string, arm: string, row: string, job: TrainDraft, epoch?: number): void {
    for (const { trace, settings, at } of tracesOn(this.study, data, arm))
      this.#trace(data, { arm, row, trace, epoch, settings, job, at });
  }

  #trace(
    data: string,
    {
      job,
      at,
      ...trace
    }: Pick<TraceJob, 'arm' | 'row' | 'trace' | 'epoch' | 'settings'> & { job: TrainDraft; at: string },
  ): void {
    const { seed, index: of } = job;
    const key = `trace ${data} ${trace.row} ${seed} ${trace.trace} ${at}`;
    this.#add(key, (index) => ({ kind: 'trace', index, data, seed, of, ...trace, ...after([job]) }));
  }

  #train(variant: Variant, seed: number, role: TrainJob['role'], tuning: readonly Draft[] = []): TrainDraft {
    const { arm, row, method, data, configuration } = variant;
    const from = variant.from && this.#train(variant.from, seed, 'start');
    const isKnown = configuration !== undefined && (from === undefined || from.out !== undefined);
    const out = isKnown ? folderOf(this.study, variant, seed) : undefined;
    const isFree = tuning.length === 0 && !this.#isTuned(variant);
    const known = isFree && out !== undefined ? this.#byFolder.get(out) : undefined;
    const made = this.#make(data, arm, seed);
    const weights = this.#weightsOf(variant, seed);
    const common = { data, seed, arm, row, configuration, keepEpochs: keptEpochs(this.study, variant) };
    if (known && (role === 'start' || known.role === 'start')) {
      if (role !== 'start') Object.assign(known, { role, arm, row, configuration });
      known.keepEpochs = union(known.keepEpochs, common.keepEpochs);
      return this.#keptFor(known, from);
    }
    const parents = [...made.job, ...tuning, ...[from, weights, known].filter((one) => one !== undefined)];
    const values = JSON.stringify(role === 'tuning' ? configuration : '');
    const job = this.#add(`${role} ${data} ${row} ${seed} ${values}`, (index): TrainDraft => ({
      kind: 'train',
      role,
      index,
      method: method.name,
      path: made.path,
      settings: isKnown ? variant.settings : undefined,
      out,
      from: from?.index,
      weights: weights?.index,
      ...common,
      ...after(parents),
    }));
    if (isFree && out !== undefined && known === undefined) this.#byFolder.set(out, job);
    return this.#keptFor(job, from);
  }

  /** Keeps the epoch that a job starts from. */
  #keptFor(job: TrainDraft, from: TrainDraft | undefined): TrainDraft {
    const kickIn = job.settings?.kickInEpoch;
    if (from && typeof kickIn === 'number') from.keepEpochs = union(from.keepEpochs, [kickIn]);
    return job;
  }

  /** Whether the tuning decides a variant's folder. */
  #isTuned({ arm, from }: Variant): boolean {
    return (
      tunedWith(this.study, arm).configurations.length > 1 || (from !== undefined && this.#isTuned(from))
    );
  }

  /** Returns the runs of an arm's tuning on some data, shared with the arms of its choice. */
  #tune(arm: string, on: string): TrainDraft[] {
    const { configurations, together } = tunedWith(this.study, arm);
    if (configurations.length === 1) return [];
    return (this.study.tuning?.seeds ?? []).flatMap((seed) =>
      together.flatMap((name) =>
        combinationsOf(armOf(this.study, name).tune).flatMap((configuration) =>
          variantsOf(this.study, on, name, this.tuned, configuration).map((variant) =>
            this.#train(variant, seed, 'tuning'),
          ),
        ),
      ),
    );
  }

  /** Returns the folder of some data, and the job that builds it. */
  #make(data: string, arm: string, seed: number): { readonly path: string; readonly job: readonly Draft[] } {
    const { path: template = '', make } = entryOf(this.study, data);
    const path = filled(template, { seed, arm, data });
    if (!make) return { path, job: [] };
    const job = this.#add(`data ${path}`, (index) => ({
      kind: 'data',
      index,
      data,
      seed,
      path,
      make,
      ...after([]),
    }));
    return { path, job: [job] };
  }

  /** Returns the job of the run whose selected weights a variant starts from: `weights: { of: pretrain }`. */
  #weightsOf({ data, settings: { weights } }: Variant, seed: number): TrainDraft | undefined {
    if (typeof weights !== 'object' || weights === null || !('of' in weights)) return undefined;
    const [variant] = variantsOf(this.study, data, String(weights.of), this.tuned);
    return variant && this.#train(variant, seed, 'start');
  }

  #add<One extends Draft>(key: string, make: (index: number) => One): One {
    const known = this.#jobs.get(key) as One | undefined;
    const job = known ?? make(this.#jobs.size);
    this.#jobs.set(key, job);
    return job;
  }

  /** Returns the jobs by stage, with their positions as indices. */
  inStages(): Job[] {
    const ordered = [...this.#jobs.values()].sort((a, b) => a.stage - b.stage);
    const places = new Map(ordered.map(({ index }, place) => [index, place]));
    const at = (index: number): number => places.get(index) as number;
    return ordered.map((job): Job => {
      const moved = { index: at(job.index), parents: [...new Set(job.parents)].map(at) };
      if (job.kind === 'data') return { ...job, ...moved };
      if (job.kind === 'trace') return { ...job, ...moved, of: at(job.of) };
      const [from, weights] = [job.from, job.weights].map((one) => (one === undefined ? undefined : at(one)));
      return { ...job, ...moved, from, weights };
    });
  }
}

function after(parents: readonly Draft[]) {
  return {
    stage: Math.max(-1, ...parents.map(({ stage }) => stage)) + 1,
    parents: parents.map(({ index }) => index),
  };
}
