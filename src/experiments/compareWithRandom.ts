import { monteCarloTest, type StoppingRule } from '../metrics/monteCarlo.js';
import { mean } from '../metrics/statistics.js';
import { type Generator, native } from '../native/addon.js';
import type { NeuronPlace } from '../neurons/neuron.js';
import { type DrawnFrom, type NullName, NULLS } from '../neurons/nulls.js';
import { type PerturbationChoice, perturbedVariants, type Variant } from '../neurons/perturb.js';
import type { ValuesOf } from '../settings/setting.js';
import { evaluateVariants, type PlannedVariant } from './evaluateVariants.js';
import { changeOf, type GroupOutcome, minorityMinusMajority, type Outcome, OUTCOMES } from './outcomes.js';
import type { NullComparison, NullDistribution, OutcomeTests, SetComparisons, TraceCost } from './results.js';
import type { TraceSession } from './traceSession.js';
import type { TRACE_SETTINGS } from './traceSettings.js';

/** Draws of the first round; each round doubles them. */
const FIRST_ROUND = 20;

/**
 * How a trace compares its neurons with random ones: `nullDraws` at most for each set of neurons and null, 0 for none, which
 * `nulls`, and after how many `exceedances` on both sides a test needs no more.
 */
type NullOptions = Pick<
  ValuesOf<(typeof TRACE_SETTINGS)['unstructured']>,
  'nullDraws' | 'exceedances' | 'nulls'
>;

/** Chosen neurons, how they are perturbed, and what that did. */
export interface ComparedSet {
  readonly neurons: readonly NeuronPlace[];
  readonly perturbation: PerturbationChoice;
  /** The groups whose changes are compared. */
  readonly groups: readonly number[];
  /** For each seed of the perturbation, or once, by group, [numGroups]; on the examples that random neurons are tried on. */
  readonly outcomes: readonly (readonly (GroupOutcome | null)[])[];
}

/** Sets of neurons beside random ones. */
interface RandomComparisons {
  /** In the order of the sets. */
  readonly comparisons: readonly SetComparisons[];
  readonly cost: TraceCost;
}

/**
 * Compares chosen neurons with random ones by sequential Monte Carlo tests, against each of the nulls, on the same examples
 * and under the same seeds of the perturbation. Sets that a null does not tell apart share their draws, and each test stops
 * where its own rule says so, whatever others still draw.
 *
 * @param indices the examples that the sets' outcomes are of
 * @returns null when `nullDraws` is 0
 */
