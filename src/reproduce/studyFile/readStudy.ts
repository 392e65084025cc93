import { dirname, resolve } from 'node:path';
import { SpurmemError } from '../../errors.js';
import { TRACE_SETTINGS } from '../../experiments/traceSettings.js';
import { nearestSentence, requireKnownNames } from '../../settings/names.js';
import { firstRepeated } from '../../settings/repeated.js';
import { checkSettings, type SettingsTable } from '../../settings/setting.js';
import { methodNamed, TRAINING_METHODS } from '../../train/methods.js';
import { erm } from '../../train/methods/erm.js';
import { finetune } from '../../train/methods/finetune.js';
import type * as z from '../../zod.js';
import type { StudyArm } from '../study/studyArm.js';
import { checkArm } from '../study/studyOptions.js';
import { inFile, readAs } from '../sweep/plan.js';
import { FIT } from './questions.js';
import {
  type benchmarkSchema,
  epochOfSchema,
  isEpochOf,
  type RecordName,
  RECORDS,
  type Stage,
  type StudyFile,
  type StudyModels,
  studySchema,
} from './schema.js';

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
    known('models.tests.family.criteria', criterion, models?.tests.criteria ?? [], 'tested criterion');
  }
  for (const [i, trace] of (models?.traces ?? []).entries()) {
    known(`models.traces[${i}].stage`, trace.stage, stages, 'stage');
    const table = { ...TRACE_SETTINGS.session, ...RECORDS[trace.record] };
    at(`models.traces[${i}].settings`, checkTable, trace.settings, table);
  }
  for (const [stage, own] of Object.entries(models?.stages ?? {})) {
    if (isEpochOf(own)) {
      at(`models.stages.${stage}`, checkEpochOf, own);
      known(`models.stages.${stage}.of`, own.of, trainedStages(models), 'trained stage');
    } else at(`models.stages.${stage}`, checkTable, own, erm.settings);
  }
  if (models) {
    at('models.erm', checkTable, models.erm, erm.settings);
    at('models.traces', checkTraces, models);
  }
  if (study.gradCam) at('gradCam', checkTable, study.gradCam, TRACE_SETTINGS.gradCam);
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
    for (const [stage, own] of Object.entries(benchmark.models?.stages ?? {})) {
      known(`${place}.models.stages`, stage, trainedStages(models), 'trained stage');
      at(`${place}.models.stages.${stage}`, checkTable, own, erm.settings);
    }
    at(`${place}.arms`, checkCompared, benchmark.arms, comparisons);
  }
  for (const [column, benchmark] of Object.entries(study.across ?? {})) {
    const withArms = Object.keys(benchmarks).filter((one) => benchmarks[one]?.arms);
    known(`across.${column}`, benchmark, withArms, 'benchmark with arms');
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
  return { ...study, arms, path, recordsFolder: resolve(dirname(path), study.records) };
}

/**
 * Throws `USAGE` where two benchmarks of a pool have the same seed, which identifies a model, or where they differ in their arms or in the
 * number of seeds of these. The first seed of each benchmark belongs to the pool's first seed, the second to its second.
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
  const compared = members.flatMap((member) => benchmarks[member]?.arms ?? []);
  const kinds = compared.map(({ only, tested }) => JSON.stringify([tested, only.toSorted()]));
  if (new Set(kinds).size > 1) {
    throw new SpurmemError(
      'USAGE',
      'its benchmarks differ in the arms that they have, or in whether these are tested.',
    );
  }
}

/** Throws `USAGE` for an epoch of another stage that names no epoch. */
function checkEpochOf(stage: Stage): void {
  if (epochOfSchema.safeParse(stage).success) return;
  const expected = '`of`, the name of another stage, and `epoch`, a whole number from 1';
  throw new SpurmemError('USAGE', `an epoch of another stage takes ${expected}, and nothing else.`);
}

/** The settings, besides the stage, in which two traces of a record must differ. */
const APART: Readonly<Record<RecordName, readonly string[]>> = {
  effects: ['split', 'topK', 'criteria'],
  perturbations: ['perturbation', 'sigmas', 'topK', 'criteria'],
  layers: ['criteria'],
  overlaps: [],
  margins: [],
};

