import type { TunedRun } from '../../experiments/study.js';
import { mean } from '../../metrics/statistics.js';
import { type Combination, combinationsOf } from '../sweep/grid.js';
import type { StudyArm } from './studyArm.js';

/** The configurations that an arm is tuned among; one without settings where it has no grid. */
export function configurationsOf({ grid = {} }: StudyArm): Combination[] {
  return combinationsOf(grid);
}

/** An arm in one of its configurations. */
export function withConfiguration({ grid: _grid, ...arm }: StudyArm, configuration: Combination): StudyArm {
  return { ...arm, settings: { ...arm.settings, ...configuration } };
}

/**
 * The configuration of an arm with the best mean validation worst-group accuracy over the tuning seeds, the first of equals. Arms of
 * one `choice` share the one that is best in their mean, so that nothing else tells them apart.
 *
 * @throws RangeError where a configuration was not tried with each of the seeds
 */
export function chosenConfiguration(
  arm: StudyArm,
  arms: readonly StudyArm[],
  seeds: readonly number[],
  tuned: readonly TunedRun[],
): Combination {
  const configurations = configurationsOf(arm);
  const [only = {}, ...others] = configurations;
  if (others.length === 0) return only;
  const together = arm.choice === undefined ? [arm] : arms.filter(({ choice }) => choice === arm.choice);
  const scores = configurations.map((configuration) =>
    mean(together.flatMap(({ name }) => seeds.map((seed) => validationOf(name, configuration, seed, tuned)))),
  );
  return configurations[scores.indexOf(Math.max(...scores))] as Combination;
}

function validationOf(
  arm: string,
  configuration: Combination,
  seed: number,
  tuned: readonly TunedRun[],
): number {
  const text = JSON.stringify(configuration);
  const run = tuned.find(
    (one) => one.arm === arm && one.seed === seed && JSON.stringify(one.configuration) === text,
  );
  if (run) return run.validation;
  throw new RangeError(`${arm} was not tuned with ${text} and seed ${seed}`);
}
