import { datasetOptionsShape } from '../../data/datasetOptions.js';
import { TRACE_SETTINGS } from '../../experiments/traceSettings.js';
import { CRITERIA } from '../../neurons/criteria.js';
import { NULL_NAMES } from '../../neurons/nulls.js';
import { LONGEST_NAME, RANGES } from '../../settings/ranges.js';
import { differing, pathSchema, whole } from '../../settings/schema.js';
import type { SettingsTable } from '../../settings/setting.js';
import { SEED_TYPE } from '../../train/runOptions.js';
import * as z from '../../zod.js';
import type { StudyArm } from '../study/studyArm.js';
import { PLANNED_NAMES, QUESTION_NAMES } from './questions.js';

/** The records of a model's traces, with the settings of each. */
export const RECORDS = {
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

// A table reads a name that is a number as a number.
const name = z
  .string()
  .min(1)
  .max(LONGEST_NAME)
  .refine((text) => Number.isNaN(Number(text)), 'a name that is no number');
const fileName = name.regex(
  /^(?!\.{1,2}$)[\w.-]+$/,
  'only letters, digits, points, dashes and underscores, and not . or ..',
);
const table = z.record(z.string(), z.unknown());
const settings = table.default({});
const seeds = differing(z.array(SEED_TYPE).min(1));
const group = whole(RANGES.groups, 0);
const names = <Name extends string>(known: readonly Name[]) => differing(z.array(z.enum(known)).min(1));
const someNames = differing(z.array(name).min(1));

const traceSchema = z.strictObject({
  record: z.enum(Object.keys(RECORDS) as RecordName[]),
  /** The models that it is made of. */
  stage: fileName,
  settings,
});
/** A kept epoch of another stage's runs, as models of their own. */
export const epochOfSchema = z.strictObject({ of: fileName, epoch: whole(RANGES.count, 1) });
const modelsSchema = z.strictObject({
  seeds,
  /** Settings of ERM, beside the study's. */
  erm: settings,
  /** Models of each seed: by what differs in their ERM, or by an epoch of other ones. */
  stages: z.record(fileName, z.union([epochOfSchema, z.record(z.string(), z.unknown())])),
  traces: z.array(traceSchema).min(1),
  /** The tests over models, declared before the first run. */
  tests: z.strictObject({
    stage: fileName,
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
    growth: differing(z.array(fileName).min(2)).optional(),
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
export const benchmarkSchema = z.strictObject({
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
      stages: z.record(fileName, settings).default({}),
      nulls: names(NULL_NAMES).optional(),
      /** Records that are not made. */
      without: names(Object.keys(RECORDS) as RecordName[]).default([]),
    })
    .optional(),
  /** Part II; left out: there is none on this benchmark. */
  arms: z
    .strictObject({
      seeds,
      only: someNames,
      /** The benchmark whose tuning is taken, or several, whose mean decides. */
      tunedOn: z.union([name, someNames]).optional(),
      /** Whether differences are tested, and not described alone. */
      tested: z.boolean().default(false),
    })
    .optional(),
});
export const studySchema = z.strictObject({
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
      primary: someNames,
      /** The largest difference of worst-group accuracies that would not matter, in points. */
      equivalence: z.number().positive().max(99),
    })
    .optional(),
  /** Settings of Grad-CAM, where data has a core region: the share of the heat on it, before and after, for arms that start from a run. */
  gradCam: table.optional(),
  /** Benchmarks whose arms a table sets side by side, by its columns' names. */
  across: z
    .record(name, name)
    .refine((columns) => Object.keys(columns).length > 0, 'at least one column')
    .optional(),
  /** Benchmarks whose models are one set, such as the folds of one data set: one part of the tables, in place of theirs. */
  pools: z.record(fileName, someNames).optional(),
  benchmarks: z.record(fileName, benchmarkSchema),
});

export type StudyModels = Readonly<z.infer<typeof modelsSchema>>;
export type Stage = StudyModels['stages'][string];
export interface StudyFile extends Omit<z.infer<typeof studySchema>, 'arms'> {
  readonly path: string;
  /** The folder of the recorded results. */
  readonly recordsFolder: string;
  readonly arms: readonly StudyArm[];
}

/** Whether a stage's models are an epoch of another's. */
export function isEpochOf(stage: Stage): stage is z.infer<typeof epochOfSchema> {
  return 'of' in stage;
}