export async function compareWithRandom(
  session: TraceSession,
  indices: Int32Array,
  sets: readonly ComparedSet[],
  options: NullOptions,
): Promise<RandomComparisons | null> {
  const { nullDraws, nulls } = options;
  if (nullDraws === 0) return null;
  const from = { layers: session.unitLayers, magnitudes: await session.magnitudes() };
  const pools = new Map<string, Pool>();
  // Each pool's draws are its own, however long the others go on, and whether or not they are asked for.
  const seeds = new (native().Generator)(session.seed);
  const poolsOf = sets.map(
    (set) =>
      new Map(
        NULLS.map((null_) => {
          const key = poolKey(null_, set);
          const pool = pools.get(key) ?? new Pool(session, null_, set, from, seeds.random());
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
    `Random neurons beside ${sets.length} chosen sets: up to ${nullDraws} draws for each of ${open.length} comparisons, ` +
      `at most ${evaluations.toLocaleString('en')} evaluations of an image. Each test stops once it is decided; \`controls\` 0 leaves them out.`,
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
function poolKey(
  { name, key }: (typeof NULLS)[number],
  { perturbation, neurons }: Pick<ComparedSet, 'perturbation' | 'neurons'>,
): string {
  return JSON.stringify([name, perturbation, key(neurons)]);
}

/**
 * Evaluations of an image that the comparison takes at most.
 *
 * @param examples that each draw is evaluated on
 */
export function mostRandomEvaluations(
  sets: readonly Pick<ComparedSet, 'perturbation' | 'neurons'>[],
  examples: number,
  { nullDraws, nulls }: Pick<NullOptions, 'nullDraws' | 'nulls'>,
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
    if (open.length === 0) break;
    const plans = open.map((pool) => pool.plan(Math.min(round, rule.nullDraws - pool.draws), rule));
    const { variants, cost } = await evaluateVariants(session.model, session.loader, indices, plans.flat(2), {
      ...session.job,
      task: 'random neurons',
    });
    naiveForwards += cost.naiveForwards;
    runForwards += cost.runForwards;
    let position = 0;
    open.forEach((pool, i) => {
      for (const draw of plans[i] ?? []) {
        pool.add(draw.map(() => variants[position++] as readonly (GroupOutcome | null)[]));
      }
    });
  }
  return { naiveForwards, runForwards, ratio: naiveForwards === 0 ? 0 : runForwards / naiveForwards };
}

/** The draws of one null for sets that it does not tell apart. */
class Pool {
  readonly users: ComparedSet[] = [];
  readonly nullName: NullName;
  readonly #generator: Generator;
  readonly #draw: (generator: Generator) => NeuronPlace[];
  readonly #perturbation: PerturbationChoice;
  /** For each draw, the outcomes of its variants. */
  readonly #outcomes: (readonly (readonly (GroupOutcome | null)[])[])[] = [];

  constructor(
    readonly session: TraceSession,
    null_: (typeof NULLS)[number],
    { neurons, perturbation }: ComparedSet,
    from: DrawnFrom,
    seed: bigint,
  ) {
    this.#generator = new (native().Generator)(seed);
    this.nullName = null_.name;
    this.#draw = null_.drawer(neurons, from);
    this.#perturbation = perturbation;
  }

  get draws(): number {
    return this.#outcomes.length;
  }

  /** The variants of so many further draws, for those groups that some test still asks for. */
  plan(count: number, rule: StoppingRule): PlannedVariant[][] {
    const { model, unit } = this.session;
    const groups = [...new Set(this.users.flatMap((set) => this.#openGroups(set, rule)))];
    return Array.from({ length: count }, () =>
      perturbedVariants(this.#draw(this.#generator), this.#perturbation, model.description.layers, unit).map(
        (variant: Variant) => ({ ...variant, groups }),
      ),
    );
  }

  add(outcomes: readonly (readonly (GroupOutcome | null)[])[]): void {
    this.#outcomes.push(outcomes);
  }

  isDecided(rule: StoppingRule): boolean {
    if (this.draws >= rule.nullDraws) return true;
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

  /** The groups whose changes some undecided test of a set needs: a difference needs all of them. */
  #openGroups(set: ComparedSet, rule: StoppingRule): readonly number[] {
    const isOpen = (statisticOf: (outcome: Outcome) => Statistic): boolean =>
      OUTCOMES.some((outcome) => this.#test(set, statisticOf(outcome), rule) === undefined);
    if (this.#comparesMinorities(set) && isOpen((outcome) => this.#difference(outcome))) return set.groups;
    return set.groups.filter((group) => isOpen((outcome) => changeOfGroup(group, outcome)));
  }

  #comparesMinorities({ groups }: ComparedSet): boolean {
    const { minorityGroups, numGroups } = this.session.dataset;
    return groups.length === numGroups && minorityGroups.length > 0 && minorityGroups.length < numGroups;
  }

  #difference(outcome: Outcome): Statistic {
    const { minorityGroups } = this.session.dataset;
    return (ofGroups) => minorityMinusMajority(ofGroups, minorityGroups, outcome);
  }

  /** Undefined where more draws are needed, and where the change is no number. */
  #test(set: ComparedSet, statistic: Statistic, rule: StoppingRule): NullDistribution | undefined {
    const change = meanOf(set.outcomes, statistic);
    if (change === undefined) return undefined;
    const drawn: number[] = [];
    for (const variants of this.#outcomes) {
      const value = meanOf(variants, statistic);
      // From here on nothing was measured: the test had been decided.
      if (value === undefined) break;
      drawn.push(value);
    }
    const test = monteCarloTest(change, drawn, rule);
    return test && { change, ...test };
  }
}

/** A number for what one variant did to the groups; undefined where they were not measured, or gave none. */
type Statistic = (ofGroups: readonly (GroupOutcome | null)[]) => number | undefined;

/** The mean over variants under several seeds. */
function meanOf(
  variants: readonly (readonly (GroupOutcome | null)[])[],
  statistic: Statistic,
): number | undefined {
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
