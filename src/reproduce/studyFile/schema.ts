import { dirname, join } from 'node:path';
import { z } from 'zod';
import { datasetOptionsShape } from '../../data/datasetOptions.js';
import { SpurmemError } from '../../errors.js';
import { TRACE_SETTINGS } from '../../experiments/traceSettings.js';
import { CRITERIA } from '../../neurons/criteria.js';
import { NULL_NAMES } from '../../neurons/nulls.js';
import { nearestSentence, requireKnownNames } from '../../settings/names.js';
import { LONGEST_NAME, RANGES } from '../../settings/ranges.js';
import { firstRepeated } from '../../settings/repeated.js';
import { pathSchema, whole } from '../../settings/schema.js';
import { checkSettings, type SettingsTable } from '../../settings/setting.js';
import { methodNamed, TRAINING_METHODS } from '../../train/methods.js';
import { erm } from '../../train/methods/erm.js';
import { finetune } from '../../train/methods/finetune.js';
import { SEED_TYPE } from '../../train/runOptions.js';
import type { StudyArm } from '../study/studyArm.js';
import { checkArm } from '../study/studyOptions.js';
import { inFile, readAs } from '../sweep/plan.js';
import { FIT, PLANNED_NAMES, QUESTION_NAMES } from './questions.js';

/** The records of a model's traces, with the settings of each. */
const RECORDS = {
  /** Zeroed neurons, of the whole model, for each group: `traceUnstructured`. */
  effects: TRACE_SETTINGS.unstructured,
  /** The same under other perturbations. */
  perturbations: TRACE_SETTINGS.unstructured,
  /** Zeroed neurons of each layer: `traceStructured`. */
  layers: TRACE_SETTINGS.structured,
  /** Ranks of the chosen neurons under the other criteria: `traceOverlap`. */
  overlaps: TRACE_SETTINGS.overlap,
  /** Margins of the training examples before anything is zeroed. */
  margins: {},
} as const satisfies Readonly<Record<string, SettingsTable>>;
export type RecordName = keyof typeof RECORDS;

const name = z.string().min(1).max(LONGEST_NAME);
const settings = z.record(z.string(), z.unknown()).default({});
const seeds = z.array(z.number().refine(SEED_TYPE.accepts, SEED_TYPE.expected)).min(1);
const group = whole(RANGES.groups, 0);
const names = <Name extends string>(known: readonly Name[]) => z.array(z.enum(known)).min(1);

