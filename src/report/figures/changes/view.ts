import type { TraceEntry, TraceUnstructuredResult } from '../../../experiments/results.js';
import { ARTICLE_SIGMA } from '../../../experiments/traceSettings.js';
import { CRITERION_NAMES, type CriterionName, criterionNamed } from '../../../neurons/criteria.js';
import type { Neuron } from '../../../neurons/neuron.js';
import type { NullName } from '../../../neurons/nulls.js';
import type { PerturbationWords } from '../../../neurons/perturbation.js';
import { isDrawn, type PerturbationName, PERTURBATIONS } from '../../../neurons/perturbations.js';
import { plural } from '../../format.js';
import {
  adjustByHolm,
  type AdjustedTest,
  ascending,
  changeOfGroup,
  largestBy,
  nullsOf,
  type Tests,
  testsOf,
} from '../../traces/tests.js';

/** One set of neurons that was perturbed, and the groups that it was chosen for. */
export interface Selection {
  readonly groups: readonly number[];
  readonly entry: TraceEntry;
  /** Its neurons without those of the selection before it, where that is a part of it: the k highest scores are nested. */
  readonly added: readonly Neuron[];
  /** Beside random neurons: each group, [numGroups], and minority minus majority. */
  readonly ofGroups: readonly Tests<AdjustedTest>[];
  readonly difference: Tests<AdjustedTest>;
}

/** The part of a trace that one criterion chose, with one standard deviation: one chart of the article's Figs 2, 4 and 5. */
export interface CriterionView {
  readonly criterion: CriterionName;
  readonly trace: TraceUnstructuredResult;
  /** Standard deviation of the perturbation; null for zeroing. */
  readonly sigma: number | null;
  /** All entries of the criterion and sigma, by group, then k. */
  readonly entries: readonly TraceEntry[];
  /** The distinct sets of neurons among them, in the same order. */
  readonly selections: readonly Selection[];
}

export interface TraceView {
  readonly trace: TraceUnstructuredResult;
  /** In the order of `CRITERION_NAMES`, then of sigma; criteria without entries are left out. */
  readonly views: readonly CriterionView[];
  /** The nulls that its sets were compared with. */
  readonly nulls: readonly NullName[];
  /** The standard deviation that is drawn large: the article's, or the smallest. */
  readonly shownSigma: number | null;
}

/**
 * Splits a trace by criterion and standard deviation. P-values are adjusted by Holm over the whole trace: for each null and outcome,
 * the changes of all groups are one family, and the differences another.
 */
export function traceView(trace: TraceUnstructuredResult): TraceView {
  const parts = CRITERION_NAMES.flatMap((criterion) => {
    const chosen = trace.entries.filter((entry) => entry.criterion === criterion);
    return ascending(chosen.map(({ sigma }) => sigma)).map((sigma) => {
      const entries = chosen
        .filter((entry) => entry.sigma === sigma)
        .sort((a, b) => a.group - b.group || a.k - b.k);
      return { criterion, trace, sigma, entries };
    });
  });
  const bare = parts.flatMap(({ criterion, entries }) => distinctSelections(criterion, entries));
  const groups = trace.baseline.total.map((_, group) => group);
  const comparisons = bare.map(({ entry }) => entry.comparisons);
  const ofGroups = adjustByHolm(comparisons.flatMap((of) => groups.map((group) => testsOf(of, group))));
  const differences = adjustByHolm(comparisons.map((of) => testsOf(of, 'difference')));
  const selections = bare.map((selection, at): Selection => ({
    ...selection,
    ofGroups: ofGroups.slice(at * groups.length, (at + 1) * groups.length),
    difference: differences[at] ?? {},
  }));
  const sigmas = ascending(trace.entries.map(({ sigma }) => sigma));
  return {
    trace,
    views: parts.map((part) => ({
      ...part,
      selections: selections.filter(({ entry }) => part.entries.includes(entry)),
    })),
    nulls: nullsOf(differences),
    shownSigma: sigmas.find((sigma) => sigma === ARTICLE_SIGMA) ?? sigmas[0] ?? null,
  };
}

type BareSelection = Pick<Selection, 'groups' | 'entry' | 'added'>;

