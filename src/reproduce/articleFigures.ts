import type { TraceEntry, TraceUnstructuredResult } from '../experiments/results.js';
import type { Figure, FigureNeeds, TraceNeed } from '../report/figure.js';
import { ARTICLE_CRITERIA } from '../neurons/criteria.js';
import { FIGURES } from '../report/figures.js';
import { inArticleOrder } from '../report/format.js';
import type { RunResults } from '../report/reportData.js';

/** The article says "multiple standard deviations" and gives one: these surround it. */
export const SIGMA_GRID = [0.001, 0.005, 0.01, 0.05, 0.1] as const;

/** The figures and tables that one run gives, in the article's order. Heat maps compare two runs. */
export const OF_ONE_RUN: readonly Figure[] = FIGURES.filter(
  ({ needs }) => needs.results?.includes('gradCam') !== true,
).sort((a, b) => inArticleOrder(a.name, b.name));

/** Those of the article's Part I. */
export const PART1: readonly Figure[] = OF_ONE_RUN.filter(({ beyondArticle }) => beyondArticle !== true);

/** A need whose standard deviations are known. */
export type ResolvedNeed = TraceNeed & { readonly sigmas: readonly number[] };

/**
 * The unstructured traces that figures need: one for each perturbation and split, which covers all of theirs.
 *
 * @param grid the standard deviations of figures that show several
 */
export function mergeNeeds(figures: readonly Figure[], grid: readonly number[]): ResolvedNeed[] {
  const merged = new Map<string, ResolvedNeed>();
  for (const need of figures.flatMap(({ needs }) => resolved(needs, grid))) {
    const key = `${need.perturbation} ${need.split}`;
    const known = merged.get(key);
    merged.set(key, {
      ...need,
      topK: union(known?.topK ?? [], need.topK),
      sigmas: union(known?.sigmas ?? [], need.sigmas),
    });
  }
  return [...merged.values()];
}

/** Of the results, what a figure needs: a trace may hold more for others. */
export function neededOf(results: RunResults, needs: FigureNeeds, grid: readonly number[]): RunResults {
  const traceNeeds = resolved(needs, grid);
  const others = (needs.results ?? []).map((name) => [name, results[name]] as const);
  return {
    traces: results.traces
      .map((trace) => ({
        ...trace,
        entries: trace.entries.filter((entry) => traceNeeds.some((need) => isNeeded(trace, entry, need))),
      }))
      .filter(({ entries }) => entries.length > 0),
    ...(Object.fromEntries(others) as Omit<RunResults, 'traces'>),
  };
}

function resolved({ traces = [] }: FigureNeeds, grid: readonly number[]): ResolvedNeed[] {
  return traces.map((need) => ({ ...need, sigmas: need.sigmas === 'grid' ? grid : need.sigmas }));
}

function isNeeded(trace: TraceUnstructuredResult, entry: TraceEntry, need: ResolvedNeed): boolean {
  return (
    trace.perturbation === need.perturbation &&
    trace.split === need.split &&
    ARTICLE_CRITERIA.includes(entry.criterion) &&
    need.topK.includes(entry.k) &&
    (entry.sigma === null || need.sigmas.includes(entry.sigma))
  );
}

function union(a: readonly number[], b: readonly number[]): number[] {
  return [...new Set([...a, ...b])].sort((x, y) => x - y);
}
