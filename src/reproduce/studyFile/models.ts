import { join } from 'node:path';
import { type Dataset, datasetOf } from '../../data/dataset.js';
import { type Split, SPLITS } from '../../data/split.js';
import { SpurmemError } from '../../errors.js';
import { evaluateRun } from '../../experiments/evaluateRun.js';
import { judge, OUTCOMES } from '../../experiments/outcomes.js';
import type { TraceEntry } from '../../experiments/results.js';
import { measuredExamples } from '../../experiments/samples.js';
import { traceOverlap } from '../../experiments/traceOverlap.js';
import { type SessionOptions, TraceSession } from '../../experiments/traceSession.js';
import { traceStructured } from '../../experiments/traceStructured.js';
import { traceUnstructured } from '../../experiments/traceUnstructured.js';
import { isOf, select } from '../../kit/rows.js';
import { mean, quantile } from '../../metrics/statistics.js';
import { NULL_NAMES } from '../../neurons/nulls.js';
import { throwIfAborted } from '../../progress.js';
import { ERM_SETTINGS } from '../../train/ermSettings.js';
import { erm } from '../../train/methods/erm.js';
import { runJob } from '../sweep/jobs.js';
import type { SweepJob } from '../sweep/plan.js';
import type { StudyFileOptions } from './arms.js';
import { requireMinorityGroups } from './readStudy.js';
import { keepSettings, ofData, type OfRecords, requireSettings } from './recordedSettings.js';
import { type RecordRow, Records, timed } from './records.js';
import { isEpochOf, type RecordName, type StudyFile, type StudyModels } from './schema.js';

/** A seed of a benchmark's models, and the records that it lacks. */
export interface OpenModels {
  readonly seed: number;
  readonly records: readonly (RecordName | 'models')[];
}

/** What a benchmark's models have of their own. */
type OwnModels = NonNullable<StudyFile['benchmarks'][string]['models']>;

/** The record of the models' accuracies and times. */
const MODELS = 'models' as const;

/** The models of Part I of a benchmark, but for those that are recorded. */
export async function openModels(
  file: StudyFile,
  name: string,
  { seeds: asked }: Pick<StudyFileOptions, 'seeds'>,
): Promise<OpenModels[]> {
  const { models } = file;
  const own = file.benchmarks[name]?.models;
  if (!models || !own) return [];
  const records = new Records(file.recordsFolder, name);
  const tables = await Promise.all(
    wantedRows(models)
      .filter(({ record }) => record === MODELS || !own.without.includes(record))
      .map(async (wanted) => ({ ...wanted, rows: await records.read(wanted.record) })),
  );
  const lackedBy = (seed: number): OpenModels['records'] =>
    tables.flatMap(({ record, sets, rows }) => {
      const ofSeed = select(rows, { seed });
      if (ofSeed.length === 0) return [record];
      // Not all records have all of these columns.
      const lacking = sets.find((set) => !ofSeed.some((row) => isOf(row, set)));
      if (lacking) throw partlyRecorded(records.pathOf(record), seed, lacking);
      return [];
    });
  return (own.seeds ?? models.seeds)
    .filter((seed) => asked?.includes(seed) !== false)
    .map((seed) => ({ seed, records: lackedBy(seed) }))
    .filter(({ records: lacked }) => lacked.length > 0);
}

/** Each record that the traces make, and what tells its rows apart. */
function wantedRows({ stages, traces }: StudyModels) {
  const records = [...new Set(traces.map(({ record }) => record))].map((record) => {
    const own = traces.filter((trace) => trace.record === record);
    const sets = own.flatMap(({ stage, settings: { split = 'train', topK } }): RecordRow[] => {
      const sizes = Array.isArray(topK) ? topK.map((k) => ({ k: Number(k) })) : [{}];
      return sizes.map((size) => ({ stage, split: String(split), ...size }));
    });
    return { record, sets };
  });
  return [...records, { record: MODELS, sets: Object.keys(stages).map((stage): RecordRow => ({ stage })) }];
}

function partlyRecorded(path: string, seed: number, lacking: RecordRow): SpurmemError {
  const set = Object.entries(lacking).map(([column, value]) => `${column} ${String(value)}`);
  return new SpurmemError('RUN_INVALID', `${path} has seed ${seed} without ${set.join(', ')}.`, {
    advice: ['The study had no such trace when it was recorded: move the file away to record it anew.'],
  });
}