const traceSchema = z.strictObject({
  record: z.enum(Object.keys(RECORDS) as RecordName[]),
  /** The models that it is made of. */
  stage: name,
  settings,
});
/** A kept epoch of another stage's runs, as models of their own. */
const epochOfSchema = z.strictObject({ of: name, epoch: whole(RANGES.count, 1) });
const modelsSchema = z.strictObject({
  seeds,
  /** Settings of ERM, beside the study's. */
  erm: settings,
  /** Models of each seed: by what differs in their ERM, or by an epoch of other ones. */
  stages: z.record(name, z.union([epochOfSchema, z.record(z.string(), z.unknown())])),
  traces: z.array(traceSchema).min(1),
  /** The tests over models, declared before the first run. */
  tests: z.strictObject({
    stage: name,
    k: whole(RANGES.count, 1),
    criteria: names(CRITERIA.map((criterion) => criterion.name)),
    /** The questions that were planned; the tables say so. */
    primary: names(PLANNED_NAMES).default(QUESTION_NAMES),
    /** The planned questions of these criteria are one family of tests: Holm corrects over all of it, and each gets a verdict. */
    family: z
      .strictObject({
        criteria: names(CRITERIA.map((criterion) => criterion.name)),
        /** The largest difference of accuracies that would not matter, in points. */
        points: z.number().positive().max(99),
      })
      .optional(),
    /** Stages of training in their order: whether what is found grows as the gap between training and test does. */
    growth: z.array(name).min(2).optional(),
    /** By minority group: the majority group of its class. */
    minorityGroups: z.record(z.string().regex(/^\d+$/), group),
    /** The largest change of a mean margin that would not matter, in logits. */
    equivalence: z.number().positive().max(RANGES.real[1]),
    /** Fewer models are described and not tested. */
    leastModels: whole(RANGES.count, 1),
    /** The standard deviation whose perturbations are tested. */
    sigma: z.number().positive().max(RANGES.real[1]).optional(),
  }),
});
const armSchema = z.strictObject({
  method: z.string(),
  settings,
  erm: settings.optional(),
  grid: z.record(z.string(), z.array(z.unknown()).min(1)).optional(),
  choice: name.optional(),
  /** Another arm, whose tuned values are taken. */
  tunedAs: name.optional(),
});
const benchmarkSchema = z.strictObject({
  data: pathSchema,
  datasetOptions: z.strictObject(datasetOptionsShape).optional(),
  /** Settings that differ from the study's. */
  erm: settings,
  finetune: settings,
  settings,
  /** Models of Part I; left out: there are none of this benchmark. */
  models: z
    .strictObject({
      seeds: seeds.optional(),
      stages: z.record(name, settings).default({}),
      nulls: names(NULL_NAMES).optional(),
      /** Records that are not made. */
      without: names(Object.keys(RECORDS) as RecordName[]).default([]),
    })
    .optional(),
  /** Part II; left out: there is none on this benchmark. */
  arms: z
    .strictObject({
      seeds,
      only: z.array(name).min(1),
      /** The benchmark whose tuning is taken, or several, whose mean decides. */
      tunedOn: z.union([name, z.array(name).min(1)]).optional(),
      /** Whether differences are tested, and not described alone. */
      tested: z.boolean().default(false),
    })
    .optional(),
});
const studySchema = z.strictObject({
  title: name,
  /** Where runs go. */
  runs: pathSchema,
  /** Where results are recorded, beside the file. */
  records: pathSchema,
  /** Settings of every ERM run, of every fine-tuning, and of every method that has them. */
  erm: settings,
  finetune: settings,
  settings,
  models: modelsSchema.optional(),
  arms: z.record(name, armSchema).default({}),
  tuning: z.strictObject({ seeds }).optional(),
  comparisons: z
    .strictObject({
      reference: name,
      /** The arm that is compared with each other one, and those that it is tested against. */
      focus: name,
      primary: z.array(name).min(1),
      /** The largest difference of worst-group accuracies that would not matter, in points. */
      equivalence: z.number().positive().max(99),
    })
    .optional(),
  /** Settings of Grad-CAM, where data has a core region: the share of the heat on it, before and after, for arms that start from a run. */
  gradCam: settings.optional(),
  /** Benchmarks whose arms a table sets side by side, by its columns' names. */
  across: z.record(name, name).optional(),
  /** Benchmarks whose models are one set, such as the folds of one data set: one part of the tables, in place of theirs. */
  pools: z.record(name, z.array(name).min(1)).optional(),
  benchmarks: z.record(name, benchmarkSchema),
});

export type StudyModels = Readonly<z.infer<typeof modelsSchema>>;
type Stage = StudyModels['stages'][string];
export interface StudyFile extends Omit<z.infer<typeof studySchema>, 'arms'> {
  readonly path: string;
  /** The folder of the recorded results. */
  readonly recordsFolder: string;
  readonly arms: readonly StudyArm[];
}

/** Whether a stage's models are an epoch of another's. */
export function isEpochOf(stage: Stage): stage is z.infer<typeof epochOfSchema> {
  return epochOfSchema.safeParse(stage).success;
}

function trainedStages(models: StudyModels | undefined): string[] {
  const stages = Object.entries(models?.stages ?? {});
  return stages.filter(([, stage]) => !isEpochOf(stage)).map(([name]) => name);
}

