import type { Outcome } from '../../experiments/outcomes.js';
import type { NullDistribution, TraceEntry, TraceUnstructuredResult } from '../../experiments/results.js';
import { CRITERION_NAMES, criterionNamed, type CriterionName } from '../../neurons/criteria.js';
import type { Neuron } from '../../neurons/neuron.js';
import type { NullName } from '../../neurons/nulls.js';
import { changeOfGroup } from './measuredChange.js';
import { adjustedTests, comparedWith, type AdjustedTest, type Compared } from './nulls.js';

/** One set of neurons that was perturbed, and the groups that it was chosen for. */
export interface Selection {
  readonly groups: readonly number[];
  readonly entry: TraceEntry;
  /** Its neurons without those of the selection before it, where that is a part of it: the k highest scores are nested. */
  readonly added: readonly Neuron[];
}

/** The part of a trace that one criterion chose, with one standard deviation: one chart of the article's Figs 2, 4 and 5. */
export interface CriterionTrace {
  readonly criterion: CriterionName;
  readonly trace: TraceUnstructuredResult;
  /** Standard deviation of the perturbation; null for zeroing. */
  readonly sigma: number | null;
  /** All entries of the criterion and sigma, by group, then k. */
  readonly entries: readonly TraceEntry[];
  /** The distinct sets of neurons among them, in the same order. */
  readonly selections: readonly Selection[];
}

/** What one criterion chose, under several standard deviations: one chart of the article's Figs 11 and 12. */
export interface SigmaGrid {
  readonly criterion: CriterionName;
  readonly trace: TraceUnstructuredResult;
  /** In the order of the standard deviations, at least two. */
  readonly views: readonly CriterionTrace[];
}

/** The largest |change| among all measured ones. */
interface LargestChange {
  readonly from: CriterionTrace;
  readonly selection: Selection;
  /** The group whose accuracy changed. */
  readonly group: number;
  /** Signed, as a fraction. */
  readonly change: number;
}

/**
 * Splits traces by criterion and standard deviation, in the order of the traces, of `CRITERION_NAMES`, and of size; criteria
 * without entries are left out.
 */
export function byCriterion(traces: readonly TraceUnstructuredResult[]): CriterionTrace[] {
  return traces.flatMap((trace) =>
    CRITERION_NAMES.flatMap((criterion) => {
      const chosen = trace.entries.filter((entry) => entry.criterion === criterion);
      const sigmas = [...new Set(chosen.map(({ sigma }) => sigma))].sort((a, b) => (a ?? 0) - (b ?? 0));
      return sigmas.map((sigma) => {
        const entries = chosen
          .filter((entry) => entry.sigma === sigma)
          .sort((a, b) => a.group - b.group || a.k - b.k);
        return { criterion, trace, sigma, entries, selections: distinctSelections(criterion, entries) };
      });
    }),
  );
}

/** The tests of a trace, adjusted for how many there are. */
export interface AdjustedTests {
  readonly tests: ReadonlyMap<NullDistribution, AdjustedTest>;
  /** That of the selection which an entry's neurons are: entries with one selection share its tests. */
  readonly testOf: (
    entry: TraceEntry,
    null_: NullName,
    compared: Compared,
    outcome: Outcome,
  ) => NullDistribution | undefined;
}

/** Adjusts the tests of a whole trace: all its cells, under both criteria and every standard deviation. */
export function adjustedIn(trace: TraceUnstructuredResult): AdjustedTests {
  const selections = byCriterion([trace]).flatMap((view) => view.selections);
  const groups = trace.baseline.total.map((_, group) => group);
  const cells = adjustedTests(selections, ({ entry }, null_, outcome) =>
    groups.map((group) => comparedWith(entry, null_, group, outcome)),
  );
  const differences = adjustedTests(selections, ({ entry }, null_, outcome) => [
    comparedWith(entry, null_, 'difference', outcome),
  ]);
  return {
    tests: new Map([...cells, ...differences]),
    testOf(entry, null_, compared, outcome) {
      const selection = selections.find(
        ({ entry: known, groups: chosenFor }) =>
          known.criterion === entry.criterion &&
          known.k === entry.k &&
          known.sigma === entry.sigma &&
          chosenFor.includes(entry.group),
      );
      return comparedWith(selection?.entry ?? entry, null_, compared, outcome);
    },
  };
}

/** Above so many numbers of neurons, Figs 2, 4 and 5 keep to the article's. */
const MANY_KS = 4;
const ARTICLE_KS: readonly number[] = [1, 2, 3];

/** Whether a view has more numbers of neurons than Figs 2, 4 and 5 can show: Table 3 of the article is for them. */
export function hasManyKs({ entries }: Pick<CriterionTrace, 'entries'>): boolean {
  return new Set(entries.map(({ k }) => k)).size > MANY_KS;
}

