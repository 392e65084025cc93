import { datasetOptionsShape } from '../data/datasetOptions.js';
import { NULL_NAMES } from '../neurons/nulls.js';
import { RANGES } from '../settings/ranges.js';
import { differing, pathSchema, whole } from '../settings/schema.js';
import { TRAINING_METHODS } from '../train/methods.js';
import { SEED_TYPE } from '../train/runOptions.js';
import * as z from '../zod.js';
import { MAKERS } from './makers.js';
import type { StudyPart } from './part.js';
import { PARTS } from './parts.js';
import { PLANNED_NAMES, QUESTION_NAMES } from './questions.js';
import { TRACE_NAMES } from './traces.js';
import { criteria, minorityGroups, name, points, positive, words } from './values.js';

// A part of the folders of its runs.
const armName = name.regex(/^(?!\.{1,2}$)[^/\\\0]+$/, 'no slash, and not . or ..');
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

/** Settings by the start of an arm: from data, from a run, or either if its method has them. */
const sharedSchema = z.strictObject({ data: settings, run: settings, all: settings });
const shared = sharedSchema.default({ data: {}, run: {}, all: {} });

/** An arm is a training method with settings, or one epoch of another arm. */
const armSchema = z.strictObject({
  method: z.enum(TRAINING_METHODS.map((method) => method.name)).default('erm'),
  settings,
  /** The arm whose run of the same seed it starts from. */
  from: name.optional(),
  /** Another arm, one epoch of which is measured as a model. */
  of: name.optional(),
  epoch: whole(RANGES.count, 1).optional(),
  /** Every combination is a row. */
  grid,
  /** The combination with the best validation worst-group accuracy over the tuning seeds is the row. */
  tune: grid,
  /** Arms with an equal choice are tuned together. */
  choice: name.optional(),
  /** Another arm, whose tuned values it takes. */
  tunedAs: name.optional(),
  /** The data to train it on, whatever the data of arms that start from it. */
  data: fileName.optional(),
  /** Whether it is a row; other arms may start from one that is not. */
  shown: z.boolean().default(true),
  /** Whether its method derives settings from the recipe. */
  derived: z.boolean().default(false),
  /** Epochs to keep; the ones that other arms start from are kept anyway. */
  keepEpochs: keptEpochs.optional(),
  folder: z.string().optional(),
});

const dataSchema = z.strictObject({
  path: pathSchema.optional(),
  /** Builds the data if it is missing. */
  make: z
    .discriminatedUnion('by', [MAKERS[0].options, ...MAKERS.slice(1).map(({ options }) => options)])
    .optional(),
  options: z.strictObject(datasetOptionsShape).optional(),
  settings: shared,
  /** Settings of single arms. */
  override: z.record(name, settings).default({}),
  /** Arms whose neurons are traced. */
  models: z.strictObject({ arms: someNames, seeds: seeds.optional() }).optional(),
  /** Arms whose accuracies are compared; default: all shown arms, if no models are named either. */
  compared: z
    .strictObject({
      arms: someNames.optional(),
      seeds: seeds.optional(),
      /** The data whose tuning counts; with several, their mean decides. */
      tunedOn: oneOrMore.optional(),
      /** Whether planned differences are tested, not just described. */
      tested: z.boolean().default(false),
    })
    .optional(),
  /** Traces to leave out. */
  without: words(TRACE_NAMES).default([]),
  /** Random neurons to compare with the chosen ones, in place of the traces' own. */
  nulls: words(NULL_NAMES).optional(),
});

const traceSchema = z.strictObject({
  trace: z.enum(TRACE_NAMES),
  of: oneOrMore,
  /** Each split is a trace. */
  split: z.union([z.string(), differing(z.array(z.string()).min(1))]).optional(),
  settings,
});

const testsOfParts = Object.fromEntries(PARTS.map((part) => [part.name, part.tests.optional()]));
/** Tests, declared before the first run. */
const testsSchema = z.strictObject({
  /** Questions about neurons, over models. */
  neurons: z
    .strictObject({
      of: name,
      k: whole(RANGES.count, 1),
      criteria,
      /** The planned questions; tables mark them. */
      primary: words(PLANNED_NAMES).default(QUESTION_NAMES),
      /** The planned questions of these criteria form one family of tests: Holm corrects over all of it, and each gets a verdict. */
      family: z
        .strictObject({
          criteria,
          /** The largest negligible difference of accuracies, in points. */
          points,
        })
        .optional(),
      /** Arms in the order of training, to test whether the effect grows with the gap between training and test. */
      growth: differing(z.array(name).min(2)).optional(),
      minorityGroups,
      /** The largest negligible change of a mean margin, in logits. */
      equivalence: positive,
      /** With fewer models, results are described, not tested. */
      leastModels: whole(RANGES.count, 1),
      /** The standard deviation whose perturbations are tested. */
      sigma: positive.optional(),
    })
    .optional(),
  ...(testsOfParts as object),
  /** Differences of worst-group accuracy between arms. */
  arms: z
    .strictObject({
      reference: name,
      /** The arm to compare with each other one; default: each is compared with the reference. */
      focus: name.optional(),
      /** The arms of the planned tests; default: all. */
      primary: someNames.optional(),
      /** The largest negligible difference, in points; default: not tested. */
      equivalence: points.optional(),
    })
    .optional(),
});

/** A study's file. */
export const studySchema = z.strictObject({
  title: name,
  /** The folder of runs, and the pattern of their names: {data}, {arm}, {seed}, {settings} that differ, {grid}, or {runs}, the folder's name. */
  runs: pathSchema,
  folder: z.string().min(1).default('{data}/{settings}/seed-{seed}'),
  /** The folder of recorded results, relative to the document; default: `records`, with the runs. */
  records: pathSchema.optional(),
  settings: shared,
  data: z.record(fileName, dataSchema),
  seeds: seeds.optional(),
  arms: z.record(armName, armSchema),
  tuning: z.strictObject({ seeds }).optional(),
  traces: z.array(traceSchema).default([]),
  tests: testsSchema.default({}),
  /** Data whose compared arms share one table, by its columns. */
  across: z
    .record(name, fileName)
    .refine((columns) => Object.keys(columns).length > 0, 'at least one column')
    .optional(),
  /** Data whose models form one set, such as folds: one part of the tables, in place of theirs. */
  pools: z.record(fileName, someNames).default({}),
});

/** A study's file as read, with defaults. */
export type StudyDocument = Readonly<z.output<typeof studySchema>>;
export type Arm = StudyDocument['arms'][string];
export type DataEntry = StudyDocument['data'][string];
export type NeuronTests = NonNullable<StudyDocument['tests']['neurons']>;

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

/** The tests of a part that a study declares. */
export function testsOf({ tests }: StudyDocument, { name }: StudyPart): unknown {
  return (tests as Readonly<Record<string, unknown>>)[name];
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
