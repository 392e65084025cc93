import { SPLITS } from '../data/split.js';
import { comparisonName, OUTCOMES } from '../experiments/outcomes.js';
import { DIFFERENCE } from '../experiments/overModels.js';
import type {
  SetComparisons,
  TraceHeader,
  TraceOverlapResult,
  TraceStructuredResult,
  TraceUnstructuredResult,
} from '../experiments/results.js';
import type { CsvRow, Row } from '../kit/rows.js';
import { withHolm } from '../kit/summarize.js';
import type { Interval } from '../metrics/intervals.js';
import { CRITERIA } from '../neurons/criteria.js';
import { type NeuronPlace, placeText } from '../neurons/neuron.js';
import { NULL_NAMES, NULLS } from '../neurons/nulls.js';
import type { TrainingResult } from '../train/results.js';
import { capitalized } from './format.js';
import { EVERY_GROUP } from './settingsText.js';

// Results as rows: one measurement each, with its settings. Accuracies and their changes are fractions.

export function boundColumns(name: string, interval: Interval | null | undefined): CsvRow {
  return { [`${name}Low`]: interval?.[0] ?? null, [`${name}High`]: interval?.[1] ?? null };
}

/** A number with its interval: `x`, `xLow` and `xHigh`. */
export function estimateColumns(
  name: string,
  value: number | null | undefined,
  interval: Interval | null | undefined,
): CsvRow {
  return { [name]: value ?? null, ...boundColumns(name, interval) };
}

/** Starts of the columns that compare outcomes with random neurons. */
export const COMPARISONS = NULL_NAMES.flatMap((null_) =>
  OUTCOMES.map((outcome) => ({ null_, outcome, name: comparisonName(null_, outcome) })),
);

/**
 * Returns the comparison of a set of neurons with random ones: for each null and outcome the mean of the draws and their middle 95 %, the change beyond it, and
 * p-values, two-sided and for a drop.
 */
function comparedColumns(comparisons: SetComparisons | null, compared: number | 'difference'): Row {
  const columns = COMPARISONS.map(({ null_, outcome, name }): Row => {
    const ofNull = comparisons?.[null_];
    const test = (compared === 'difference' ? ofNull?.difference : ofNull?.groups[compared])?.[outcome];
    return {
      [`${name}Mean`]: test?.mean ?? null,
      ...boundColumns(name, test?.interval),
      [`${name}Draws`]: test?.draws ?? null,
      [`${name}Excess`]: test === undefined ? null : test.change - test.mean,
      [`${name}P`]: test?.pValue ?? null,
      [`${name}PDrop`]: test?.pDrop ?? null,
    };
  });
  return Object.assign({}, ...columns) as Row;
}

/** A row for each null that a set was compared with, in whose columns it is called `random`: `sameLayersMarginP` is `randomMarginP`. */
export function perNull(rows: readonly Row[]): Row[] {
  return NULLS.flatMap(({ name, words }) => {
    const own = COMPARISONS.filter(({ null_ }) => null_ === name);
    return rows
      .filter((row) => own.some((one) => typeof row[`${one.name}P`] === 'number'))
      .map((row): Row => {
        const columns = own.flatMap((one) =>
          Object.entries(row).flatMap(([column, value]) =>
            column.startsWith(one.name)
              ? [[`random${capitalized(one.outcome)}${column.slice(one.name.length)}`, value] as const]
              : [],
          ),
        );
        return { ...row, ...Object.fromEntries(columns), null: words };
      });
  });
}

/** The columns of one group before anything is perturbed. */
function before({ baseline, baselineMargin }: TraceHeader, group: number): Row {
  return {
    examples: baseline.total[group] ?? null,
    baseline: baseline.accuracy[group] ?? null,
    baselineMargin: baselineMargin?.[group] ?? null,
  };
}

/** What a row of neurons that a criterion chooses for every group says that they were chosen for. */
export function sharedSet(row: Row): Row {
  const known = CRITERIA.find(({ name }) => name === row.criterion);
  const dependsOnGroup = known?.dependsOnGroup ?? row.dependsOnGroup !== false;
  return dependsOnGroup ? row : { ...row, chosenFor: EVERY_GROUP };
}

/** Holm's correction over the rows of a figure: for each null and outcome, groups are one family and differences another, by trace. */
function corrected(rows: readonly Row[]): Row[] {
  const tests = {
    family: (row: Row) => JSON.stringify([row.perturbation, row.split, row.name === DIFFERENCE]),
    same: (row: Row) => {
      const { sigma, criterion, layer, chosenFor, k, group } = sharedSet(row);
      return [row.perturbation, row.split, sigma, criterion, layer, chosenFor, k, group];
    },
  };
  const columns = COMPARISONS.flatMap(({ name }) => [`${name}P`, `${name}PDrop`]);
  return withHolm(rows, columns, tests);
}

