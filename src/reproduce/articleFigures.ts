import { SpurmemError } from '../errors.js';
import { union } from '../metrics/statistics.js';
import type { Figure, FigureNeeds, TraceNeed } from '../report/figure.js';
import { FIGURES } from '../report/figures.js';
import { inArticleOrder } from '../report/format.js';
import { nearestSentence } from '../settings/names.js';

/**
 * The figures and tables that one run gives, in the article's order. Heat maps compare two runs, and neurons of several models are no
 * repetitions of each other.
 */
export const OF_ONE_RUN: readonly Figure[] = FIGURES.filter(
  ({ needs: { others = [] } }) => !others.some(({ isMadeAlone }) => isMadeAlone === true),
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

function resolved({ traces = [] }: FigureNeeds, grid: readonly number[] | undefined): TraceNeed[] {
  return traces.map((need) => (need.isGrid === true && grid ? { ...need, sigmas: grid } : need));
}
