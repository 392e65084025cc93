import { monteCarloTest, type StoppingRule } from '../metrics/monteCarlo.js';
import { mean } from '../metrics/statistics.js';
import { native } from '../native/addon.js';
import type { Generator } from '../native/interface.js';
import { type NeuronPlace, placeText } from '../neurons/neuron.js';
import { type NullName, NULLS } from '../neurons/nulls.js';
import { type PerturbationChoice, perturbedVariants } from '../neurons/perturb.js';
import { isDrawn } from '../neurons/perturbations.js';
import type { ValuesOf } from '../settings/setting.js';
import { costOf, evaluateVariants, type PlannedVariant } from './evaluateVariants.js';
import { changeOf, type GroupOutcomes, minorityMinusMajority, type Outcome, OUTCOMES } from './outcomes.js';
import type { NullComparison, NullDistribution, OutcomeTests, SetComparisons, TraceCost } from './results.js';
import type { TraceSession } from './traceSession.js';
import type { TRACE_SETTINGS } from './traceSettings.js';

/** Draws of the first round; each round doubles them. */
const FIRST_ROUND = 20;

type NullOptions = Pick<
  ValuesOf<(typeof TRACE_SETTINGS)['unstructured']>,
  'nullDraws' | 'exceedances' | 'nulls'
>;

/** Neurons, and the groups on which their perturbation is measured. */
export interface PlannedSet {
  readonly neurons: readonly NeuronPlace[];
  readonly perturbation: PerturbationChoice;
  readonly groups: readonly number[];
}

interface ComparedSet extends PlannedSet {
  /** One entry per seed of the perturbation, or one. */
  readonly outcomes: readonly GroupOutcomes[];
}

/**
 * Compares chosen neurons with random ones by sequential Monte Carlo tests, against each of the nulls, on the same examples
 * and under the same seeds of the perturbation. Sets that a null cannot distinguish share their draws. Each test stops by
 * its own rule, even if others continue to draw.
 *
 * @param indices the examples behind the sets' outcomes
 * @returns the comparisons in the order of the sets; null when `nullDraws` is 0
 */
export async function compareWithRandom(
  session: TraceSession,
  indices: Int32Array,
  sets: readonly ComparedSet[],
  options: NullOptions,
): Promise<{ readonly comparisons: readonly SetComparisons[]; readonly cost: TraceCost } | null> {
  const { nullDraws, nulls } = options;
  if (nullDraws === 0) return null;
  const from = { layers: session.unitLayers, magnitudes: await session.magnitudes() };
  const pools = new Map<string, Pool>();
  // Each pool has its own generator: its draws do not depend on other pools.
  const seeds = new (native().Generator)(session.seed);
  const poolsOf = sets.map(
    (set) =>
      new Map(
        NULLS.map((null_) => {
          const key = poolKey(null_, set);
          const pool =
            pools.get(key) ??
            new Pool(session, null_.name, set.perturbation, null_.drawer(set.neurons, from), seeds.random());
          pools.set(key, pool);
          pool.users.push(set);
          return [null_.name, pool] as const;
        }),
      ),
  );
  const asked = NULLS.map(({ name }) => name).filter((name) => nulls.includes(name));
  const open = [...pools.values()].filter(({ nullName }) => asked.includes(nullName));
  const evaluations = mostRandomEvaluations(sets, indices.length, options);
  session.options.onInfo?.(
    `Random neurons for ${sets.length} chosen sets: up to ${nullDraws} draws for each of ${open.length} comparisons, ` +
      `at most ${evaluations.toLocaleString('en')} evaluations of an image. Each test stops once it is decided; \`nullDraws\` 0 leaves them out.`,
  );
  const cost = await drawAll(session, indices, open, options);
  return {
    comparisons: sets.map((set, i): SetComparisons =>
      Object.fromEntries(asked.map((name) => [name, poolsOf[i]?.get(name)?.compare(set, options)])),
    ),
    cost,
  };
}

/** Sets with the same key share their draws. */
function poolKey({ name, key }: (typeof NULLS)[number], { perturbation, neurons }: PlannedSet): string {
  // The order matters if a perturbation draws numbers for each neuron in turn.
  const byPlace = (a: NeuronPlace, b: NeuronPlace) => (placeText(a) < placeText(b) ? -1 : 1);
  const ordered = isDrawn(perturbation.kind) ? neurons : neurons.toSorted(byPlace);
  return JSON.stringify([name, perturbation, key(ordered)]);
}

/** Returns the max image evaluations that comparing sets takes, given the number of examples per draw. */
function mostRandomEvaluations(
  sets: readonly PlannedSet[],
  examples: number,
  { nullDraws, nulls }: Omit<NullOptions, 'exceedances'>,
): number {
  const asked = NULLS.filter(({ name }) => nulls.includes(name));
  const pools = new Set(sets.flatMap((set) => asked.map((null_) => poolKey(null_, set))));
  const seeds = Math.max(1, ...sets.map(({ perturbation }) => perturbation.seeds.length));
  return pools.size * nullDraws * seeds * examples;
}