/** Changes of each group, and of all minority examples minus all majority ones, under each set of neurons. */
export function changeRows(traces: readonly TraceUnstructuredResult[], groupNames: readonly string[]): Row[] {
  const rows = traces.flatMap((trace) =>
    trace.entries.flatMap((entry): Row[] => {
      const { criterion, k, sigma, difference, comparisons } = entry;
      const { perturbation, seeds, split, nullDraws: draws } = trace;
      const drawn = { perturbation, sigma, seeds: seeds.length, draws, split };
      const own = trace.ownCriteria?.find(({ name }) => name === criterion);
      const depends = own && { dependsOnGroup: own.dependsOnGroup };
      const set = { ...drawn, criterion, ...depends, chosenFor: entry.group, k };
      const neurons = neuronColumn(entry.neurons);
      const measured = [...groupNames.entries()].filter(([group]) => trace.baseline.total[group] !== 0);
      const ofGroups = measured.map(([group, name]): Row => ({
        ...set,
        group,
        name,
        ...before(trace, group),
        ...estimateColumns('accuracy', entry.accuracy[group], entry.accuracyInterval[group]),
        ...estimateColumns('change', entry.change[group], entry.changeInterval[group]),
        changeStd: entry.changeStd?.[group] ?? null,
        ...estimateColumns('marginChange', entry.margin[group], entry.marginInterval[group]),
        ...estimateColumns('lossChange', entry.loss[group], entry.lossInterval[group]),
        ...comparedColumns(comparisons, group),
        neurons,
      }));
      if (!difference) return ofGroups;
      const ofAll: Row = {
        name: DIFFERENCE,
        change: difference.accuracy,
        marginChange: difference.margin,
        lossChange: difference.loss,
        ...comparedColumns(comparisons, 'difference'),
        neurons,
      };
      const empty = Object.fromEntries(Object.keys(ofGroups[0] ?? {}).map((column) => [column, null]));
      return [...ofGroups, { ...empty, ...set, ...ofAll }];
    }),
  );
  return corrected(rows);
}

/** The change of each group under the neurons of one layer that were chosen for it. */
export function layerRows(trace: TraceStructuredResult, groupNames: readonly string[]): Row[] {
  const rows = trace.entries.map((entry): Row => ({
    split: trace.split,
    draws: trace.nullDraws,
    criterion: entry.criterion,
    layer: entry.layer,
    k: entry.k,
    group: entry.group,
    name: groupNames[entry.group] ?? '',
    ...before(trace, entry.group),
    ...estimateColumns('accuracy', entry.accuracy, entry.accuracyInterval),
    ...estimateColumns('change', entry.change, entry.changeInterval),
    lost: entry.lost,
    gained: entry.gained,
    ...estimateColumns('marginChange', entry.margin, entry.marginInterval),
    ...estimateColumns('lossChange', entry.loss, entry.lossInterval),
    ...comparedColumns(entry.comparisons, entry.group),
    neurons: neuronColumn(entry.neurons),
  }));
  return corrected(rows);
}

/** Accuracy of each group and split. */
export function accuracyRows(result: TrainingResult, groupNames: readonly string[]): Row[] {
  return SPLITS.flatMap((split) =>
    groupNames.map((name, group): Row => {
      const { correct, total, accuracy, interval } = result[split];
      return {
        split,
        group,
        name,
        correct: correct[group] ?? null,
        total: total[group] ?? null,
        ...estimateColumns('accuracy', accuracy[group], interval[group]),
      };
    }),
  );
}

/** The rank of each neuron that one criterion chooses under another. */
export function rankRows({ entries }: TraceOverlapResult, groupNames: readonly string[]): Row[] {
  return entries.flatMap(({ reading, group, chosenBy, rankedBy, neurons }) =>
    neurons.map((neuron): Row => ({
      among: reading,
      group,
      name: groupNames[group] ?? '',
      chosenBy,
      rankedBy,
      neuron: placeText(neuron),
      score: neuron.score,
      percentile: neuron.percentile,
    })),
  );
}

/** Neurons by their places: `layer4.1.conv2[3] fc[0]`. */
export function neuronColumn(neurons: readonly NeuronPlace[]): string {
  return neurons.map(placeText).join(' ');
}