/** What Figs 2, 4 and 5 show of a view: all of it, or the article's numbers of neurons where it has many. */
export function forFigure(view: CriterionTrace): CriterionTrace {
  const isShown = ({ k }: TraceEntry): boolean => ARTICLE_KS.includes(k);
  if (!hasManyKs(view) || !view.entries.some(isShown)) return view;
  return {
    ...view,
    entries: view.entries.filter(isShown),
    selections: view.selections.filter(({ entry }) => isShown(entry)),
  };
}

/** Puts together the views of a trace and criterion, where there are several standard deviations. */
export function sigmaGrids(views: readonly CriterionTrace[]): SigmaGrid[] {
  return [...new Set(views.map(({ trace }) => trace))].flatMap((trace) =>
    CRITERION_NAMES.map((criterion) => ({
      criterion,
      trace,
      views: views.filter((view) => view.trace === trace && view.criterion === criterion),
    })).filter((grid) => grid.views.length > 1),
  );
}

/** The largest |change| over all selections and groups, or undefined when nothing was measured. */
export function largestChange(traces: readonly CriterionTrace[]): LargestChange | undefined {
  const candidates = traces.flatMap((from) =>
    from.selections.flatMap((selection) =>
      selection.entry.change.map((change, group) => ({ from, selection, group, change })),
    ),
  );
  // Of equal changes, the one in the group that the neurons were chosen for is the article's.
  const own = ({ selection, group }: LargestChange): number => Number(selection.groups.includes(group));
  return candidates
    .filter(({ change }) => Number.isFinite(change))
    .sort((a, b) => Math.abs(b.change) - Math.abs(a.change) || own(b) - own(a))[0];
}

/** The largest |change| of a group in `groups` under the neurons chosen for that group: one bar of Figs 2, 4 and 5. */
export function largestOwnChange(
  { entries }: CriterionTrace,
  groups: readonly number[],
):
  | {
      readonly group: number;
      readonly k: number;
      readonly change: number;
      readonly std: number | undefined;
      readonly entry: TraceEntry;
    }
  | undefined {
  return entries
    .filter((entry) => groups.includes(entry.group))
    .map((entry) => ({
      group: entry.group,
      k: entry.k,
      change: entry.change[entry.group] ?? Number.NaN,
      std: entry.changeStd?.[entry.group],
      entry,
    }))
    .filter(({ change }) => Number.isFinite(change))
    .sort((a, b) => Math.abs(b.change) - Math.abs(a.change))[0];
}

/** How many group accuracies were compared with the baseline: distinct selections times groups. */
export function measuredChanges(traces: readonly CriterionTrace[]): number {
  return traces
    .flatMap(({ selections }) => selections)
    .reduce((total, { entry }) => total + entry.change.filter(Number.isFinite).length, 0);
}

/** What charts of the same traces must have room for, in percentage points. */
export interface ChangeExtent {
  /** Lowest and highest of the bars: groups' own changes, with their intervals and those of random neurons; 0 is between. */
  readonly own: readonly [number, number];
  /** Largest |change| of any group. */
  readonly all: number;
}

/** The extent of all changes of some views. */
export function changeExtent(views: readonly Pick<CriterionTrace, 'entries'>[]): ChangeExtent {
  const entries = views.flatMap((view) => view.entries);
  const own = entries
    .map((entry) => changeOfGroup(entry, entry.group))
    .flatMap(({ change, interval, random }) => [change, ...(interval ?? []), ...(random?.interval ?? [])])
    .filter(Number.isFinite);
  const all = entries.flatMap(({ change }) => change.map(Math.abs)).filter(Number.isFinite);
  return {
    own: [100 * Math.min(0, ...own), 100 * Math.max(0, ...own)],
    all: 100 * Math.max(0, ...all),
  };
}

/** Where a criterion does not depend on the group, every group repeats one selection: it is shown once. */
function distinctSelections(criterion: CriterionName, entries: readonly TraceEntry[]): Selection[] {
  const separate = entries.map((entry) => ({ groups: [entry.group], entry }));
  return withAdded(criterionNamed(criterion).dependsOnGroup ? separate : merged(entries, separate));
}

type BareSelection = Omit<Selection, 'added'>;

function merged(
  entries: readonly TraceEntry[],
  separate: readonly BareSelection[],
): readonly BareSelection[] {
  const byContent = new Map<string, { groups: number[]; entry: TraceEntry }>();
  for (const entry of entries) {
    const key = JSON.stringify([entry.k, entry.neurons, entry.change]);
    const known = byContent.get(key);
    if (known) known.groups.push(entry.group);
    else byContent.set(key, { groups: [entry.group], entry });
  }
  const groups = new Set(entries.map((entry) => entry.group)).size;
  const selections = [...byContent.values()];
  return selections.every((selection) => selection.groups.length === groups) ? selections : separate;
}

function withAdded(selections: readonly BareSelection[]): Selection[] {
  return selections.map((selection, at) => {
    const { neurons, group } = selection.entry;
    const before = selections[at - 1]?.entry;
    const isNested =
      before?.group === group &&
      before.neurons.every(
        ({ layer, index }, i) => neurons[i]?.layer === layer && neurons[i].index === index,
      );
    return { ...selection, added: isNested ? neurons.slice(before.neurons.length) : neurons };
  });
}
