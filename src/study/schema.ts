import { datasetOptionsShape } from '../data/datasetOptions.js';
import { dominoesCountsSchema } from '../data/dominoes.js';
import { CRITERIA } from '../neurons/criteria.js';
import { NULL_NAMES } from '../neurons/nulls.js';
import { LONGEST_NAME, RANGES } from '../settings/ranges.js';
import { differing, pathSchema, whole } from '../settings/schema.js';
import { TRAINING_METHODS } from '../train/methods.js';
import { SEED_TYPE } from '../train/runOptions.js';
import * as z from '../zod.js';
import { plantSchema } from './planted/plant.js';
import { PLANNED_NAMES, QUESTION_NAMES } from './questions.js';

/** What can be measured on a trained run; each is a table of its own, except figures, which are files of the run. */
export const TRACES = [
  'effects',
  'perturbations',
  'layers',
  'overlaps',
  'margins',
  'heat',
  'figures',
  'planted',
  'found',
  'erased',
  'minimal',
] as const;
export type TraceName = (typeof TRACES)[number];

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
const someNames = differing(z.array(name).min(1));
const oneOrMore = z.union([name, someNames]);
const settings = z.record(z.string(), z.unknown()).default({});
const grid = z.record(z.string(), differing(z.array(z.unknown()).min(1))).default({});
const seeds = differing(z.array(SEED_TYPE).min(1));
/** A number, or a share of the recipe's epochs. */
const keptEpochs = z.array(
  z.union([whole(RANGES.count), z.strictObject({ share: z.number().positive().max(1) })]),
);
const words = <Word extends string>(known: readonly Word[]) => differing(z.array(z.enum(known)).min(1));
const positive = z.number().positive().max(RANGES.real[1]);

/** Settings by where an arm starts: from data, from a run, or anywhere if its method has them. */
const sharedSchema = z.strictObject({ data: settings, run: settings, all: settings });
const shared = sharedSchema.default({ data: {}, run: {}, all: {} });

/** An arm is a training method with settings, or one epoch of another arm. */
const armSchema = z.strictObject({
  method: z.enum(TRAINING_METHODS.map((method) => method.name)).default('erm'),
  settings,
  /** The arm whose run of the same seed it starts from. */
  from: name.optional(),
  /** Another arm, one of whose epochs is measured as a model of its own. */
  of: name.optional(),
  epoch: whole(RANGES.count, 1).optional(),
  /** Every combination is a row. */
  grid,
  /** The combination with the best validation worst-group accuracy over the tuning seeds is the row. */
  tune: grid,
  /** Arms with an equal choice are tuned together. */
  choice: name.optional(),
  /** Another arm, whose tuned values are taken. */
  tunedAs: name.optional(),
  /** The data that it is trained on, whatever arms that start from it are trained on. */
  data: fileName.optional(),
  /** Whether it is a row; other arms may start from one that is not. */
  shown: z.boolean().default(true),
  /** Whether its method derives settings from the recipe. */
  derived: z.boolean().default(false),
  /** Epochs to keep, besides those that other arms start from. */
  keepEpochs: keptEpochs.optional(),
  folder: z.string().optional(),
});

const dataSchema = z.strictObject({
  path: pathSchema.optional(),
  /** Builds the data if it is missing. */
  make: z
    .discriminatedUnion('by', [
      z.strictObject({
        by: z.literal('dominoes'),
        /** The garments and digits that the benchmark does not use. */
        unused: z.boolean().default(false),
        counts: dominoesCountsSchema.optional(),
        fashionMnist: pathSchema.optional(),
      }),
      plantSchema,
    ])
    .optional(),
  options: z.strictObject(datasetOptionsShape).optional(),
  settings: shared,
  /** Settings of single arms. */
  override: z.record(name, settings).default({}),
  /** Arms whose neurons are traced. */
  models: z.strictObject({ arms: someNames, seeds: seeds.optional() }).optional(),
  /** Arms whose accuracies are compared; all that are shown if no models are named either. */
  compared: z
    .strictObject({
      arms: someNames.optional(),
      seeds: seeds.optional(),
      /** The data whose tuning is taken; of several, their mean decides. */
      tunedOn: oneOrMore.optional(),
      /** Whether planned differences are tested, and not described alone. */
      tested: z.boolean().default(false),
    })
    .optional(),
  /** Traces that are not made. */
  without: words(TRACES).default([]),
  /** Random neurons to compare with the chosen ones, in place of the traces' own. */
  nulls: words(NULL_NAMES).optional(),
});

const traceSchema = z.strictObject({
  trace: z.enum(TRACES),
  of: oneOrMore,
  /** Each split is a trace. */
  split: z.union([z.string(), differing(z.array(z.string()).min(1))]).optional(),
  settings,
});

