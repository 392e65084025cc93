import type {
  LayerEntry,
  TraceEntry,
  TraceOverlapResult,
  TraceStructuredResult,
  TraceUnstructuredResult,
} from '../experiments/results.js';
import type { Interval } from '../metrics/bootstrap.js';
import type { Neuron } from '../neurons/neuron.js';
import { SPLITS } from '../data/split.js';
import type { NullDistribution } from '../experiments/controls.js';
import type { TrainingResult } from '../train/metrics.js';
import type { TraceNeed } from './articleFigures.js';

/** A row of a figure's CSV: one measurement, with its settings. Accuracies and changes are fractions. */
export type FigureRow = Readonly<Record<string, string | number | null>>;

/** Fig. 1: every group's accuracy on every split. */
export function accuracyRows(erm: TrainingResult, groupNames: readonly string[]): FigureRow[] {
  return SPLITS.flatMap((split) =>
    groupNames.map((name, group) => {
      const { correct, total, accuracy, interval } = erm[split];
      return {
        split,
        group,
        name,
        correct: correct[group] ?? null,
        total: total[group] ?? null,
        accuracy: accuracy[group] ?? null,
        ...bounds('accuracy', interval[group]),
      };
    }),
  );
}

/** Whether an entry belongs to a need, which may be one of several that a trace covers. */
export function isNeeded(trace: TraceUnstructuredResult, entry: TraceEntry, need: TraceNeed): boolean {
  return (
    trace.perturbation === need.perturbation &&
    trace.split === need.split &&
    need.topK.includes(entry.k) &&
    (entry.sigma === null || need.sigmas.includes(entry.sigma))
  );
}

/** Figs 2, 4, 5, 11, 12 and Tables 3, 11, 13, 14: what each set of neurons did to each group. */
export function traceRows(
  traces: readonly TraceUnstructuredResult[],
  needs: readonly TraceNeed[],
  groupNames: readonly string[],
): FigureRow[] {
  return traces.flatMap((trace) =>
    trace.entries
      .filter((entry) => needs.some((need) => isNeeded(trace, entry, need)))
      .flatMap((entry) => groupNames.map((name, group) => traceRow(trace, entry, group, name))),
  );
}

function traceRow(trace: TraceUnstructuredResult, entry: TraceEntry, group: number, name: string): FigureRow {
  return {
    perturbation: trace.perturbation,
    sigma: entry.sigma,
    seeds: trace.seeds.length,
    split: trace.split,
    criterion: entry.criterion,
    chosenFor: entry.group,
    k: entry.k,
    group,
    name,
    baseline: trace.baseline.accuracy[group] ?? null,
    accuracy: entry.accuracy[group] ?? null,
    ...bounds('accuracy', entry.accuracyInterval[group]),
    change: entry.change[group] ?? null,
    changeStd: entry.changeStd?.[group] ?? null,
    ...bounds('change', entry.changeInterval[group]),
    ...random(entry.controls?.[group]),
    neurons: places(entry.neurons),
  };
}

/** Fig. 7: what each layer's neurons did to the group they were chosen for. */
export function layerRows(trace: TraceStructuredResult, groupNames: readonly string[]): FigureRow[] {
  return trace.entries.map((entry: LayerEntry) => ({
    split: trace.split,
    criterion: entry.criterion,
    layer: entry.layer,
    k: entry.k,
    group: entry.group,
    name: groupNames[entry.group] ?? '',
    baseline: trace.baseline.accuracy[entry.group] ?? null,
    accuracy: entry.accuracy,
    ...bounds('accuracy', entry.accuracyInterval),
    change: entry.change,
    ...bounds('change', entry.changeInterval),
    lost: entry.lost,
    gained: entry.gained,
    ...random(entry.controls),
    neurons: places(entry.neurons),
  }));
}

/** Fig. 3: the percentile rank of each chosen neuron under the other criterion. */
export function overlapRows(overlap: TraceOverlapResult, groupNames: readonly string[]): FigureRow[] {
  return overlap.entries.flatMap(({ group, chosenBy, rankedBy, neurons }) =>
    neurons.map(({ layer, index, score, percentile }) => ({
      group,
      name: groupNames[group] ?? '',
      chosenBy,
      rankedBy,
      neuron: `${layer}[${index}]`,
      score,
      percentile,
    })),
  );
}

function bounds(name: string, interval: Interval | undefined): FigureRow {
  return { [`${name}Low`]: interval?.[0] ?? null, [`${name}High`]: interval?.[1] ?? null };
}

function random(controls: NullDistribution | null | undefined): FigureRow {
  return {
    randomMean: controls?.mean ?? null,
    randomLow: controls?.interval[0] ?? null,
    randomHigh: controls?.interval[1] ?? null,
    pValue: controls?.pValue ?? null,
  };
}

function places(neurons: readonly Neuron[]): string {
  return neurons.map(({ layer, index }) => `${layer}[${index}]`).join(' ');
}
