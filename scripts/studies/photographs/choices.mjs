// What Part II of docs/studies/photographs.md chooses by its rows: configurations, arms and precision.
import { mean } from 'simple-statistics';
import { ARMS, CONTRASTS } from './arms.mjs';

export const TUNING_SEEDS = [100, 101];
/** The curve has the best of these and of the baselines, besides ERM and last-layer retraining, which costs little. */
export const MASKS = ['contrast, gradient mask', 'contrast, magnitude mask', 'released'];
export const BASELINES = ['RWG', 'SUBG', 'GroupDRO', 'JTT', 'CnC'];
/** Described, not tested, and trained from the data alone. */
const ALONE = ['ERM, 3e-4', 'RWG', 'GroupDRO', 'JTT'];

/**
 * An arm's configuration with the best validation worst-group accuracy on the first tuning seed, the only one that all arms were tried on;
 * the first of equals. The contrasts share the one that is best in their mean.
 */
export function chosen(arm, tuning) {
  const { configurations } = ARMS[arm];
  if (configurations.length === 1) return configurations[0];
  const arms = CONTRASTS.includes(arm) ? CONTRASTS : [arm];
  const scores = arms.map((each) => scoresOf(each, tuning).map(({ score }) => score));
  const means = configurations.map((_, at) => mean(scores.map((values) => values[at])));
  return configurations[means.indexOf(Math.max(...means))];
}

/** The two configurations that the first tuning seed found best, in the order of the list; of equals the first. */
export function bestTwo(arm, tuning) {
  const scores = scoresOf(arm, tuning);
  const ranked = scores.toSorted((a, b) => b.score - a.score).slice(0, 2);
  return scores.filter((entry) => ranked.includes(entry)).map(({ settings }) => settings);
}

/** Of each configuration, its validation worst-group accuracy on the first tuning seed. */
function scoresOf(arm, tuning) {
  return ARMS[arm].configurations.map((settings) => {
    const configuration = JSON.stringify(settings);
    const row = tuning.find(
      (one) => one.arm === arm && one.seed === TUNING_SEEDS[0] && one.configuration === configuration,
    );
    if (row === undefined)
      throw new Error(
        `${arm} is not tuned with ${configuration}: run part2.mjs with ${TUNING_SEEDS.join(' ')}`,
      );
    return { settings, score: row.validation };
  });
}

/**
 * The arm with the best mean validation worst-group accuracy, of those that have all seeds.
 *
 * @param complete rows by arm, one for each seed
 */
export function bestOf(arms, complete) {
  const tested = arms.filter((arm) => arm in complete);
  if (tested.length === 0) throw new Error(`None of ${arms.join(', ')} has all of its seeds yet.`);
  const score = (arm) => mean(complete[arm].map(({ validation }) => validation));
  return tested.reduce((best, arm) => (score(arm) > score(best) ? arm : best));
}

/** A seed's runs are compared with each other: all are in the precision of its first, but for arms that stand alone. */
export function precisionOf(seed, arm, rows, hasFastBf16) {
  const first = ALONE.includes(arm)
    ? undefined
    : rows.find((row) => row.seed === seed && !ALONE.includes(row.arm));
  return first?.precision ?? (hasFastBf16 ? 'bf16' : 'fp32');
}
