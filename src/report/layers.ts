import type { LayerEntry, TraceStructuredResult } from '../experiments/results.js';
import { CRITERION_NAMES, type CriterionName } from '../neurons/criteria.js';

/** The part of a structured trace that one criterion chose: one chart of the article's Fig. 7. */
export interface LayerTrace {
  readonly criterion: CriterionName;
  readonly trace: TraceStructuredResult;
  readonly entries: readonly LayerEntry[];
  /** Numbers of zeroed neurons, ascending: one panel each. */
  readonly ks: readonly number[];
}

/** Splits a structured trace by criterion, in the order of `CRITERION_NAMES`; criteria without entries are left out. */
export function layersByCriterion(trace: TraceStructuredResult): LayerTrace[] {
  return CRITERION_NAMES.map((criterion) => {
    const entries = trace.entries.filter((entry) => entry.criterion === criterion);
    const ks = [...new Set(entries.map(({ k }) => k))].sort((a, b) => a - b);
    return { criterion, trace, entries, ks };
  }).filter(({ entries }) => entries.length > 0);
}

/** The entry with the largest |change| of a group in `groups`; the first in the model's order of equal ones. */
export function largestLayerChange(
  { entries }: Pick<LayerTrace, 'entries'>,
  groups: readonly number[],
): LayerEntry | undefined {
  return entries
    .filter(({ group, change }) => groups.includes(group) && Number.isFinite(change))
    .sort((a, b) => Math.abs(b.change) - Math.abs(a.change))[0];
}

/** The largest |change| in percentage points, the common end of the charts' colour scale; at least one point. */
export function layerExtent(traces: readonly LayerTrace[]): number {
  return traces
    .flatMap(({ entries }) => entries.map(({ change }) => 100 * Math.abs(change)))
    .filter(Number.isFinite)
    .reduce((max, size) => Math.max(max, size), 1);
}
