import type { TunedRun } from '../../experiments/study.js';
import { mean } from '../../metrics/statistics.js';
import { type Combination, combinationsOf } from '../sweep/plan.js';
import type { StudyArm } from './studyArm.js';

/** An arm in one of its configurations, with a seed. */
export interface ArmRun {
  readonly arm: StudyArm;
  readonly configuration: Combination;
  readonly seed: number;
}

/** The configurations that an arm is tuned among; one without settings where it has no grid. */
export function configurationsOf({ grid = {} }: StudyArm): Combination[] {
  return combinationsOf(grid);
}

/** The runs that tune arms: every configuration of those that have several, with each of the tuning seeds. */
export function tuningRuns(arms: readonly StudyArm[], seeds: readonly number[] = []): ArmRun[] {
  const tried = arms.flatMap((arm) => {
    const configurations = configurationsOf(arm);
    return configurations.length > 1 ? configurations.map((configuration) => ({ arm, configuration })) : [];
  });
  return seeds.flatMap((seed) => tried.map((one) => ({ ...one, seed })));
}

/**
 * The configuration of an arm with the best mean validation worst-group accuracy over the tuning seeds, the first of equals. Arms of
 * one `choice` share the one that is best in their mean, so that nothing else tells them apart; one that is `tunedAs` another takes that
 * one's.
 *
 * @param tuned the runs of the tuning, a list for each benchmark that it was made on
 */
export function chosenConfiguration(
  arm: StudyArm,
  arms: readonly StudyArm[],
  seeds: readonly number[],
  ...tuned: readonly (readonly TunedRun[])[]
): Combination {
  const source = tunedFrom(arm, arms);
  if (source !== arm) return chosenConfiguration(source, arms, seeds, ...tuned);
  const configurations = configurationsOf(arm);
  const [only = {}, ...others] = configurations;
  if (others.length === 0) return only;
  const together = arm.choice === undefined ? [arm] : arms.filter(({ choice }) => choice === arm.choice);
  const scores = configurations.map((configuration) =>
    mean(
      tuned.flatMap((runs) =>
        together.flatMap((one) => seeds.map((seed) => validationOf({ arm: one, configuration, seed }, runs))),
      ),
    ),
  );
  return configurations[scores.indexOf(Math.max(...scores))] as Combination;
}

/** The arm whose tuning an arm takes: itself, or the one that it names. */
export function tunedFrom(arm: StudyArm, arms: readonly StudyArm[]): StudyArm {
  return arms.find(({ name }) => name === arm.tunedAs) ?? arm;
}

function validationOf(run: ArmRun, tuned: readonly TunedRun[]): number {
  const found = tuned.find((one) => isTuned(one, run));
  if (found) return found.validation;
  const { arm, configuration, seed } = run;
  throw new RangeError(`${arm.name} was not tuned with ${JSON.stringify(configuration)} and seed ${seed}`);
}

/** Whether a run was tried in the tuning. */
export function isTuned(tuned: Omit<TunedRun, 'validation'>, { arm, configuration, seed }: ArmRun): boolean {
  const text = JSON.stringify(configuration);
  return tuned.arm === arm.name && tuned.seed === seed && JSON.stringify(tuned.configuration) === text;
}