/** Evaluates rounds of draws until every test is decided. */
async function drawAll(
  session: TraceSession,
  indices: Int32Array,
  pools: readonly Pool[],
  rule: StoppingRule,
): Promise<TraceCost> {
  let naiveForwards = 0;
  let runForwards = 0;
  for (let round = FIRST_ROUND; ; round *= 2) {
    const open = pools.filter((pool) => !pool.isDecided(rule));
    if (open.length === 0) return costOf(naiveForwards, runForwards);
    const plans = open.map((pool) => pool.plan(Math.min(round, rule.nullDraws - pool.outcomes.length), rule));
    const { variants, cost } = await evaluateVariants(session.model, session.loader, indices, plans.flat(2), {
      ...session.job,
      task: 'random neurons',
    });
    naiveForwards += cost.naiveForwards;
    runForwards += cost.runForwards;
    let position = 0;
    open.forEach((pool, i) => {
      for (const draw of plans[i] ?? []) {
        pool.outcomes.push(draw.map(() => variants[position++] as GroupOutcomes));
      }
    });
  }
}

/** Returns a number for one variant's effect on the groups; undefined if they were not measured, or have none. */
type Statistic = (ofGroups: GroupOutcomes) => number | undefined;

/** The draws of one null for sets that it cannot distinguish. */
class Pool {
  readonly users: ComparedSet[] = [];
  /** One entry per draw: its variants. */
  readonly outcomes: (readonly GroupOutcomes[])[] = [];
  readonly #draw: () => NeuronPlace[];

  constructor(
    readonly session: TraceSession,
    readonly nullName: NullName,
    readonly perturbation: PerturbationChoice,
    draw: (generator: Generator) => NeuronPlace[],
    seed: bigint,
  ) {
    const generator = new (native().Generator)(seed);
    this.#draw = () => draw(generator);
  }

  /** Returns the variants of `count` further draws, for the groups that some test still needs. */
  plan(count: number, rule: StoppingRule): PlannedVariant[][] {
    const { model, unit } = this.session;
    const { layers } = model.description;
    const groups = [...new Set(this.users.flatMap((set) => this.#openGroups(set, rule)))];
    return Array.from({ length: count }, () =>
      perturbedVariants(this.#draw(), this.perturbation, layers, unit).map((variant) => ({
        ...variant,
        groups,
      })),
    );
  }

  isDecided(rule: StoppingRule): boolean {
    if (this.outcomes.length >= rule.nullDraws) return true;
    return this.users.every((set) => this.#openGroups(set, rule).length === 0);
  }

  compare(set: ComparedSet, rule: StoppingRule): NullComparison {
    const testsOf = (statisticOf: (outcome: Outcome) => Statistic): OutcomeTests | null => {
      const tests = OUTCOMES.map(
        (outcome) => [outcome, this.#test(set, statisticOf(outcome), rule)] as const,
      );
      return tests.every(([, test]) => test !== undefined)
        ? (Object.fromEntries(tests) as unknown as OutcomeTests)
        : null;
    };
    return {
      groups: this.session.dataset.groupNames.map((_, group) =>
        set.groups.includes(group) ? testsOf((outcome) => changeOfGroup(group, outcome)) : null,
      ),
      difference: this.#comparesMinorities(set) ? testsOf((outcome) => this.#difference(outcome)) : null,
    };
  }

  /** Returns the groups whose changes some undecided test of a set needs; a difference needs all of them. */
  #openGroups(set: ComparedSet, rule: StoppingRule): readonly number[] {
    const isOpen = (statisticOf: (outcome: Outcome) => Statistic): boolean =>
      OUTCOMES.some((outcome) => this.#test(set, statisticOf(outcome), rule) === undefined);
    const groups = measuredGroups(set);
    if (this.#comparesMinorities(set) && isOpen((outcome) => this.#difference(outcome))) return groups;
    return groups.filter((group) => isOpen((outcome) => changeOfGroup(group, outcome)));
  }

  #comparesMinorities(set: ComparedSet): boolean {
    const { minorityGroups, numGroups } = this.session.dataset;
    if (set.groups.length < numGroups) return false;
    const kinds = new Set(measuredGroups(set).map((group) => minorityGroups.includes(group)));
    return kinds.size === 2;
  }

  #difference(outcome: Outcome): Statistic {
    const { minorityGroups } = this.session.dataset;
    return (ofGroups) => minorityMinusMajority(ofGroups, minorityGroups, outcome);
  }

  /** Undefined if more draws are needed, or the change is not a number. */
  #test(set: ComparedSet, statistic: Statistic, rule: StoppingRule): NullDistribution | undefined {
    const change = meanOf(set.outcomes, statistic);
    if (change === undefined) return undefined;
    const drawn: number[] = [];
    for (const variants of this.outcomes) {
      const value = meanOf(variants, statistic);
      // Later draws were not measured: the test was decided.
      if (value === undefined) break;
      drawn.push(value);
    }
    const test = monteCarloTest(change, drawn, rule);
    return test && { change, ...test };
  }
}

/** Returns the groups of a set that the split has examples of. */
function measuredGroups({ groups, outcomes }: ComparedSet): readonly number[] {
  return groups.filter((group) => outcomes[0]?.[group]?.total !== 0);
}

/** Returns the mean over variants under several seeds. */
function meanOf(variants: readonly GroupOutcomes[], statistic: Statistic): number | undefined {
  const values = variants.map(statistic);
  return values.every((value) => value !== undefined) ? mean(values) : undefined;
}

function changeOfGroup(group: number, outcome: Outcome): Statistic {
  return (ofGroups) => {
    const found = ofGroups[group];
    const change = found ? changeOf(found, outcome) : Number.NaN;
    return Number.isFinite(change) ? change : undefined;
  };
}
