import { join } from 'node:path';
import { type Dataset, datasetOf } from '../../data/dataset.js';
import { gradCam } from '../../experiments/gradCam.js';
import type { TunedRun } from '../../experiments/study.js';
import { distinct, groupsIn, isOf, numberOf, select } from '../../kit/rows.js';
import type { EngineOptions } from '../../native/engine.js';
import { type JobOptions, throwIfAborted } from '../../progress.js';
import { methodNamed } from '../../train/methods.js';
import { erm } from '../../train/methods/erm.js';
import { finetune } from '../../train/methods/finetune.js';
import type { EpochOptions } from '../../train/runOptions.js';
import { declare } from '../study/declare.js';
import { runArm } from '../study/runStudy.js';
import { namedKickInEpochs, scopeOf, type StudyArm } from '../study/studyArm.js';
import type { StudyOptions } from '../study/studyOptions.js';
import { type ArmRun, chosenConfiguration, isTuned, tunedFrom, tuningRuns } from '../study/tuning.js';
import type { Combination } from '../sweep/plan.js';
import { keepSettings, ofData, type OfRecords, requireSettings } from './recordedSettings.js';
import { type RecordRow, Records, timed } from './records.js';
import type { StudyFile } from './schema.js';

/** The options of a study's run besides its file. */
export interface StudyFileOptions extends JobOptions, EngineOptions {
  /** Some of its seeds, such as one machine's; default: all of them. */
  readonly seeds?: readonly number[] | undefined;
  readonly onStep?: ((step: string) => void) | undefined;
  readonly onEpoch?: EpochOptions['onEpoch'];
}

/** Part II of a benchmark as a study's options. */
export function armsOf(file: StudyFile, name: string): StudyOptions {
  const benchmark = file.benchmarks[name];
  const { comparisons } = file;
  const finetuning = { ...file.finetune, ...benchmark?.finetune };
  const arms = allArms(file, name);
  const only = benchmark?.arms?.only ?? [];
  return {
    data: benchmark?.data ?? '',
    datasetOptions: benchmark?.datasetOptions,
    out: join(file.runs, `${name}-part2`),
    erm: { ...file.erm, ...benchmark?.erm },
    finetune: finetuning,
    keepEpochs: namedKickInEpochs(finetuning, arms),
    arms: only.flatMap((wanted) => arms.filter((arm) => arm.name === wanted)),
    seeds: benchmark?.arms?.seeds ?? [],
    tuning: file.tuning,
    reference: comparisons?.reference,
    focus: comparisons?.focus,
    equivalence: comparisons && comparisons.equivalence / 100,
  };
}

/** The study's arms, with the settings of a benchmark that their methods have. */
function allArms(file: StudyFile, name: string): StudyArm[] {
  const shared = Object.entries({ ...file.settings, ...file.benchmarks[name]?.settings });
  return file.arms.map((arm) => {
    const { settings: table } = methodNamed(arm.method ?? erm.name);
    const own = Object.fromEntries(shared.filter(([setting]) => Object.hasOwn(table, setting)));
    return { ...arm, settings: { ...own, ...arm.settings } };
  });
}

/** The runs of the tuning that arms of a benchmark take, but for those that are recorded. */
export async function openTuning(file: StudyFile, name: string): Promise<ArmRun[]> {
  return (await Promise.all(tunedOn(file, name).map((on) => openTuningOn(file, name, on)))).flat();
}

/** Those of them that are made on one of the benchmarks. */
async function openTuningOn(file: StudyFile, name: string, on: string): Promise<ArmRun[]> {
  const { arms } = armsOf(file, name);
  const sources = arms.map((arm) => tunedFrom(arm, file.arms));
  const isTried = (arm: StudyArm): boolean =>
    sources.some((own) => own.name === arm.name || isShared(own, arm));
  const recorded = await tuningOf(file, on);
  const runs = tuningRuns(allArms(file, on).filter(isTried), file.tuning?.seeds);
  return runs.filter((run) => !recorded.some((tuned) => isTuned(tuned, run)));
}

/** Whether two arms share the choice of their configuration. */
function isShared(arm: StudyArm, other: StudyArm): boolean {
  return arm.choice !== undefined && arm.choice === other.choice;
}

