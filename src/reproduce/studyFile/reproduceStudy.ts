import { SpurmemError } from '../../errors.js';
import type { Table } from '../../kit/table.js';
import { ENGINE_TYPES } from '../../native/engine.js';
import { nearestSentence } from '../../settings/names.js';
import { checkOptions, JOB_TYPES, type OptionTypes } from '../../settings/options.js';
import { callback, severalOf, text } from '../../settings/values.js';
import { SEEDS_TYPE } from '../../train/runOptions.js';
import type { ArmRun } from '../study/tuning.js';
import {
  openArms,
  openTuning,
  runArmsOf,
  settingsOfArms,
  settingsOfTuning,
  type StudyFileOptions,
  tunedOn,
} from './arms.js';
import { type OpenModels, openModels, runModelsOf, settingsOfModels } from './models.js';
import { part1Tables } from './part1Tables.js';
import { acrossTables, part2Tables } from './part2Tables.js';
import { readStudy } from './readStudy.js';
import { requireSettings } from './recordedSettings.js';
import { pooled } from './records.js';
import type { StudyFile } from './schema.js';

export interface ReproduceStudyOptions extends StudyFileOptions {
  /** The study's file, in YAML or JSON. */
  readonly study: string;
  /** Some of its benchmarks; default: all of them. */
  readonly benchmarks?: readonly string[] | undefined;
}

const TYPES: OptionTypes<ReproduceStudyOptions> = {
  ...JOB_TYPES,
  ...ENGINE_TYPES,
  study: text('the file of a study'),
  benchmarks: severalOf(text('the name of a benchmark')),
  seeds: SEEDS_TYPE,
  onStep: callback(),
  onEpoch: callback(),
};

/** The tables of a study. */
export interface StudyTables {
  readonly title: string;
  readonly benchmarks: readonly {
    /** Its name, or that of a pool. */
    readonly benchmark: string;
    readonly part1: readonly Table[];
    readonly part2: readonly Table[];
  }[];
  /** The arms of several benchmarks side by side. */
  readonly across: readonly Table[];
}

/** The runs of a benchmark that are not recorded yet. */
export interface OpenStudy {
  readonly benchmark: string;
  readonly models: readonly OpenModels[];
  readonly tuning: readonly ArmRun[];
  /** Arms in their chosen configurations; null: these are known once the tuning is finished. */
  readonly arms: readonly ArmRun[] | null;
}

/**
 * Repeats a study that a file describes: trains and traces the models of Part I, tunes and trains the arms of Part II, records each
 * result, and makes the tables. What is recorded is not run again.
 *
 * @throws `USAGE` for a file that is wrong, naming its key, and what training and tracing throw
 */
export async function reproduceStudy(options: ReproduceStudyOptions): Promise<StudyTables> {
  checkOptions(options, { types: TYPES, required: ['study'] });
  const { study, benchmarks, ...rest } = options;
  const file = await readStudy(study);
  const names = chosen(file, benchmarks);
  requireSeeds(file, names, rest.seeds);
  for (const name of names) {
    await runModelsOf(file, name, rest);
    if (file.benchmarks[name]?.arms) await runArmsOf(file, name, rest);
  }
  return studyTables({ study, benchmarks });
}

/** The tables of a study's recorded results, those of pools in place of their members' where no benchmarks are named; runs nothing. Throws `USAGE` for a file that is wrong. */
export async function studyTables({
  study,
  benchmarks,
}: Pick<ReproduceStudyOptions, 'study' | 'benchmarks'>): Promise<StudyTables> {
  const file = await readStudy(study);
  for (const name of chosen(file, benchmarks)) await requireOwnRecords(file, name);
  const pools = benchmarks ? {} : (file.pools ?? {});
  const alone = chosen(file, benchmarks).filter((name) => !Object.values(pools).flat().includes(name));
  const sets = [...alone.map((name) => [name, [name]] as const), ...Object.entries(pools)];
  const tables: StudyTables['benchmarks'][number][] = [];
  for (const [benchmark, members] of sets) {
    const records = pooled(file.recordsFolder, benchmark, members);
    const hasModels = members.some((member) => file.benchmarks[member]?.models);
    const part1 = hasModels ? await part1Tables(file, records) : [];
    tables.push({ benchmark, part1, part2: await part2Tables(file, records, members) });
  }
  return { title: file.title, benchmarks: tables, across: benchmarks ? [] : await acrossTables(file) };
}

/** The runs of a study that are not recorded yet. Throws `USAGE` for a file that is wrong. */
export async function openStudy({ study, benchmarks, seeds }: ReproduceStudyOptions): Promise<OpenStudy[]> {
  const file = await readStudy(study);
  const names = chosen(file, benchmarks);
  requireSeeds(file, names, seeds);
  return Promise.all(
    names.map(async (benchmark) => {
      const hasArms = file.benchmarks[benchmark]?.arms !== undefined;
      const tuning = hasArms ? await openTuning(file, benchmark) : [];
      const arms = !hasArms ? [] : tuning.length > 0 ? null : await openArms(file, benchmark, { seeds });
      return { benchmark, models: await openModels(file, benchmark, { seeds }), tuning, arms };
    }),
  );
}

/** Throws `RUN_EXISTS` where a benchmark's records were made with other settings than the study's. */
async function requireOwnRecords(file: StudyFile, name: string): Promise<void> {
  await requireSettings(file, name, settingsOfModels(file, name));
  if (file.benchmarks[name]?.arms === undefined) return;
  await requireSettings(file, name, settingsOfArms(file, name));
  for (const on of tunedOn(file, name)) await requireSettings(file, on, settingsOfTuning(file, on));
}

/** Throws `USAGE` for a seed that none of the benchmarks has. */
function requireSeeds(file: StudyFile, names: readonly string[], asked: readonly number[] = []): void {
  const seeds = names.flatMap((name) => {
    const { models, arms } = file.benchmarks[name] ?? {};
    return [...(models ? (models.seeds ?? file.models?.seeds ?? []) : []), ...(arms?.seeds ?? [])];
  });
  const unknown = asked.find((seed) => !seeds.includes(seed));
  if (unknown === undefined) return;
  const expected = [...new Set(seeds)].sort((a, b) => a - b).join(', ');
  const problem = `\`seeds\` is ${unknown}, and ${names.join(', ')} of ${file.path} have the seeds ${expected}.`;
  throw new SpurmemError('USAGE', problem, { parameter: 'seeds', value: unknown, expected });
}

function chosen({ path, benchmarks }: StudyFile, asked: readonly string[] | undefined): readonly string[] {
  const names = Object.keys(benchmarks);
  for (const name of asked ?? []) {
    if (names.includes(name)) continue;
    throw new SpurmemError('USAGE', `${path} has no benchmark ${name}. ${nearestSentence(name, names)}`, {
      parameter: 'benchmarks',
      value: name,
      expected: names.join(', '),
    });
  }
  return asked ?? names;
}
