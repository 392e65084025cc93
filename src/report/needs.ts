import type { TraceUnstructuredResult } from '../experiments/results.js';
import { ARTICLE_SIGMA } from '../experiments/traceSettings.js';
import type { TraceNeed } from './figure.js';

/**
 * The traces that a figure shows, and of these its numbers of neurons, or all if a trace has none of these; and one standard deviation, the
 * article's or the smallest, or all of a grid.
 */
export function neededTraces(
  traces: readonly TraceUnstructuredResult[],
  needs: readonly TraceNeed[],
): TraceUnstructuredResult[] {
  return needs.flatMap(({ perturbation, split, topK, isGrid }) =>
    traces
      .filter((trace) => trace.perturbation === perturbation && trace.split === split)
      .map((trace) => {
        const ofK = trace.entries.filter(({ k }) => topK.includes(k));
        const entries = ofK.length > 0 ? ofK : trace.entries;
        const sigmas = entries.map(({ sigma }) => sigma ?? 0);
        const shown = sigmas.includes(ARTICLE_SIGMA) ? ARTICLE_SIGMA : Math.min(...sigmas);
        return {
          ...trace,
          entries: entries.filter(({ sigma }) => isGrid === true || (sigma ?? 0) === shown || sigma === null),
        };
      }),
  );
}