/** Where a criterion does not depend on the group, every group repeats one selection: it is shown once. */
function distinctSelections(criterion: CriterionName, entries: readonly TraceEntry[]): BareSelection[] {
  const shared = criterionNamed(criterion).dependsOnGroup ? undefined : sharedSelections(entries);
  const selections = shared ?? entries.map((entry) => ({ groups: [entry.group], entry }));
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

/** Equal entries as one selection of their groups; undefined where one is not of all groups. */
function sharedSelections(entries: readonly TraceEntry[]) {
  const byContent = new Map<string, { groups: number[]; entry: TraceEntry }>();
  for (const entry of entries) {
    const key = JSON.stringify([entry.k, entry.neurons, entry.change]);
    const known = byContent.get(key) ?? { groups: [], entry };
    known.groups.push(entry.group);
    byContent.set(key, known);
  }
  const groups = new Set(entries.map(({ group }) => group)).size;
  const selections = [...byContent.values()];
  return selections.every((selection) => selection.groups.length === groups) ? selections : undefined;
}

/** The selection that an entry's neurons are: entries with one selection share its tests. */
export function selectionOf({ views }: TraceView, entry: TraceEntry): Selection | undefined {
  return views
    .find(({ criterion, sigma }) => criterion === entry.criterion && sigma === entry.sigma)
    ?.selections.find((known) => known.entry.k === entry.k && known.groups.includes(entry.group));
}

/** All distinct sets of neurons of a trace. */
export function selectionsOf({ views }: Pick<TraceView, 'views'>): Selection[] {
  return views.flatMap(({ selections }) => selections);
}

/** A view's numbers of neurons, ascending. */
export function ksOf({ entries }: CriterionView): number[] {
  return ascending(entries.map(({ k }) => k));
}

/** Above so many numbers of neurons, Figs 2, 4 and 5 keep to the article's. */
const MANY_KS = 4;
const ARTICLE_KS: readonly number[] = [1, 2, 3];

/** Whether a view has more numbers of neurons than Figs 2, 4 and 5 can show: Table 3 of the article is for them. */
export function hasManyKs(view: CriterionView): boolean {
  return ksOf(view).length > MANY_KS;
}

/** The part of a view that Figs 2, 4 and 5 show: all of it, or the article's numbers of neurons where it has many. */
export function forFigure(view: CriterionView): CriterionView {
  const isShown = ({ k }: TraceEntry): boolean => ARTICLE_KS.includes(k);
  if (!hasManyKs(view) || !view.entries.some(isShown)) return view;
  return partOf(view, isShown);
}

/** The sets of a view that have so many neurons at most. */
export function upTo(view: CriterionView, most: number): CriterionView {
  return partOf(view, ({ k }) => k <= most);
}

function partOf(view: CriterionView, isShown: (entry: TraceEntry) => boolean): CriterionView {
  return {
    ...view,
    entries: view.entries.filter(isShown),
    selections: view.selections.filter(({ entry }) => isShown(entry)),
  };
}

/** The largest signed change over all selections and groups, or undefined when nothing was measured. */
export function largestChange(views: readonly CriterionView[]) {
  const candidates = views.flatMap((from) =>
    from.selections.flatMap((selection) =>
      selection.entry.change.map((change, group) => {
        return { from, selection, group, change, isOwn: selection.groups.includes(group) };
      }),
    ),
  );
  // Among equal changes, the article's is that of the group that the neurons were chosen for.
  return largestBy(
    candidates.sort((a, b) => Number(b.isOwn) - Number(a.isOwn)),
    ({ change }) => change,
  );
}

/** The entry with the largest change of its own group, among some groups: one bar of Figs 2, 4 and 5. */
export function largestOwnChange(
  { entries }: CriterionView,
  groups: readonly number[],
): TraceEntry | undefined {
  return largestBy(
    entries.filter(({ group }) => groups.includes(group)),
    ownChange,
  );
}

/** The change of the group that the neurons were chosen for; NaN where it was not measured. */
export function ownChange({ change, group }: TraceEntry): number {
  return change[group] ?? Number.NaN;
}

/** How many group accuracies were compared with the baseline: distinct selections times groups. */
export function measuredChanges(views: readonly CriterionView[]): number {
  return selectionsOf({ views })
    .flatMap(({ entry }) => entry.change)
    .filter(Number.isFinite).length;
}

/** The room that charts of the same traces need, in percentage points. */
export interface ChangeExtent {
  /** Lowest and highest of the bars: groups' own changes, with their intervals and those of random neurons; 0 is between. */
  readonly own: readonly [number, number];
  /** Largest |change| of any group. */
  readonly all: number;
}

export function changeExtent(views: readonly CriterionView[]): ChangeExtent {
  const entries = views.flatMap((view) => view.entries);
  const own = entries
    .map((entry) => changeOfGroup(entry))
    .flatMap(({ change, interval, random }) => [change, ...(interval ?? []), ...(random?.interval ?? [])])
    .filter(Number.isFinite);
  const all = entries.flatMap(({ change }) => change.map(Math.abs)).filter(Number.isFinite);
  return {
    own: [100 * Math.min(0, ...own), 100 * Math.max(0, ...own)],
    all: 100 * Math.max(0, ...all),
  };
}

export const PERTURBED = Object.fromEntries(
  PERTURBATIONS.map(({ name, words }) => [name, words]),
) as Readonly<Record<PerturbationName, PerturbationWords>>;

/** `σ = 0.005, mean of 10 seeds`, or `to epoch 35`; empty where there is nothing to tell, as of zeroing. */
export function settingsNote({ sigma, criterion, trace }: CriterionView): string {
  if (trace.rewound) return `to epoch ${trace.rewound.epoch}`;
  if (!isDrawn(trace.perturbation)) return '';
  return [...(sigma === null ? [] : [`σ = ${sigma}`]), seedsNote(trace, criterion)].join(', ');
}

/** The same in brackets after a word. */
export function bracketed(note: string): string {
  return note === '' ? '' : ` (${note})`;
}

/** `mean of 10 seeds`: of one criterion, or of the one with the most. */
export function seedsNote({ seeds, repeats }: TraceUnstructuredResult, criterion?: CriterionName): string {
  const count = (criterion && repeats?.[criterion]) ?? seeds.length;
  return count === 1 ? 'one seed' : `mean of ${plural(count, 'seed')}`;
}

/** The criteria that were averaged over fewer seeds than others, with how many. */
export function fewerSeeds({ seeds, repeats = {} }: TraceUnstructuredResult): [string, number][] {
  return Object.entries(repeats).filter(([, count]) => count < seeds.length);
}

/** Whether some change of the view has a spread over seeds. */
export function hasSpread({ entries }: CriterionView): boolean {
  return entries.some(({ changeStd }) => changeStd?.some(Number.isFinite) === true);
}