/** Whether two traces make rows that no column tells apart, so that each model would count twice. */
function overlap(one: StudyModels['traces'][number], other: StudyModels['traces'][number]): boolean {
  const { record } = one;
  if (record !== other.record || one.stage !== other.stage) return false;
  const table: SettingsTable = RECORDS[record];
  return APART[record].every((name) => {
    const [first, second] = [one, other].map(({ settings }) =>
      [settings[name] ?? table[name]?.article].flat(),
    );
    return first?.some((value) => second?.includes(value)) === true;
  });
}

/**
 * Throws `USAGE` where the tests ask for what no trace measures, and for traces whose rows the tables could not tell apart: but for
 * effects, these are of the tested stage, of the training split and, by layer, of one neuron.
 */
function checkTraces({ traces, tests }: StudyModels): void {
  const refuse = (problem: string): SpurmemError => new SpurmemError('USAGE', problem);
  for (const [i, trace] of traces.entries()) {
    const { record, stage, settings: own } = trace;
    const same = traces.slice(0, i).findIndex((earlier) => overlap(earlier, trace));
    if (same >= 0) {
      throw refuse(
        `[${i}]: it makes ${record} of ${stage} that [${same}] makes, and each model would count twice.`,
      );
    }
    if (record === 'effects') continue;
    if (stage !== tests.stage) throw refuse(`[${i}]: ${record} are of the tested stage, ${tests.stage}.`);
    if ((own.split ?? 'train') !== 'train') throw refuse(`[${i}]: ${record} are of the training split.`);
    if (record === 'layers' && JSON.stringify(own.topK) !== '[1]') {
      throw refuse(`[${i}]: layers take \`topK: [1]\`, their top neuron.`);
    }
  }
  const effects = traces.filter(({ record }) => record === 'effects');
  if (effects.length === 0) return;
  const { stage: tested, k, criteria, growth = [] } = tests;
  for (const stage of new Set([tested, ...growth])) {
    for (const criterion of criteria) {
      const isTraced = effects.some(
        (trace) =>
          trace.stage === stage &&
          includesOrAll(trace.settings.topK, k) &&
          includesOrAll(trace.settings.criteria, criterion),
      );
      if (!isTraced) throw refuse(`no effects of ${stage} have ${criterion} and k = ${k}, which are tested.`);
    }
  }
}

/** Whether a list has a value; where it is left out, it has what the article has. */
function includesOrAll(list: unknown, value: unknown): boolean {
  return !Array.isArray(list) || list.includes(value);
}

/** Throws `USAGE` where arms are compared with nothing, or where a benchmark whose differences are tested lacks a tested arm. */
function checkCompared(
  arms: z.infer<typeof benchmarkSchema>['arms'],
  comparisons: z.infer<typeof studySchema>['comparisons'],
): void {
  if (!arms) return;
  if (!comparisons) throw new SpurmemError('USAGE', 'arms take `comparisons`, which says what is compared.');
  const { reference, focus, primary } = comparisons;
  const lacking = [reference, focus, ...primary].filter((arm) => !arms.only.includes(arm));
  if (!arms.tested || lacking.length === 0) return;
  throw new SpurmemError('USAGE', `differences are \`tested\`, and \`only\` lacks ${lacking.join(', ')}.`);
}

function checkTable(values: object, table: SettingsTable): void {
  requireKnownNames(values, table, { protocol: true });
  checkSettings(table, values);
}

/** Throws `USAGE` where the tests name a group that a benchmark's data, of so many groups, has not. */
export function requireMinorityGroups(
  { path, models }: Pick<StudyFile, 'path' | 'models'>,
  benchmark: string,
  numGroups: number,
): void {
  const named = Object.entries(models?.tests.minorityGroups ?? {}).flatMap(([minority, majority]) => [
    Number(minority),
    majority,
  ]);
  const unknown = named.find((one) => one >= numGroups);
  if (unknown === undefined) return;
  const problem = `there is no group ${unknown}: ${benchmark} has the groups 0 to ${numGroups - 1}.`;
  throw new SpurmemError('USAGE', `${path}, models.tests.minorityGroups: ${problem}`);
}

function trainedStages(models: StudyModels | undefined): string[] {
  const stages = Object.entries(models?.stages ?? {});
  return stages.filter(([, stage]) => !isEpochOf(stage)).map(([name]) => name);
}