/** The runs of a benchmark's arms in their chosen configurations, but for those that are recorded; the tuning must be finished. */
export async function openArms(
  file: StudyFile,
  name: string,
  { seeds: asked }: Pick<StudyFileOptions, 'seeds'>,
): Promise<ArmRun[]> {
  const { arms, seeds } = armsOf(file, name);
  const rows = await recordsOf(file, name).read('test');
  const chosen = await chosenArms(file, name, arms);
  return seeds
    .filter((seed) => asked?.includes(seed) !== false)
    .flatMap((seed) => chosen.map((one) => ({ ...one, seed })))
    .filter((run) => select(rows, columnsOf(run)).length === 0);
}

/** A benchmark's arms in their chosen configurations; their tuning must be finished. */
async function chosenArms(
  file: StudyFile,
  name: string,
  arms: readonly StudyArm[],
): Promise<Pick<ArmRun, 'arm' | 'configuration'>[]> {
  const tuned = await Promise.all(tunedOn(file, name).map((on) => tuningOf(file, on)));
  return arms.map((arm) => ({
    arm,
    configuration: chosenConfiguration(arm, file.arms, file.tuning?.seeds ?? [], ...tuned),
  }));
}

/**
 * The recorded runs of a benchmark's arms in their chosen configurations, by arm in the order of the records: those of a configuration
 * that was chosen before more was tuned do not count. Arms whose tuning is not finished are left out.
 */
export async function recordedArms(
  file: StudyFile,
  name: string,
): Promise<ReadonlyMap<string, readonly RecordRow[]>> {
  const rows = await recordsOf(file, name).read('test');
  const open = await openTuning(file, name);
  const isOpen = (arm: StudyArm): boolean => {
    const source = tunedFrom(arm, file.arms);
    return open.some((run) => run.arm.name === source.name || isShared(run.arm, source));
  };
  const tuned = armsOf(file, name).arms.filter((arm) => !isOpen(arm));
  const chosen = new Map(
    (await chosenArms(file, name, tuned)).map(({ arm, configuration }) => [
      arm.name,
      JSON.stringify(configuration),
    ]),
  );
  const recorded = distinct(rows, 'arm').map(String);
  return new Map(
    recorded.flatMap((arm) => {
      const configuration = chosen.get(arm);
      return configuration === undefined ? [] : [[arm, select(rows, { arm, configuration })] as const];
    }),
  );
}

/**
 * Runs Part II of a benchmark: tunes the arms that have a choice, trains them in their chosen configurations, and records each run when
 * it is finished. Throws `RUN_EXISTS` where another study was declared in its folder.
 */
export async function runArmsOf(file: StudyFile, name: string, options: StudyFileOptions): Promise<void> {
  const { out, arms, seeds, focus, equivalence } = armsOf(file, name);
  const plan = { kind: 'study', title: file.title, arms, ...(focus === undefined ? {} : { focus }) };
  await keepSettings(file, name, settingsOfArms(file, name));
  for (const on of tunedOn(file, name)) await keepSettings(file, on, settingsOfTuning(file, on));
  await declare(out, [plan], { seeds, equivalence }, file.path);
  for (const on of tunedOn(file, name)) {
    const tune = runnerOf(file, on, settingsOfTuning, options);
    for (const run of await openTuningOn(file, name, on)) {
      const { result, row, took } = await tune(run);
      const validation = result.val.worstGroupAccuracy;
      await recordsOf(file, on).add('tuning', [{ ...row, validation, ...took }], row);
    }
  }
  const test = runnerOf(file, name, settingsOfArms, options);
  for (const run of await openArms(file, name, options)) {
    const { result, row, took, job, precision, data, from } = await test(run);
    if (scopeOf(job) === finetune.name && from !== undefined && data.coreRegion !== null) {
      await recordHeat(file, name, run, { ...options, run: result.run, compare: from, data });
    }
    const { accuracy: byGroup, correct, total, worstGroupAccuracy: worst } = result.test;
    const counts = byGroup.flatMap((_, group) => [
      [`correct${group}`, correct[group]],
      [`total${group}`, total[group]],
    ]);
    const validation = result.val.worstGroupAccuracy;
    const [known] = await recordsOf(file, name).read('test');
    // A table that was begun without counts goes on without them.
    const isCounted = known === undefined || groupsIn(known, 'total').length > 0;
    const ofCounts = isCounted ? (Object.fromEntries(counts) as RecordRow) : {};
    const measured = { ...byGroups(byGroup), ...ofCounts, worst, ...took };
    // The row in test, by which the run counts as recorded, is the last one.
    await recordsOf(file, name).add('train', [{ ...row, ...byGroups(result.train.accuracy) }], row);
    await recordsOf(file, name).add('test', [{ ...row, validation, precision, ...measured }], row);
  }
}