/** Runs Part I of a benchmark, seed by seed: trains its models, traces them, and records what is not recorded. */
export async function runModelsOf(file: StudyFile, name: string, options: StudyFileOptions): Promise<void> {
  const { models } = file;
  const benchmark = file.benchmarks[name];
  const own = benchmark?.models;
  if (!models || !own) return;
  const records = new Records(file.recordsFolder, name);
  const { onStep, seeds: _seeds, ...job } = options;
  await keepSettings(file, name, settingsOfModels(file, name));
  let data: Dataset | undefined;
  for (const { seed, records: lacked } of await openModels(file, name, options)) {
    throwIfAborted(options.signal, name);
    if (data === undefined) {
      data = await datasetOf(benchmark.data, benchmark.datasetOptions);
      await keepSettings(file, name, settingsOfModels(file, name, data));
    }
    const dataset = data;
    requireMinorityGroups(file, name, dataset.numGroups);
    const made = new Map<string, RecordRow[]>();
    const { took } = await timed(async () => {
      for (const { stage: ownStage, epoch, run } of stagesOf(file, name, seed)) {
        onStep?.(`${name}: ${ownStage}, seed ${seed}`);
        const result = await runJob([run], run, { ...job, data: dataset });
        const { onEpoch: _onEpoch, ...session } = job;
        const of = { ...session, run: run.out, data: dataset, epoch };
        const model = { seed, stage: ownStage };
        const add = (record: string, rows: readonly RecordRow[]): void => {
          made.set(record, [...(made.get(record) ?? []), ...rows]);
        };
        for (const split of SPLITS) {
          const { accuracy } =
            epoch === undefined ? result[split] : (await evaluateRun({ ...of, split })).accuracies;
          add(
            MODELS,
            accuracy.map((value, group) => ({ ...model, split, group, accuracy: value })),
          );
        }
        for (const { stage, record, settings } of models.traces) {
          if (stage !== ownStage || !lacked.includes(record)) continue;
          onStep?.(`${name}: ${record} of ${stage}, seed ${seed}`);
          add(record, await ROWS[record]({ ...of, seed, ...tracedWith(settings, own) }, model));
        }
      }
    });
    await requireSettings(file, name, settingsOfModels(file, name, data), { adding: true });
    for (const record of lacked) {
      const rows = made.get(record) ?? [];
      await records.add(record, record === MODELS ? rows.map((row) => ({ ...row, ...took })) : rows, {
        seed,
      });
    }
  }
}

/** A trace's settings on a benchmark: its nulls, where the trace has random neurons beside the chosen ones. */
function tracedWith(settings: Readonly<Record<string, unknown>>, { nulls }: OwnModels) {
  return nulls === undefined || settings.nulls === undefined ? settings : { ...settings, nulls };
}

/**
 * The settings of each record of a benchmark's models: of a stage's training, or of its traces; with the fingerprint of its data where
 * that is read.
 */
export function settingsOfModels(file: StudyFile, name: string, data?: Dataset): OfRecords {
  const own = file.benchmarks[name]?.models;
  if (!file.models || !own) return {};
  const { traces } = file.models;
  const stages = stagesOf(file, name, 0);
  const all: Record<string, Record<string, unknown[]>> = { [MODELS]: {} };
  const add = (record: string, what: string, settings: unknown): void => {
    ((all[record] ??= {})[what] ??= []).push(settings);
  };
  for (const { stage, epoch = 'selected', run } of stages) add(MODELS, stage, { epoch, ...run.settings });
  for (const { record, stage, settings } of traces) {
    if (own.without.includes(record)) continue;
    const { split = 'train', topK = 'the default' } = settings;
    add(record, `${stage}, ${String(split)}, k ${String(topK)}`, tracedWith(settings, own));
  }
  return Object.fromEntries(
    Object.entries(all).map(([record, named]) => [record, { ...named, ...ofData(data) }]),
  );
}

/** Models of a seed: a run, or an epoch of it. */
interface ModelStage {
  readonly stage: string;
  /** Undefined: the run's selected epoch. */
  readonly epoch: number | undefined;
  readonly run: SweepJob;
}

/** A seed's models, in the order of the study's stages. Throws `USAGE` for an epoch that training does not reach. */
export function stagesOf(file: StudyFile, name: string, seed: number): ModelStage[] {
  const benchmark = file.benchmarks[name];
  const stages = file.models?.stages ?? {};
  const views = Object.values(stages).filter(isEpochOf);
  const runOf = (stage: string): SweepJob => {
    const kept = views.filter(({ of }) => of === stage).map(({ epoch }) => epoch);
    return {
      index: 0,
      stage: 0,
      entry: stage,
      method: erm.name,
      settings: {
        ...file.erm,
        ...benchmark?.erm,
        ...file.models?.erm,
        ...stages[stage],
        ...benchmark?.models?.stages[stage],
      },
      ...(kept.length === 0 ? {} : { keepEpochs: kept }),
      seed,
      out: join(file.runs, name, `${stage}-${seed}`),
      from: null,
    };
  };
  return Object.entries(stages).map(([stage, own]): ModelStage => {
    if (!isEpochOf(own)) return { stage, epoch: undefined, run: runOf(stage) };
    const run = runOf(own.of);
    const { epochs = ERM_SETTINGS.epochs.article } = run.settings;
    if (own.epoch > Number(epochs)) {
      const problem = `epoch ${own.epoch} of ${own.of}, which has ${String(epochs)} epochs on ${name}.`;
      throw new SpurmemError('USAGE', `${file.path}, models.stages.${stage}: ${problem}`);
    }
    return { stage, epoch: own.epoch, run };
  });
}

