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
  changeOfGroup,
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
}

/** A selection beside random neurons: each group, [numGroups], and minority minus majority. */
interface TestedSelection extends Selection {
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
  readonly selections: readonly TestedSelection[];
}

/** A trace as figures show it. */
export interface TraceView {
  readonly trace: TraceUnstructuredResult;
  /** In the order of `CRITERION_NAMES`, then of sigma; criteria without entries are left out. */
  readonly views: readonly CriterionView[];
  /** The nulls that its sets were compared with. */
  readonly nulls: readonly NullName[];
  /** The standard deviation that is drawn large: the article's, or the smallest. */
  readonly shownSigma: number | null;
}

/** The largest |change| among all measured ones. */
interface LargestChange {
  readonly from: CriterionView;
  readonly selection: Selection;
  /** The group whose accuracy changed. */
  readonly group: number;
  /** Signed, as a fraction. */
  readonly change: number;
}

/**
 * Splits a trace by criterion and standard deviation. P-values are adjusted by Holm over the whole trace, under all criteria and
 * standard deviations: for each null and outcome, the changes of all groups are one family, and the differences another.
 */
export function traceView(trace: TraceUnstructuredResult): TraceView {
  const bare = CRITERION_NAMES.flatMap((criterion) => {
    const chosen = trace.entries.filter((entry) => entry.criterion === criterion);
    return sigmasOf(chosen).map((sigma) => {
      const entries = chosen
        .filter((entry) => entry.sigma === sigma)
        .sort((a, b) => a.group - b.group || a.k - b.k);
      return { criterion, trace, sigma, entries, selections: distinctSelections(criterion, entries) };
    });
  });
  const selections = bare.flatMap((view) => view.selections);
  const groups = trace.baseline.total.map((_, group) => group);
  const ofGroups = adjustByHolm(
    selections.flatMap(({ entry }) => groups.map((group) => testsOf(entry, group))),
  );
  const differences = adjustByHolm(selections.map(({ entry }) => testsOf(entry, 'difference')));
  let at = 0;
  const withTests = (selection: Selection): TestedSelection => {
    const place = at++;
    return {
      ...selection,
      ofGroups: ofGroups.slice(place * groups.length, (place + 1) * groups.length),
      difference: differences[place] ?? {},
    };
  };
  const sigmas = sigmasOf(trace.entries);
  return {
    trace,
    views: bare.map((view) => ({ ...view, selections: view.selections.map(withTests) })),
    nulls: nullsOf(differences),
    shownSigma: sigmas.find((sigma) => sigma === ARTICLE_SIGMA) ?? sigmas[0] ?? null,
  };
}

/** The selection that an entry's neurons are: entries with one selection share its tests. */
export function selectionOf({ views }: TraceView, entry: TraceEntry): TestedSelection | undefined {
  return views
    .find(({ criterion, sigma }) => criterion === entry.criterion && sigma === entry.sigma)
    ?.selections.find((known) => known.entry.k === entry.k && known.groups.includes(entry.group));
}

/** All distinct sets of neurons of a trace. */
export function selectionsOf({ views }: TraceView): TestedSelection[] {
  return views.flatMap(({ selections }) => selections);
}

/** A view's numbers of neurons, ascending. */
export function ksOf({ entries }: Pick<CriterionView, 'entries'>): number[] {
  return [...new Set(entries.map(({ k }) => k))].sort((a, b) => a - b);
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
  return {
    ...view,
    entries: view.entries.filter(isShown),
    selections: view.selections.filter(({ entry }) => isShown(entry)),
  };
}

/** The largest |change| over all selections and groups, or undefined when nothing was measured. */
export function largestChange(views: readonly CriterionView[]): LargestChange | undefined {
  const candidates = views.flatMap((from) =>
    from.selections.flatMap((selection) =>
      selection.entry.change.map((change, group) => ({ from, selection, group, change })),
    ),
  );
  // Among equal changes, the article's is that of the group that the neurons were chosen for.
  const own = ({ selection, group }: LargestChange): number => Number(selection.groups.includes(group));
  return candidates
    .filter(({ change }) => Number.isFinite(change))
    .sort((a, b) => Math.abs(b.change) - Math.abs(a.change) || own(b) - own(a))[0];
}

/** The entry with the largest |change| of its own group, among some groups: one bar of Figs 2, 4 and 5. */
export function largestOwnChange(
  { entries }: Pick<CriterionView, 'entries'>,
  groups: readonly number[],
): TraceEntry | undefined {
  return entries
    .filter((entry) => groups.includes(entry.group) && Number.isFinite(ownChange(entry)))
    .sort((a, b) => Math.abs(ownChange(b)) - Math.abs(ownChange(a)))[0];
}

/** The change of the group that the neurons were chosen for; NaN where it was not measured. */
export function ownChange({ change, group }: TraceEntry): number {
  return change[group] ?? Number.NaN;
}

/** How many group accuracies were compared with the baseline: distinct selections times groups. */
export function measuredChanges(views: readonly CriterionView[]): number {
  return views
    .flatMap(({ selections }) => selections)
    .reduce((total, { entry }) => total + entry.change.filter(Number.isFinite).length, 0);
}

/** The room that charts of the same traces need, in percentage points. */
export interface ChangeExtent {
  /** Lowest and highest of the bars: groups' own changes, with their intervals and those of random neurons; 0 is between. */
  readonly own: readonly [number, number];
  /** Largest |change| of any group. */
  readonly all: number;
}

/** The extent of all changes of some views. */
export function changeExtent(views: readonly Pick<CriterionView, 'entries'>[]): ChangeExtent {
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

function sigmasOf(entries: readonly TraceEntry[]): (number | null)[] {
  return [...new Set(entries.map(({ sigma }) => sigma))].sort((a, b) => (a ?? 0) - (b ?? 0));
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

/** How a report speaks of each perturbation. */
export const PERTURBED = Object.fromEntries(
  PERTURBATIONS.map(({ name, words }) => [name, words]),
) as Readonly<Record<PerturbationName, PerturbationWords>>;

/** `σ = 0.005, mean of 10 seeds`, or `to epoch 35`; empty where there is nothing to tell, as of zeroing. */
export function settingsNote({
  sigma,
  criterion,
  trace,
}: Pick<CriterionView, 'sigma' | 'criterion' | 'trace'>): string {
  if (trace.rewound) return `to epoch ${trace.rewound.epoch}`;
  if (!isDrawn(trace.perturbation)) return '';
  return [...(sigma === null ? [] : [`σ = ${sigma}`]), seedsNote(trace, criterion)].join(', ');
}

/** The same in brackets after a word. */
export function bracketed(note: string): string {
  return note === '' ? '' : ` (${note})`;
}

/** `mean of 10 seeds`: of one criterion, or of the one with the most. */
export function seedsNote(
  { seeds, repeats }: Pick<TraceUnstructuredResult, 'seeds' | 'repeats'>,
  criterion?: CriterionName,
): string {
  const count = (criterion && repeats?.[criterion]) ?? seeds.length;
  return count === 1 ? 'one seed' : `mean of ${plural(count, 'seed')}`;
}

/** The criteria that were averaged over fewer seeds than others, with how many. */
export function fewerSeeds({ seeds, repeats = {} }: TraceUnstructuredResult): [string, number][] {
  return Object.entries(repeats).filter(([, count]) => count < seeds.length);
}

/** Whether some change of the view has a spread over seeds. */
export function hasSpread({ entries }: Pick<CriterionView, 'entries'>): boolean {
  return entries.some(({ changeStd }) => changeStd?.some(Number.isFinite) === true);
}
