import { perturbedVariants } from '../neurons/perturb.js';
import type { ValuesOf } from '../settings/setting.js';
import { compareWithRandom, type PlannedSet } from './compareWithRandom.js';
import { evaluateVariants } from './evaluateVariants.js';
import type { GroupOutcomes } from './outcomes.js';
import type { LostExample, SetComparisons } from './results.js';
import { measuredExamples } from './samples.js';
import type { TraceSession } from './traceSession.js';
import type { TRACE_SETTINGS } from './traceSettings.js';

interface MeasuredSet {
  /** One entry per seed of the perturbation, or one. */
  readonly outcomes: readonly GroupOutcomes[];
  /** The first examples that each group lost, [numGroups]; for random perturbations under the first seed. */
  readonly lost: readonly (readonly LostExample[])[];
  /** null if the set was not compared with random neurons. */
  readonly comparisons: SetComparisons | null;
}

/**
 * Perturbs chosen sets of neurons, measures their groups, and compares the sets that `isCompared` selects (default: all) with random neurons
 * on the same examples. Returns the measured sets, and the trace's fields about all of them.
 */
export async function measureSets<
  Set extends PlannedSet,
  Settings extends Omit<ValuesOf<(typeof TRACE_SETTINGS)['structured']>, 'criteria'>,
>(
  session: TraceSession,
  sets: readonly Set[],
  settings: Settings,
  options: {
    readonly task: string;
    readonly namedExamples?: number;
    readonly isCompared?: (set: Set) => boolean;
  },
) {
  const { dataset, model, loader, unit } = session;
  const { task, namedExamples = 0, isCompared = () => true } = options;
  const plans = sets.map(({ neurons, perturbation, groups }) =>
    perturbedVariants(neurons, perturbation, model.description.layers, unit).map((variant) => ({
      ...variant,
      groups,
    })),
  );
  const indices = measuredExamples(dataset, session.judgedOn(settings.split), settings.samples, session.seed);
  const { baseline, baselineMargin, variants, lost, cost } = await evaluateVariants(
    model,
    loader,
    indices,
    plans.flat(),
    { ...session.job, task, namedExamples },
  );
  let position = 0;
  const measured = sets.map((set, i) => ({
    ...set,
    lost: lost[position] ?? [],
    outcomes: (plans[i] ?? []).map(() => variants[position++] ?? []),
  }));
  const compared = measured.filter(isCompared);
  const random = await compareWithRandom(session, indices, compared, settings);
  const comparisons = new Map(compared.map((set, i) => [set, random?.comparisons[i]]));
  return {
    sets: measured.map((set): Set & MeasuredSet => ({ ...set, comparisons: comparisons.get(set) ?? null })),
    recorded: {
      ...session.header,
      ...settings,
      groups: dataset.groupNames.map((name, group) => ({
        name,
        minority: dataset.minorityGroups.includes(group),
      })),
      baseline,
      baselineMargin,
      cost,
      nullCost: random?.cost ?? null,
    },
  };
}