/** Reads a study from a file in YAML or JSON. Throws `USAGE` naming the file, the key that is wrong, and the nearest name. */
export async function readStudy(path: string): Promise<StudyFile> {
  const { arms: named, ...study } = await readAs(path, studySchema, 'study');
  const at = <Args extends unknown[]>(key: string, check: (...args: Args) => void, ...args: Args): void => {
    inFile(path, key, () => {
      check(...args);
    });
  };
  const known = (key: string, wanted: string | undefined, names: readonly string[], what: string): void => {
    if (wanted === undefined || names.includes(wanted)) return;
    const problem = `there is no ${what} ${wanted}. ${nearestSentence(wanted, names)}`;
    throw new SpurmemError('USAGE', `${path}, ${key}: ${problem}`);
  };
  const methods = TRAINING_METHODS.map((method) => method.name);
  const arms = Object.entries(named).map(([arm, rest]): StudyArm => ({ name: arm, ...rest }));
  for (const arm of arms) {
    known(`arms.${arm.name}.method`, arm.method, methods, 'method');
    at(`arms.${arm.name}`, checkArm, arm, arms, study.tuning !== undefined);
  }
  const armNames = arms.map((arm) => arm.name);
  const { comparisons, models, benchmarks } = study;
  known('comparisons.reference', comparisons?.reference, armNames, 'arm');
  known('comparisons.focus', comparisons?.focus, armNames, 'arm');
  for (const arm of comparisons?.primary ?? []) known('comparisons.primary', arm, armNames, 'arm');
  const stages = Object.keys(models?.stages ?? {});
  known('models.tests.stage', models?.tests.stage, stages, 'stage');
  for (const stage of models?.tests.growth ?? []) known('models.tests.growth', stage, stages, 'stage');
  for (const criterion of models?.tests.family?.criteria ?? []) {
    known('models.tests.family.criteria', criterion, models?.tests.criteria ?? [], 'traced criterion');
  }
  for (const [i, trace] of (models?.traces ?? []).entries()) {
    known(`models.traces[${i}].stage`, trace.stage, stages, 'stage');
    const table = { ...TRACE_SETTINGS.session, ...RECORDS[trace.record] };
    at(`models.traces[${i}].settings`, checkTable, trace.settings, table);
  }
  for (const [stage, own] of Object.entries(models?.stages ?? {})) {
    if (isEpochOf(own)) known(`models.stages.${stage}.of`, own.of, trainedStages(models), 'trained stage');
    else at(`models.stages.${stage}`, checkTable, own, erm.settings);
  }
  const all = arms.map(({ method }) => methodNamed(method ?? erm.name).settings);
  for (const [key, own] of [['', study] as const, ...Object.entries(benchmarks)]) {
    const place = key === '' ? '' : `benchmarks.${key}.`;
    at(`${place}erm`, checkTable, own.erm, erm.settings);
    at(`${place}finetune`, checkTable, own.finetune, finetune.settings);
    at(`${place}settings`, () => {
      requireKnownNames(own.settings, ...all);
    });
  }
  for (const [key, benchmark] of Object.entries(benchmarks)) {
    const place = `benchmarks.${key}`;
    for (const arm of benchmark.arms?.only ?? []) known(`${place}.arms.only`, arm, armNames, 'arm');
    for (const on of [benchmark.arms?.tunedOn ?? key].flat()) {
      known(`${place}.arms.tunedOn`, on, Object.keys(benchmarks), 'benchmark');
    }
    for (const stage of Object.keys(benchmark.models?.stages ?? {})) {
      known(`${place}.models.stages`, stage, trainedStages(models), 'trained stage');
    }
  }
  for (const [column, benchmark] of Object.entries(study.across ?? {})) {
    known(`across.${column}`, benchmark, Object.keys(benchmarks), 'benchmark');
  }
  for (const [pool, members] of Object.entries(study.pools ?? {})) {
    for (const member of members) known(`pools.${pool}`, member, Object.keys(benchmarks), 'benchmark');
    at(`pools.${pool}`, checkPool, study, members);
  }
  if (models && models.tests.family === undefined && models.tests.primary.includes(FIT)) {
    throw new SpurmemError(
      'USAGE',
      `${path}, models.tests.primary: \`${FIT}\` takes \`family\`, which has its margin.`,
    );
  }
  return { ...study, arms, path, recordsFolder: join(dirname(path), study.records) };
}

/**
 * Throws `USAGE` where two benchmarks of a pool have the same seed, which identifies a model, or their arms have different numbers of seeds:
 * the first seeds of all benchmarks make the pool's first seed, and so on.
 */
function checkPool(
  { benchmarks, models }: Pick<z.infer<typeof studySchema>, 'benchmarks' | 'models'>,
  members: readonly string[],
): void {
  const ofModels = members.flatMap((member) => {
    const own = benchmarks[member]?.models;
    return own ? (own.seeds ?? models?.seeds ?? []) : [];
  });
  const ofArms = members.map((member) => benchmarks[member]?.arms?.seeds ?? []);
  const twice = firstRepeated(ofModels) ?? firstRepeated(ofArms.flat());
  if (twice !== undefined) {
    throw new SpurmemError(
      'USAGE',
      `two of its benchmarks have seed ${twice}, and seeds tell the models of a pool apart.`,
    );
  }
  if (new Set(ofArms.map(({ length }) => length)).size > 1) {
    throw new SpurmemError('USAGE', 'the arms of its benchmarks have numbers of seeds that differ.');
  }
}

function checkTable(values: object, table: SettingsTable): void {
  requireKnownNames(values, table, { protocol: true });
  checkSettings(table, values);
}
