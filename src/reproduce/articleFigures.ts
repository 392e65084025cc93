import { SpurmemError } from '../errors.js';
import type { TraceEntry, TraceUnstructuredResult } from '../experiments/results.js';
import type { CriterionName } from '../neurons/criteria.js';
import type { Figure, FigureNeeds, RunResults, TraceNeed } from '../report/figure.js';
import { FIGURES } from '../report/figures.js';
import { inArticleOrder } from '../report/format.js';
import { nearestSentence } from '../settings/names.js';

/**
 * The figures and tables that one run gives, in the article's order. Heat maps compare two runs, and neurons of several models are no
 * repetitions of each other.
 */
export const OF_ONE_RUN: readonly Figure[] = FIGURES.filter(
  ({ needs }) => needs.results?.some((name) => name === 'gradCam' || name === 'neurons') !== true,
).sort((a, b) => inArticleOrder(a.name, b.name));

/** Those of the article's Part I. */
export const PART1: readonly Figure[] = OF_ONE_RUN.filter(({ beyondArticle }) => beyondArticle !== true);

/** Figures by their names. Throws `USAGE` for a name that is none. */
export function figuresNamed(names: readonly string[]): Figure[] {
  return names.map((name) => {
    const figure = FIGURES.find((known) => known.name === name);
    if (figure) return figure;
    const known = FIGURES.map((one) => one.name);
    throw new SpurmemError('USAGE', `There is no figure ${name}. ${nearestSentence(name, known)}`);
  });
}

/** The unstructured traces that figures need, one for each perturbation and split; `grid` has the standard deviations of figures that show several. */
export function mergeNeeds(figures: readonly Figure[], grid?: readonly number[]): TraceNeed[] {
  const merged = new Map<string, TraceNeed>();
  for (const need of figures.flatMap(({ needs }) => resolved(needs, grid))) {
    const key = `${need.perturbation} ${need.split}`;
    const known = merged.get(key);
    merged.set(key, {
      ...need,
      topK: union(known?.topK ?? [], need.topK),
      compared: union(known?.compared ?? [], need.compared),
      sigmas: union(known?.sigmas ?? [], need.sigmas),
    });
  }
  return [...merged.values()];
}

/** The part of the results that a figure needs: a trace may hold more for others. */
export function neededOf(
  results: RunResults,
  needs: FigureNeeds,
  criteria: readonly CriterionName[],
  grid?: readonly number[],
): RunResults {
  const traceNeeds = resolved(needs, grid);
  const { layers, traces } = results;
  const isShown = ({ criterion }: { criterion: CriterionName }): boolean => criteria.includes(criterion);
  const all = { ...results, layers: layers && { ...layers, entries: layers.entries.filter(isShown) } };
  const others = (needs.results ?? []).map((name) => [name, all[name]] as const);
  const needed = traces.map((trace) => ({
    ...trace,
    entries: trace.entries.filter(
      (entry) => isShown(entry) && traceNeeds.some((need) => isNeeded(trace, entry, need)),
    ),
  }));
  return {
    traces: needed.filter(({ entries }) => entries.length > 0),
    ...(Object.fromEntries(others) as Omit<RunResults, 'traces'>),
  };
}

function resolved({ traces = [] }: FigureNeeds, grid: readonly number[] | undefined): TraceNeed[] {
  return traces.map((need) => (need.isGrid === true && grid ? { ...need, sigmas: grid } : need));
}

function isNeeded(trace: TraceUnstructuredResult, entry: TraceEntry, need: TraceNeed): boolean {
  return (
    trace.perturbation === need.perturbation &&
    trace.split === need.split &&
    need.topK.includes(entry.k) &&
    (entry.sigma === null || need.sigmas.includes(entry.sigma))
  );
}

function union(a: readonly number[], b: readonly number[]): number[] {
  return [...new Set([...a, ...b])].sort((x, y) => x - y);
}
