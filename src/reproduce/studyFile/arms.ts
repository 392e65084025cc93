import { join } from 'node:path';
import { type Dataset, datasetOf } from '../../data/dataset.js';
import { gradCam } from '../../experiments/gradCam.js';
import type { TunedRun } from '../../experiments/study.js';
import type { EngineOptions } from '../../native/engine.js';
import { type JobOptions, throwIfAborted } from '../../progress.js';
import { methodNamed } from '../../train/methods.js';
import { erm } from '../../train/methods/erm.js';
import { finetune } from '../../train/methods/finetune.js';
import type { TrainedRun } from '../../train/results.js';
import type { EpochOptions } from '../../train/trainRun.js';
import { declare } from '../study/declare.js';
import { jobsOfArms, scopeOf, type StudyArm } from '../study/studyArm.js';
import type { StudyOptions } from '../study/studyOptions.js';
import { chosenConfiguration, configurationsOf, withConfiguration } from '../study/tuning.js';
import type { Combination } from '../sweep/grid.js';
import { runJob } from '../sweep/jobs.js';
import type { SweepJob } from '../sweep/plan.js';
import { numberOf, type RecordRow, Records, select, timed, type Took } from './records.js';
import type { StudyFile } from './schema.js';

/** The options of a study's run besides its file. */
export interface StudyFileOptions extends JobOptions, EngineOptions {
  /** Some of its seeds, such as one machine's; default: all of them. */
  readonly seeds?: readonly number[] | undefined;
  readonly onStep?: ((step: string) => void) | undefined;
  readonly onEpoch?: EpochOptions['onEpoch'];
}

/** A run of an arm in one of its configurations, whose result is recorded. */
export interface ArmRun {
  readonly arm: StudyArm;
  readonly configuration: Combination;
  readonly seed: number;
}

