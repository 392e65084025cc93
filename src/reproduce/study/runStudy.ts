import { type Dataset, datasetOf } from '../../data/dataset.js';
import { outcomeOf, type SeedOutcome } from '../../experiments/runs/overSeeds.js';
import { collectStudy, type StudyResult, type TunedRun } from '../../experiments/study.js';
import { throwIfAborted } from '../../progress.js';
import { runJob } from '../sweep/jobs.js';
import type { SweepJob } from '../sweep/plan.js';
import { jobsOfArms, runsOf, scopeOf, type StudyArm } from './studyArm.js';
import { checkArms, checkStudyOptions, STUDY_TYPES, type StudyOptions } from './studyOptions.js';
import { chosenConfiguration, configurationsOf, withConfiguration } from './tuning.js';

/**
 * Trains every arm with every seed, and summarizes over seeds. Each run is a run folder of its own: one that is finished is
 * not trained again, one that was stopped goes on, and arms with equal settings are one run. An arm with a grid is tuned before, with
 * other seeds, and takes the configuration with the best validation worst-group accuracy.
 *
 * @throws `USAGE` without arms or seeds, and what training throws, with the parameters `erm.<name>` and `finetune.<name>`
 */
export async function runStudy(options: StudyOptions): Promise<StudyResult> {
  const required = ['arms', 'seeds', 'out', 'data', 'erm', 'finetune'];
  checkStudyOptions(options, { types: STUDY_TYPES, required });
  checkArms(options);
  const { arms, seeds, tuning } = options;
  // Once for all runs.
  const data = await datasetOf(options.data, options.datasetOptions);
  const run = (runs: readonly ArmRun[]) => runArms(options, data, runs);

  const tried = arms
    .filter((arm) => configurationsOf(arm).length > 1)
    .flatMap((arm) =>
      configurationsOf(arm).map((configuration) => ({
        configuration,
        arm: withConfiguration(arm, configuration),
      })),
    );
  const triedRuns = (tuning?.seeds ?? []).flatMap((seed) => tried.map((one) => ({ ...one, seed })));
  const validations = await run(triedRuns);
  const tuned = triedRuns.map(({ arm, seed, configuration }, i): TunedRun => ({
    arm: arm.name,
    seed,
    configuration,
    validation: validations[i]?.valWorstGroupAccuracy ?? Number.NaN,
  }));

  const chosen = arms.map((arm) => chosenConfiguration(arm, arms, tuning?.seeds ?? [], tuned));
  const settled = arms.map((arm, i) => withConfiguration(arm, chosen[i] ?? {}));
  const runs = seeds.flatMap((seed) => settled.map((arm) => ({ arm, seed })));
  const outcomes = await run(runs);
  const byArm = new Map(
    arms.map(({ name }) => [name, outcomes.filter((_, i) => runs[i]?.arm.name === name)]),
  );
  const { focus, equivalence, reference = (arms[0] as StudyArm).name } = options;
  const result = collectStudy(byArm, { reference, focus, equivalence });
  if (tuned.length === 0) return result;
  const byName = Object.fromEntries(arms.map(({ name }, i) => [name, chosen[i] ?? {}]));
  return { ...result, tuning: { runs: tuned, chosen: byName } };
}

/** An arm with a seed. */
export interface ArmRun {
  readonly arm: StudyArm;
  readonly seed: number;
}

/** Runs arms with seeds, one after the other; what is finished is not trained again. */
export async function runArms(
  options: StudyOptions,
  data: Dataset,
  runs: readonly ArmRun[],
): Promise<SeedOutcome[]> {
  const { onStep, signal, out: _out, ...rest } = options;
  const seeds = [...new Set(runs.map(({ seed }) => seed))];
  const jobs = jobsOfArms(options, [...new Set(runs.map(({ arm }) => arm))], seeds);
  const outcomes: SeedOutcome[] = [];
  for (const [i, { arm, seed }] of runs.entries()) {
    throwIfAborted(signal, arm.name);
    onStep?.(`${i + 1}/${runs.length} ${arm.name}, seed ${seed}`);
    const [own] = runsOf(options, arm, seed).slice(-1);
    const job = jobs.find(({ out }) => out === own?.out) as SweepJob;
    const { run, ...result } = await runJob(jobs, job, { ...rest, data, signal }, scopeOf);
    outcomes.push(outcomeOf(seed, run, result));
  }
  return outcomes;
}
