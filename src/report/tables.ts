import Table from 'cli-table3';

import { SPLITS } from '../data/split.js';
import type { ControlsHeader } from '../experiments/controls.js';
import type { TraceUnstructuredResult } from '../experiments/results.js';
import type { GroupAccuracies } from '../metrics/groups.js';
import type { TrainingResult } from '../train/metrics.js';
import { MISSING, percent, plural, points, score, SPLIT_NAME } from './format.js';
import { changeOfGroup, MARK, MARKED_P } from './measuredChange.js';
import { groupLabels, shortList, type GroupLabel } from './groups.js';
import { PERTURBED } from './perturbation.js';
import { byCriterion } from './selections.js';

/** How tables are printed. */
export interface TableOptions {
  /** Whether the output is a terminal that shows colours; without, the text holds no escape codes. */
  readonly color: boolean;
}

type Cell = Table.Cell;

/**
 * Accuracy in percent of each group on every split, with correct/all samples, and the gap of training minus test in
 * points (article, Fig. 1).
 */
export function groupTable(
  result: TrainingResult,
  groupNames: readonly string[],
  minorityGroups: readonly number[],
  options: TableOptions,
): string {
  const groups = groupLabels(groupNames, minorityGroups);
  const row = (
    name: string,
    cell: (split: GroupAccuracies) => string,
    value: (split: GroupAccuracies) => number,
  ) => [
    name,
    ...SPLITS.map((split) => cell(result[split])),
    points(value(result.train) - value(result.test)),
  ];
  const summary = (name: string, value: (split: GroupAccuracies) => number) =>
    row(name, (split) => percentSign(value(split)), value);
  return render(
    ['group', ...SPLITS.map((split) => SPLIT_NAME[split]), 'train - test'],
    [
      ...groups.map((group) =>
        row(
          mark(group, group.full, options),
          (split) => percentSign(at(split.accuracy, group.index)) + counts(split, group.index),
          (split) => at(split.accuracy, group.index),
        ),
      ),
      summary('worst group', (split) => split.worstGroupAccuracy),
      summary('average over the split', (split) => split.average),
      summary('training-ratio weighted average', (split) => split.trainWeightedAverage),
    ],
    options,
    [
      result.epochs === 0
        ? 'checkpoint: the only one'
        : `checkpoint: epoch ${result.bestEpoch} of ${result.epochs}, ${result.select === 'last' ? 'the last one' : 'best validation worst-group accuracy'}`,
      star(groups),
    ],
  );
}

/**
 * Signed change in points of every group's accuracy, for every set of neurons that was perturbed (article, Figs 2, 4
 * and 5), with the accuracies before as the first row. Random perturbations add a column for their standard deviation.
 */
export function changeTable(
  trace: TraceUnstructuredResult,
  groupNames: readonly string[],
  minorityGroups: readonly number[],
  options: TableOptions,
): string {
  const groups = groupLabels(groupNames, minorityGroups);
  const isRandom = trace.perturbation !== 'zero';
  return render(
    ['criterion', 'chosen for', 'k', ...(isRandom ? ['sigma'] : []), ...groups.map(({ short }) => short)],
    [
      [
        'before',
        '',
        '',
        ...(isRandom ? [''] : []),
        ...groups.map(({ index }) => percentSign(at(trace.baseline.accuracy, index))),
      ],
      ...selections(trace).map(({ criterion, groups: chosenFor, entry }) => [
        criterion,
        shortList(chosenFor, groups),
        String(entry.k),
        ...(isRandom ? [String(entry.sigma ?? MISSING)] : []),
        ...groups.map(({ index }) => {
          const { change, std, marked } = changeOfGroup(entry, index);
          const text = `${points(change)}${std === undefined ? '' : ` ± ${percent(std)}`}${marked ? ` ${MARK}` : ''}`;
          return chosenFor.includes(index) ? bold(text, options) : text;
        }),
      ]),
    ],
    options,
    [
      `change of ${SPLIT_NAME[trace.split]} accuracy in points, neurons ${PERTURBED[trace.perturbation].state}; ${names(groups)}`,
      isRandom ? seedsLine(trace) : '',
      trace.controls ? controlsLine(trace.controls) : '',
      star(groups),
    ],
  );
}

/** The neurons of every set, without those of the set before it that they are added to, as layer[channel], each with its score, one neuron a line. */
export function neuronTable(
  trace: TraceUnstructuredResult,
  groupNames: readonly string[],
  minorityGroups: readonly number[],
  options: TableOptions,
): string {
  const groups = groupLabels(groupNames, minorityGroups);
  return render(
    ['criterion', 'chosen for', 'k', 'neurons added', 'score'],
    // The same neurons are perturbed with every standard deviation.
    selections(trace)
      .filter(({ entry }) => entry.sigma === trace.entries[0]?.sigma)
      .map(({ criterion, groups: chosenFor, entry, added }) => [
        criterion,
        shortList(chosenFor, groups),
        String(entry.k),
        { content: added.map(({ layer, index }) => `${layer}[${index}]`).join('\n'), hAlign: 'left' },
        added.map((neuron) => score(neuron.score)).join('\n'),
      ]),
    options,
    [`of ${trace.numNeurons} neurons; score: l2 norm; ${names(groups)}`, star(groups)],
  );
}

function seedsLine({ seeds, repeats = {} }: TraceUnstructuredResult): string {
  if (seeds.length === 1) return 'one seed';
  const fewer = Object.entries(repeats)
    .filter(([, count]) => count < seeds.length)
    .map(([criterion, count]) => ` (${criterion}: ${count})`);
  return `mean ± standard deviation over ${plural(seeds.length, 'seed')}${fewer.join('')}`;
}

function controlsLine({ draws }: ControlsHeader): string {
  return `${MARK} p <= ${MARKED_P} against ${plural(draws, 'set')} of random neurons of the same layers`;
}

function selections(trace: TraceUnstructuredResult) {
  return byCriterion([trace]).flatMap((view) =>
    view.selections.map((selection) => ({ criterion: view.criterion, ...selection })),
  );
}

function render(head: string[], rows: Cell[][], options: TableOptions, notes: readonly string[]): string {
  const table = new Table({
    head: head.map((text) => bold(text, options)),
    colAligns: head.map((text, column) => (column === 0 || text === 'chosen for' ? 'left' : 'right')),
    // The library's own colours do not ask whether the output is a terminal.
    style: { head: [], border: [], compact: true },
  });
  table.push(...rows);
  return [table.toString(), ...notes.filter((note) => note !== '')].join('\n');
}

function at(values: readonly number[], index: number): number {
  return values[index] ?? Number.NaN;
}

function percentSign(fraction: number): string {
  const text = percent(fraction);
  return text === MISSING ? text : `${text}%`;
}

function counts(split: GroupAccuracies, group: number): string {
  return ` (${split.correct[group] ?? MISSING}/${split.total[group] ?? MISSING})`;
}

function names(groups: readonly GroupLabel[]): string {
  return groups.map(({ short, name }) => `${short} = ${name}`).join(', ');
}

function star(groups: readonly GroupLabel[]): string {
  return groups.some(({ minority }) => minority) ? '* minority group' : '';
}

function mark(group: GroupLabel, text: string, { color }: TableOptions): string {
  return color && group.minority ? `\u001b[33m${text}\u001b[39m` : text;
}

function bold(text: string, { color }: TableOptions): string {
  return color ? `\u001b[1m${text}\u001b[22m` : text;
}
