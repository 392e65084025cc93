import { datasetOf } from '../../data/dataset.js';
import { outcomeOf, type SeedOutcome } from '../../experiments/runs/overSeeds.js';
import { collectStudy, type StudyResult, type TunedRun } from '../../experiments/study.js';
import { throwIfAborted } from '../../progress.js';
import { runJob } from '../sweep/jobs.js';
import type { SweepJob } from '../sweep/plan.js';
import { jobsOfArms, type RunsOptions, scopeOf, type StudyArm } from './studyArm.js';
import { checkArms, checkStudyOptions, STUDY_TYPES, type StudyOptions } from './studyOptions.js';
import { type ArmRun, chosenConfiguration, tuningRuns } from './tuning.js';

/**
 * Trains every arm with every seed, and summarizes over seeds. Each run has its own folder: one that is finished is not trained again,
 * one that was stopped goes on, and arms with equal settings are one run. An arm with a grid is tuned before, with other seeds, and takes
 * the configuration with the best validation worst-group accuracy.
 *
 * @throws `USAGE` without arms or seeds, and what training throws, with the parameters `erm.<name>` and `finetune.<name>`
 */
export async function runStudy(options: StudyOptions): Promise<StudyResult> {
  const required = ['arms', 'seeds', 'out', 'data', 'erm', 'finetune'];
  checkStudyOptions(options, { types: STUDY_TYPES, required });
  checkArms(options);
  const { arms, seeds, tuning, focus, equivalence, reference = (arms[0] as StudyArm).name } = options;
  const { onStep, out: _out, ...rest } = options;
  // Once for all runs.
  const data = await datasetOf(options.data, options.datasetOptions);
  const trained = async (runs: readonly ArmRun[]): Promise<SeedOutcome[]> => {
    const outcomes: SeedOutcome[] = [];
    for (const [i, run] of runs.entries()) {
      throwIfAborted(options.signal, run.arm.name);
      onStep?.(`${i + 1}/${runs.length} ${run.arm.name}, seed ${run.seed}`);
      const { result } = await runArm(options, run, { ...rest, data });
      outcomes.push(outcomeOf(run.seed, result.run, result));
    }
    return outcomes;
  };

  const tried = tuningRuns(arms, tuning?.seeds);
  const validations = await trained(tried);
  const tuned = tried.map(({ arm, seed, configuration }, i): TunedRun => ({
    arm: arm.name,
    seed,
    configuration,
    validation: validations[i]?.valWorstGroupAccuracy ?? Number.NaN,
  }));

  const chosen = arms.map((arm) => ({
    arm,
    configuration: chosenConfiguration(arm, arms, tuning?.seeds ?? [], tuned),
  }));
  const runs = seeds.flatMap((seed) => chosen.map((one) => ({ ...one, seed })));
  const outcomes = await trained(runs);
  const byArm = new Map(arms.map((arm) => [arm.name, outcomes.filter((_, i) => runs[i]?.arm === arm)]));
  const result = collectStudy(byArm, { reference, focus, equivalence });
  if (tuned.length === 0) return result;
  const byName = Object.fromEntries(chosen.map(({ arm, configuration }) => [arm.name, configuration]));
  return { ...result, tuning: { runs: tuned, chosen: byName } };
}

/**
 * Trains an arm after the run that it starts from, whose folder is `from`; what is finished is not trained again. `precision` is what the
 * arm was trained in.
 */
export async function runArm(
  study: RunsOptions,
  { arm: { grid: _grid, ...arm }, configuration, seed }: ArmRun,
  options: Parameters<typeof runJob>[2],
) {
  const configured = { ...arm, settings: { ...arm.settings, ...configuration } };
  const jobs = jobsOfArms(study, [configured], [seed]);
  const job = jobs.at(-1) as SweepJob;
  const result = await runJob(jobs, job, options, scopeOf);
  const start = job.from === null ? undefined : jobs[job.from];
  const named = [job, start].map((one) => one?.settings.precision).find((one) => typeof one === 'string');
  return { result, job, precision: named ?? 'fp32', from: start?.out };
}
