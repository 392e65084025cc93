import type { LayerEntry, TraceStructuredResult } from '../../../experiments/results.js';
import { CRITERION_NAMES, type CriterionName } from '../../../neurons/criteria.js';
import {
  adjustByHolm,
  type AdjustedTest,
  ascending,
  largestBy,
  type Tests,
  testsOf,
} from '../../traces/tests.js';

/** A cell of Fig. 7: a layer's neurons, and the group that they were chosen for, beside random neurons of the layer. */
export interface LayerCell extends LayerEntry {
  readonly tests: Tests<AdjustedTest>;
}

/** The part of a structured trace that one criterion chose: one chart of the article's Fig. 7. */
export interface LayerView {
  readonly criterion: CriterionName;
  readonly trace: TraceStructuredResult;
  readonly entries: readonly LayerEntry[];
  /** Numbers of zeroed neurons, ascending: one panel each. */
  readonly ks: readonly number[];
}

/** Splits a structured trace by criterion, in the order of `CRITERION_NAMES`; criteria without entries are left out. */
export function layersByCriterion(trace: TraceStructuredResult): LayerView[] {
  return CRITERION_NAMES.map((criterion) => {
    const entries = trace.entries.filter((entry) => entry.criterion === criterion);
    return { criterion, trace, entries, ks: ascending(entries.map(({ k }) => k)) };
  }).filter(({ entries }) => entries.length > 0);
}

/** The cells with their tests, adjusted by Holm: for each null and outcome, all cells of the trace are one family. */
export function layerCells({ entries }: TraceStructuredResult): LayerCell[] {
  const tests = adjustByHolm(entries.map((entry) => testsOf(entry.comparisons, entry.group)));
  return entries.map((entry, at) => ({ ...entry, tests: tests[at] ?? {} }));
}

/** The entry with the largest |change| of a group in `groups`; the first in the model's order of equal ones. */
export function largestLayerChange(
  { entries }: Pick<LayerView, 'entries'>,
  groups: readonly number[],
): LayerEntry | undefined {
  return largestBy(
    entries.filter(({ group }) => groups.includes(group)),
    ({ change }) => change,
  );
}

/** The largest |change| in percentage points, the common end of the charts' colour scale; at least one point. */
export function layerExtent({ entries }: Pick<TraceStructuredResult, 'entries'>): number {
  return Math.max(1, ...entries.map(({ change }) => 100 * Math.abs(change)).filter(Number.isFinite));
}