/** Accuracies of groups as columns: `group0` and so on. */
function byGroups(accuracies: readonly (number | null)[]): RecordRow {
  return Object.fromEntries(accuracies.map((accuracy, group) => [`group${group}`, accuracy]));
}

/**
 * The settings of each record of a benchmark's arms, but for those that their rows have; with what is compared, where that is tested, and
 * the fingerprint of its data where that is read.
 */
export function settingsOfArms(file: StudyFile, name: string, data?: Dataset): OfRecords {
  const settings = settingsOf(file, name, data);
  const { gradCam: ofHeat, comparisons, benchmarks } = file;
  const isTested = benchmarks[name]?.arms?.tested === true;
  return {
    train: settings,
    test: isTested ? { ...settings, comparisons } : settings,
    ...(ofHeat === undefined ? {} : { heat: { gradCam: ofHeat, ...ofData(data) } }),
  };
}

/** The same of its tuning. */
export function settingsOfTuning(file: StudyFile, on: string, data?: Dataset): OfRecords {
  return { tuning: settingsOf(file, on, data) };
}

function settingsOf(file: StudyFile, name: string, data: Dataset | undefined): Record<string, unknown> {
  const { erm: trained, finetune: finetuned } = armsOf(file, name);
  const all: Record<string, unknown> = { erm: trained, finetune: finetuned, ...ofData(data) };
  for (const { name: arm, method, settings, erm: own } of allArms(file, name)) {
    all[`arm ${arm}`] = { method, settings, erm: own };
  }
  return all;
}

/** The benchmarks whose tuning a benchmark's arms take. */
export function tunedOn(file: StudyFile, name: string): readonly string[] {
  return [file.benchmarks[name]?.arms?.tunedOn ?? name].flat();
}

async function tuningOf(file: StudyFile, on: string): Promise<TunedRun[]> {
  const rows = await recordsOf(file, on).read('tuning');
  return rows.map((row) => ({
    arm: String(row.arm),
    seed: numberOf(row, 'seed'),
    configuration: JSON.parse(String(row.configuration)) as Combination,
    validation: numberOf(row, 'validation'),
  }));
}

function recordsOf(file: StudyFile, name: string): Records {
  return new Records(file.recordsFolder, name);
}

/** The first columns of a run's record. */
function columnsOf({ arm, configuration, seed }: ArmRun) {
  return { arm: arm.name, seed, configuration: JSON.stringify(configuration) };
}

/** A function that trains runs of a benchmark, to be recorded with these settings; the first one reads its data. */
function runnerOf(
  file: StudyFile,
  name: string,
  settings: (file: StudyFile, name: string, data: Dataset) => OfRecords,
  { onStep, seeds: _seeds, ...options }: StudyFileOptions,
) {
  const study = armsOf(file, name);
  const read = async (): Promise<Dataset> => {
    const data = await datasetOf(study.data, study.datasetOptions);
    await keepSettings(file, name, settings(file, name, data));
    return data;
  };
  let reading: Promise<Dataset> | undefined;
  return async (run: ArmRun) => {
    const row = columnsOf(run);
    throwIfAborted(options.signal, row.arm);
    onStep?.(`${name}: ${row.arm}, ${row.configuration}, seed ${row.seed}`);
    reading ??= read();
    const data = await reading;
    const { result, took } = await timed(() => runArm(study, run, { ...options, data }));
    // Another process may have begun to record others since.
    await requireSettings(file, name, settings(file, name, data), { adding: true });
    return { ...result, data, row, took };
  };
}

/** Records the share of the heat on the core of the examples of each group, before and after. */
async function recordHeat(
  file: StudyFile,
  name: string,
  run: ArmRun,
  options: StudyFileOptions & { run: string; compare: string; data: Dataset },
): Promise<void> {
  if (file.gradCam === undefined) return;
  const records = recordsOf(file, name);
  const { seeds: _seeds, onStep: _onStep, onEpoch: _onEpoch, ...own } = options;
  const { arm, seed, configuration } = columnsOf(run);
  const known = await records.read('heat');
  if (known.some((row) => isOf(row, { arm, seed, configuration }))) return;
  const columns = known.every((row) => row.configuration !== undefined) ? { configuration } : {};
  const { groups } = await gradCam({ ...own, seed, ...file.gradCam });
  await records.add(
    'heat',
    groups.map(({ group, core, before, after, difference }) => ({
      arm,
      seed,
      ...columns,
      group,
      core: core ?? null,
      before: before?.share?.mean ?? null,
      after: after.share?.mean ?? null,
      difference: difference?.mean ?? null,
    })),
    { arm, seed, ...columns },
  );
}
