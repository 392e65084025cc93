import { perturbedVariants } from '../neurons/perturb.js';
import type { ValuesOf } from '../settings/setting.js';
import { type ComparedSet, compareWithRandom, mostRandomEvaluations } from './compareWithRandom.js';
import { evaluateVariants } from './evaluateVariants.js';
import type { GroupOutcome } from './outcomes.js';
import type { LostExample, SetComparisons } from './results.js';
import { measuredExamples } from './samples.js';
import type { TraceSession } from './traceSession.js';
import type { TRACE_SETTINGS } from './traceSettings.js';

/** A chosen set of neurons as it was measured. */
interface MeasuredSet {
  /** For each seed of the perturbation, or once, by group, [numGroups]; null for groups that were not asked for. */
  readonly outcomes: readonly (readonly (GroupOutcome | null)[])[];
  /** The first examples that each group lost, [numGroups]; of drawn perturbations under the first seed. */
  readonly lost: readonly (readonly LostExample[])[];
  /** null where the set was not compared with random neurons. */
  readonly comparisons: SetComparisons | null;
}

/**
 * Perturbs chosen sets of neurons, measures their groups, and compares them with random neurons on the same examples.
 *
 * @param sets neurons, how they are perturbed, and the groups whose changes are measured
 * @param settings of the trace
 * @param options.isCompared whether a set is compared with random neurons; default: all are
 * @returns the sets as they were measured, and the fields that the trace records of all of them
 */
export async function measureSets<
  Set extends Omit<ComparedSet, 'outcomes'>,
  Settings extends ValuesOf<(typeof TRACE_SETTINGS)['structured']>,
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
  const indices = measuredExamples(dataset, dataset.splits[settings.split], settings.samples, session.seed);
  const sizes = dataset.groupNames.map(
    (_, group) => indices.filter((index) => dataset.groups[index] === group).length,
  );
  const passes = plans.flat().flatMap(({ groups }) => groups.map((group) => sizes[group] ?? 0));
  session.options.onPlan?.({
    settings: { ...session.settings, ...settings },
    examples: indices.length,
    evaluations: passes.reduce((sum, size) => sum + size, indices.length),
    randomEvaluations: mostRandomEvaluations(sets.filter(isCompared), indices.length, settings),
  });
  const job = { ...session.job, task, namedExamples };
  const { baseline, variants, lost, cost } = await evaluateVariants(
    model,
    loader,
    indices,
    plans.flat(),
    job,
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
    recorded: { ...session.header, ...settings, baseline, cost, nullCost: random?.cost ?? null },
  };
}