/** Part II of a benchmark as a study's options. */
export function armsOf(file: StudyFile, name: string): StudyOptions {
  const benchmark = file.benchmarks[name];
  const { comparisons } = file;
  const finetuning = { ...file.finetune, ...benchmark?.finetune };
  const { kickInEpoch } = finetuning;
  const arms = allArms(file, name);
  const only = benchmark?.arms?.only ?? [];
  return {
    data: benchmark?.data ?? '',
    datasetOptions: benchmark?.datasetOptions,
    out: join(file.runs, `${name}-part2`),
    erm: { ...file.erm, ...benchmark?.erm },
    finetune: finetuning,
    keepEpochs: typeof kickInEpoch === 'number' ? [kickInEpoch] : [],
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
  const tunedOn = file.benchmarks[name]?.arms?.tunedOn ?? name;
  const { arms } = armsOf(file, name);
  const isTried = (arm: StudyArm): boolean =>
    configurationsOf(arm).length > 1 &&
    arms.some((own) => own.name === arm.name || (own.choice !== undefined && own.choice === arm.choice));
  const recorded = await tuningOf(file, name);
  return (file.tuning?.seeds ?? []).flatMap((seed) =>
    allArms(file, tunedOn)
      .filter(isTried)
      .flatMap((arm) =>
        configurationsOf(arm)
          .filter((configuration) => !recorded.some((run) => isSame(run, { arm, configuration, seed })))
          .map((configuration) => ({ arm, configuration, seed })),
      ),
  );
}

/** The runs of a benchmark's arms in their chosen configurations, but for those that are recorded; the tuning must be finished. */
export async function openArms(
  file: StudyFile,
  name: string,
  { seeds: asked }: Pick<StudyFileOptions, 'seeds'>,
): Promise<ArmRun[]> {
  const { arms, seeds } = armsOf(file, name);
  const tuned = await tuningOf(file, name);
  const rows = await recordsOf(file, name).read('test');
  const chosen = arms.map((arm) => ({
    arm,
    configuration: chosenConfiguration(arm, file.arms, file.tuning?.seeds ?? [], tuned),
  }));
  return seeds
    .filter((seed) => asked?.includes(seed) !== false)
    .flatMap((seed) => chosen.map((one) => ({ ...one, seed })))
    .filter((run) => !rows.some((row) => isRowOf(row, run)));
}

/**
 * Runs Part II of a benchmark: tunes the arms that have a choice, trains them in their chosen configurations, and records each run when
 * it is finished. What is recorded is not trained again.
 *
 * @throws `RUN_EXISTS` where another study was declared in its folder, and what training throws
 */
export async function runArmsOf(file: StudyFile, name: string, options: StudyFileOptions): Promise<void> {
  const tunedOn = file.benchmarks[name]?.arms?.tunedOn ?? name;
  const { out, arms, seeds, focus, equivalence } = armsOf(file, name);
  const plan = { kind: 'study', title: file.title, arms, ...(focus === undefined ? {} : { focus }) };
  await declare(out, [plan], { seeds, equivalence });
  const tune = runnerOf(file, tunedOn, options);
  for (const run of await openTuning(file, name)) {
    const { result, row, took } = await tune(run);
    const validation = result.val.worstGroupAccuracy;
    await recordsOf(file, tunedOn).add('tuning', [{ ...row, validation, ...took }]);
  }
  const test = runnerOf(file, name, options);
  const { precision = 'fp32' } = armsOf(file, name).erm;
  for (const run of await openArms(file, name, options)) {
    const { result, row, took, job, data, from } = await test(run);
    if (scopeOf(job) === finetune.name && from !== undefined && data.coreRegion !== null) {
      await recordHeat(
        file,
        name,
        { ...options, run: result.run, compare: from, data, seed: run.seed },
        run.arm,
      );
    }
    const accuracies = result.test.accuracy.map((accuracy, group) => [`group${group}`, accuracy]);
    await recordsOf(file, name).add('test', [
      {
        ...row,
        validation: result.val.worstGroupAccuracy,
        precision,
        ...(Object.fromEntries(accuracies) as RecordRow),
        worst: result.test.worstGroupAccuracy,
        ...took,
      },
    ]);
  }
}

/** The recorded tuning that a benchmark's arms take. */
async function tuningOf(file: StudyFile, name: string): Promise<TunedRun[]> {
  const rows = await recordsOf(file, file.benchmarks[name]?.arms?.tunedOn ?? name).read('tuning');
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

function isSame(run: TunedRun, { arm, configuration, seed }: ArmRun): boolean {
  return (
    run.arm === arm.name &&
    run.seed === seed &&
    JSON.stringify(run.configuration) === JSON.stringify(configuration)
  );
}

function isRowOf(row: RecordRow, { arm, configuration, seed }: ArmRun): boolean {
  return row.arm === arm.name && row.seed === seed && row.configuration === JSON.stringify(configuration);
}

interface FinishedRun {
  readonly result: TrainedRun;
  readonly job: SweepJob;
  readonly data: Dataset;
  /** The folder of the run that it started from. */
  readonly from: string | undefined;
  /** The first columns of its record. */
  readonly row: RecordRow;
  readonly took: Took;
}

/** A function that trains runs of a benchmark, whose data is read before the first one. */
function runnerOf(
  file: StudyFile,
  name: string,
  { onStep, seeds: _seeds, ...options }: StudyFileOptions,
): (run: ArmRun) => Promise<FinishedRun> {
  const study = armsOf(file, name);
  let data: Promise<Dataset> | undefined;
  return async ({ arm, configuration, seed }) => {
    throwIfAborted(options.signal, arm.name);
    const text = JSON.stringify(configuration);
    onStep?.(`${name}: ${arm.name}, ${text}, seed ${seed}`);
    data ??= datasetOf(study.data, study.datasetOptions);
    const dataset = await data;
    const jobs = jobsOfArms(study, [withConfiguration(arm, configuration)], [seed]);
    const job = jobs.at(-1) as SweepJob;
    const { result, took } = await timed(() => runJob(jobs, job, { ...options, data: dataset }, scopeOf));
    const from = job.from === null ? undefined : jobs[job.from]?.out;
    return { result, job, data: dataset, from, row: { arm: arm.name, seed, configuration: text }, took };
  };
}

/** Records the share of the heat on the core of the examples of each group, before and after. */
async function recordHeat(
  file: StudyFile,
  name: string,
  options: StudyFileOptions & { run: string; compare: string; data: Dataset; seed: number },
  arm: StudyArm,
): Promise<void> {
  if (file.gradCam === undefined) return;
  const records = recordsOf(file, name);
  const { seed, seeds: _seeds, onStep: _onStep, onEpoch: _onEpoch, ...own } = options;
  if (select(await records.read('heat'), { arm: arm.name, seed }).length > 0) return;
  const { groups } = await gradCam({ ...own, seed, ...file.gradCam });
  await records.add(
    'heat',
    groups.map(({ group, core, before, after, difference }) => ({
      arm: arm.name,
      seed,
      group,
      core: core ?? null,
      before: before?.share?.mean ?? null,
      after: after.share?.mean ?? null,
      difference: difference?.mean ?? null,
    })),
  );
}
