import { mean } from '../metrics/statistics.js';
import type { Combination } from './part.js';
import type { StudyDocument } from './schema.js';

/** A recorded run of the tuning. */
export interface TunedRun {
  readonly arm: string;
  readonly seed: number;
  readonly configuration: Combination;
  /** Validation worst-group accuracy. */
  readonly validation: number;
}

/** Recorded runs of the tuning, by data. */
export type Tuned = ReadonlyMap<string, readonly TunedRun[]>;

/** Every combination of a grid's values, the last setting varied first; one without settings for an empty grid. */
export function combinationsOf(grid: Readonly<Record<string, readonly unknown[]>>): Combination[] {
  return Object.entries(grid).reduce<Combination[]>(
    (all, [name, values]) => all.flatMap((one) => values.map((value) => ({ ...one, [name]: value }))),
    [{}],
  );
}

/** The arm whose tuning an arm takes, and the arms that are tuned with it. */
export function tunedWith({ arms }: Pick<StudyDocument, 'arms'>, name: string) {
  const source = arms[name]?.tunedAs ?? name;
  const { choice, tune = {} } = arms[source] ?? {};
  const others = Object.keys(arms).filter((other) => choice !== undefined && arms[other]?.choice === choice);
  return { configurations: combinationsOf(tune), together: others.length > 0 ? others : [source] };
}

/**
 * The configuration of an arm with the best mean validation worst-group accuracy over the tuning seeds; ties: the first wins. Arms of one
 * `choice` share the one that is best in their mean, so that nothing else differs between them. Undefined until their tuning is finished.
 *
 * @param on the data whose tuning counts
 */
export function chosenConfiguration(
  study: Pick<StudyDocument, 'arms' | 'tuning'>,
  name: string,
  on: readonly string[],
  tuned: Tuned,
): Combination | undefined {
  const { configurations, together } = tunedWith(study, name);
  if (configurations.length === 1) return configurations[0];
  const scores = configurations.map((configuration) => {
    const text = JSON.stringify(configuration);
    const runs = on.flatMap((data) =>
      together.flatMap((arm) =>
        (study.tuning?.seeds ?? []).map((seed) =>
          tuned
            .get(data)
            ?.find(
              (run) => run.arm === arm && run.seed === seed && JSON.stringify(run.configuration) === text,
            ),
        ),
      ),
    );
    return runs.includes(undefined) ? Number.NaN : mean(runs.map((run) => run?.validation ?? Number.NaN));
  });
  return scores.some(Number.isNaN) ? undefined : configurations[scores.indexOf(Math.max(...scores))];
}