const criteria = words(CRITERIA.map((criterion) => criterion.name));
/** Tests, declared before the first run. */
const testsSchema = z.strictObject({
  /** Questions about neurons, over models. */
  neurons: z
    .strictObject({
      of: name,
      k: whole(RANGES.count, 1),
      criteria,
      /** The questions that were planned; the tables say so. */
      primary: words(PLANNED_NAMES).default(QUESTION_NAMES),
      /** The planned questions of these criteria are one family of tests: Holm corrects over all of it, and each gets a verdict. */
      family: z
        .strictObject({
          criteria,
          /** The largest difference of accuracies that would not matter, in points. */
          points: z.number().positive().max(99),
        })
        .optional(),
      /** Arms in the order of training: does what is found grow as the gap between training and test does? */
      growth: differing(z.array(name).min(2)).optional(),
      /** By minority group: the majority group of its class. */
      minorityGroups: z.record(z.string().regex(/^\d+$/), whole(RANGES.groups, 0)),
      /** The largest change of a mean margin that would not matter, in logits. */
      equivalence: positive,
      /** Fewer models are described and not tested. */
      leastModels: whole(RANGES.count, 1),
      /** The standard deviation whose perturbations are tested. */
      sigma: positive.optional(),
    })
    .optional(),
  /** Planted memories: limits by which tables judge them. */
  planted: z
    .strictObject({
      /** A planting is pure: the least share of planted images that is fitted, and the largest change of the kept groups' test accuracy. */
      pure: z.strictObject({ fitted: z.number().min(0).max(1), moved: z.number().min(0).max(1) }),
      /** The least AUC within the layer of a criterion that finds them, and the largest difference from 0.5 that would not matter. */
      found: z.strictObject({ least: z.number().min(0.5).max(1), within: z.number().positive().max(0.5) }),
      /** A memory is erased: the least drop of its accuracy, and the largest change of the kept groups' test accuracy. */
      erased: z.strictObject({ least: z.number().min(0).max(1), moved: z.number().min(0).max(1) }),
    })
    .optional(),
  /** Differences of worst-group accuracy between arms. */
  arms: z
    .strictObject({
      reference: name,
      /** The arm that is compared with each other one; default: each is compared with the reference. */
      focus: name.optional(),
      /** The arms of the planned tests; default: all. */
      primary: someNames.optional(),
      /** The largest difference that would not matter, in points; default: none is tested. */
      equivalence: z.number().positive().max(99).optional(),
    })
    .optional(),
});

/** A study as its file writes it. */
export const studySchema = z.strictObject({
  title: name,
  /** Where runs go, and how their folders are named: by {data}, {arm}, {seed}, {settings} that differ, {grid}, or {runs}, the folder's name. */
  runs: pathSchema,
  folder: z.string().min(1).default('{data}/{settings}/seed-{seed}'),
  /** The folder of recorded results, relative to the document; default: `records`, with the runs. */
  records: pathSchema.optional(),
  settings: shared,
  data: z.record(fileName, dataSchema),
  seeds: seeds.optional(),
  arms: z.record(name, armSchema),
  tuning: z.strictObject({ seeds }).optional(),
  traces: z.array(traceSchema).default([]),
  tests: testsSchema.default({}),
  /** Data whose compared arms one table sets side by side, by its columns. */
  across: z
    .record(name, fileName)
    .refine((columns) => Object.keys(columns).length > 0, 'at least one column')
    .optional(),
  /** Data whose models are one set, such as folds: one part of the tables, in place of theirs. */
  pools: z.record(fileName, someNames).default({}),
});

/** A study's file as it was read, with defaults. */
export type StudyDocument = Readonly<z.output<typeof studySchema>>;
export type Arm = StudyDocument['arms'][string];
export type DataEntry = StudyDocument['data'][string];
export type NeuronTests = NonNullable<StudyDocument['tests']['neurons']>;
export type PlantedTests = NonNullable<StudyDocument['tests']['planted']>;

/** A document that was read. */
export interface Study extends StudyDocument {
  readonly path: string;
  /** The folder of recorded results. */
  readonly recordsFolder: string;
}

/** The arms that are rows. */
function shownArms({ arms }: StudyDocument): string[] {
  return Object.keys(arms).filter((name) => arms[name]?.shown === true);
}

/** The models of some data, and its compared arms; empty if it has none. */
export function rowsOn(study: StudyDocument, data: string) {
  const { models, compared } = entryOf(study, data);
  const isStart = Object.values(study.arms).some((arm) => arm.data === data);
  const all = models || isStart ? [] : shownArms(study);
  const { seeds: own = [] } = study;
  return {
    models: { arms: models?.arms ?? [], seeds: models?.seeds ?? own },
    compared: {
      arms: compared ? (compared.arms ?? shownArms(study)) : all,
      seeds: compared?.seeds ?? own,
      tunedOn: [compared?.tunedOn ?? data].flat(),
      isTested: compared?.tested === true,
    },
  };
}

export function entryOf(study: Pick<StudyDocument, 'data'>, data: string): DataEntry {
  const entry = study.data[data];
  if (!entry) throw new RangeError(`The study has no data named ${data}.`);
  return entry;
}

export function armOf(study: Pick<StudyDocument, 'arms'>, name: string): Arm {
  const arm = study.arms[name];
  if (!arm) throw new RangeError(`The study has no arm named ${name}.`);
  return arm;
}