type Rows = (options: SessionOptions, model: { seed: number; stage: string }) => Promise<RecordRow[]>;

const ROWS: Readonly<Record<RecordName, Rows>> = {
  async effects(options, { seed, stage }) {
    const { entries, split } = await traceUnstructured(options);
    return entries.map((entry) => ({ seed, stage, split, ...effectOf(entry), ...randomMeans(entry) }));
  },
  async perturbations(options, { seed }) {
    const { entries, perturbation } = await traceUnstructured(options);
    return entries.map((entry) => ({ seed, perturbation, sigma: entry.sigma, ...effectOf(entry) }));
  },
  async layers(options, { seed }) {
    const { entries } = await traceStructured(options);
    return entries.map(({ criterion, layer, group, change: accuracy, margin }) => {
      return { seed, criterion, layer, group, accuracy, margin };
    });
  },
  async overlaps(options, { seed }) {
    const { entries } = await traceOverlap(options);
    return entries.map(({ reading, group, chosenBy, rankedBy, neurons }) => {
      const ranks = neurons.map(({ percentile }) => percentile).sort((a, b) => a - b);
      const share = (least: number): number => ranks.filter((rank) => rank >= least).length / ranks.length;
      const measured = { neurons: ranks.length, mean: mean(ranks), top5: share(95), top50: share(50) };
      return { seed, reading, group, chosenBy, rankedBy, ...measured };
    });
  },
  async margins(options, { seed }) {
    return (await judgedMargins(options, 'train')).map((values, group) => ({
      seed,
      group,
      mean: mean(values),
      tenth: quantile(values, 0.1),
    }));
  },
};

/** A set of neurons: the changes of each group, and minority minus majority. */
function effectOf({ criterion, group, k, neurons, change, margin, loss, difference }: TraceEntry): RecordRow {
  const ofGroups = change.flatMap((accuracy, g) => [
    [`accuracy${g}`, accuracy],
    [`margin${g}`, margin[g] ?? null],
    [`loss${g}`, loss[g] ?? null],
  ]);
  const interactions = OUTCOMES.map((outcome) => [`${outcome}Interaction`, difference?.[outcome] ?? null]);
  return {
    criterion,
    chosenFor: group,
    k,
    neurons: neurons.map(({ layer, index }) => `${layer}:${index}`).join(' '),
    ...(Object.fromEntries([...ofGroups, ...interactions]) as RecordRow),
  };
}

/** Means over random neurons: of the group that the chosen ones are for, and of minority minus majority. */
function randomMeans({ comparisons, group }: TraceEntry): RecordRow {
  const columns = NULL_NAMES.flatMap((name) =>
    (['accuracy', 'margin'] as const).flatMap((outcome) => [
      [`${name} ${outcome}`, comparisons?.[name]?.groups[group]?.[outcome].mean ?? null],
      [`${name} ${outcome}Interaction`, comparisons?.[name]?.difference?.[outcome].mean ?? null],
    ]),
  );
  return Object.fromEntries(columns) as RecordRow;
}

/**
 * Margins of the examples of a split that neurons are judged on, [numGroups][examples].
 *
 * @param samples those that a trace with so many `samples` measures; all by default
 */
export async function judgedMargins(
  options: SessionOptions,
  split: Split,
  samples?: number,
): Promise<number[][]> {
  using session = await TraceSession.open(options);
  const { dataset, loader, model } = session;
  const margins = dataset.groupNames.map((): number[] => []);
  const judged = session.judgedOn(split);
  const indices = samples === undefined ? judged : measuredExamples(dataset, judged, samples, session.seed);
  for await (const batch of loader.evaluation(indices, session.job.batchSize)) {
    using images = batch;
    using logits = (await model.network.run(images.images)).logits;
    const labels = images.indices.map((index) => dataset.labels[index] as number);
    judge((await logits.data()) as Float32Array, labels).margins.forEach((margin, i) => {
      margins[dataset.groups[images.indices[i] as number] as number]?.push(margin);
    });
  }
  return margins;
}
