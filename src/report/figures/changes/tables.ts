import { DIFFERENCE } from '../../../experiments/overModels.js';
import type { TraceUnstructuredResult } from '../../../experiments/results.js';
import { type Neuron, placeText } from '../../../neurons/neuron.js';
import { type NullName, nullNamed } from '../../../neurons/nulls.js';
import { isDrawn } from '../../../neurons/perturbations.js';
import type { FigureRow } from '../../figure.js';
import {
  fixed,
  MISSING,
  percentText,
  plural,
  points,
  pointsRange,
  pointsSpread,
  probabilityPair,
  score,
  SPLIT_NAME,
} from '../../format.js';
import { type Groups, shortList, starNote } from '../../groupLabels.js';
import { boundColumns, estimateColumns, neuronColumn, randomColumns } from '../../rows.js';
import { numbers, type Part, type Table, texts } from '../../table.js';
import { traceNotes } from '../../traces/method.js';
import { type AdjustedTest, changeOfGroup, MARK, MARKED_P } from '../../traces/tests.js';
import {
  bracketed,
  type CriterionView,
  fewerSeeds,
  hasSpread,
  ownChange,
  PERTURBED,
  type Selection,
  selectionOf,
  selectionsOf,
  settingsNote,
  type TraceView,
} from './view.js';

/** The columns of a set of neurons, and of the neurons in it. */
const SET_COLUMNS = [...texts('criterion', 'chosen for'), ...numbers('k')];
const ADDED = 'neurons added, score';

/** A terminal's tables of a trace: changes, chosen neurons, and a table for each null. */
export function traceTables(view: TraceView, groups: Groups): Table[] {
  return [changeTable(view, groups), neuronTable(view, groups), ...nullTables(view, groups)];
}

/** The neurons that one criterion chose, with their scores, and the changes of every group under them. */
export function selectionTable(view: CriterionView, groups: Groups): Table {
  const { baseline, split, perturbation } = view.trace;
  return {
    caption: `Criterion ${view.criterion}, ${PERTURBED[perturbation].participle}${bracketed(settingsNote(view))}: change of ${SPLIT_NAME[split]} accuracy (points${hasSpread(view) ? ', ± 1 standard deviation over seeds' : ''})`,
    columns: [...numbers('Chosen for', 'k'), ...texts(ADDED), ...groupColumns(groups)],
    rows: view.selections.map(({ groups: chosenFor, entry, added }) => [
      shortList(chosenFor, groups),
      String(entry.k),
      scored(added),
      ...groups.map(({ index }) =>
        emphasised(
          pointsSpread(entry.change[index], entry.changeStd?.[index]),
          chosenFor.length === 1 && chosenFor[0] === index,
        ),
      ),
    ]),
    footer: [['before', '', '', ...groups.map(({ index }) => percentText(baseline.accuracy[index]))]],
  };
}

/** Signed change in points of every group's accuracy, for every set of neurons that was perturbed (article, Figs 2, 4 and 5). */
export function changeTable(view: TraceView, groups: Groups): Table {
  const { trace } = view;
  const { nullDraws } = trace;
  const isRandom = isDrawn(trace.perturbation);
  return {
    caption: `Change of ${SPLIT_NAME[trace.split]} accuracy in points, neurons ${PERTURBED[trace.perturbation].participle}`,
    columns: [...SET_COLUMNS, ...numbers(...(isRandom ? ['sigma'] : [])), ...groupColumns(groups)],
    rows: [
      [
        'before',
        ...(isRandom ? ['', '', ''] : ['', '']),
        ...groups.map(({ index }) => percentText(trace.baseline.accuracy[index])),
      ],
      ...selectionsOf(view).map((selection) => [
        ...setCells(selection, groups),
        ...(isRandom ? [String(selection.entry.sigma ?? MISSING)] : []),
        ...groups.map(({ index }) => {
          const { change, std, marked } = changeOfGroup(selection.entry, index);
          const text = `${pointsSpread(change, std)}${marked ? ` ${MARK}` : ''}`;
          return emphasised(text, selection.groups.includes(index));
        }),
      ]),
    ],
    notes: [
      namesNote(groups),
      ...(isRandom ? [seedsLine(trace)] : []),
      ...(nullDraws === 0
        ? []
        : [
            `${MARK} p <= ${MARKED_P} against up to ${plural(nullDraws, 'set')} of random neurons of the same layers, before correction`,
          ]),
      ...starNote(groups),
      ...traceNotes(trace),
    ],
  };
}

/** The neurons of every set, without those of the set before it that they are added to, each with its score. */
export function neuronTable(view: TraceView, groups: Groups): Table {
  const { trace } = view;
  return {
    caption: `The chosen, of ${trace.numNeurons} neurons; score: l2 norm; of gradient-x-weight, growth of the loss`,
    columns: [...SET_COLUMNS, ...texts(ADDED)],
    // The same neurons are perturbed with every standard deviation.
    rows: selectionsOf(view)
      .filter(({ entry }) => entry.sigma === trace.entries[0]?.sigma)
      .map((selection) => [...setCells(selection, groups), scored(selection.added)]),
    notes: [namesNote(groups), ...starNote(groups)],
  };
}

/** The article's claim as a test, a table for each null: minority minus majority, and each set's own group, beside random neurons. */
export function nullTables(view: TraceView, groups: Groups): Table[] {
  const hasDifferences = view.trace.entries.some(({ difference }) => difference);
  return hasDifferences ? view.nulls.map((null_) => nullTable(view, null_, groups)) : [];
}

function nullTable(view: TraceView, null_: NullName, groups: Groups): Table {
  const { trace } = view;
  const { words, asks } = nullNamed(null_);
  const hasSigmas = trace.entries.some(({ sigma }) => sigma !== null);
  return {
    caption: `Beside random neurons ${words} (${asks}), up to ${plural(trace.nullDraws, 'draw')}: minority minus majority change, and the change of the group that the neurons were chosen for. p is two-sided, p drop for a fall; in brackets after Holm’s correction over the figure.`,
    columns: [
      ...SET_COLUMNS,
      ...numbers(...(hasSigmas ? ['sigma'] : [])),
      ...numbers('minority − majority, points', 'random', 'p', 'p drop'),
      ...numbers('margin', 'random, margin', 'p, margin', 'p, loss'),
      ...numbers('own group, points', 'p, own', 'p, own margin'),
    ],
    rows: selectionsOf(view).map((selection) => {
      const { entry, groups: chosenFor, ofGroups, difference } = selection;
      const { accuracy, margin, loss } = difference[null_] ?? {};
      const [own] = chosenFor.length === 1 ? chosenFor : [];
      const ofOwn = own === undefined ? undefined : (ofGroups[own]?.[null_] ?? {});
      return [
        ...setCells(selection, groups),
        ...(hasSigmas ? [String(entry.sigma ?? MISSING)] : []),
        points(entry.difference?.accuracy),
        accuracy ? `${points(accuracy.mean)} ${pointsRange(accuracy.interval)}` : MISSING,
        adjustedText(accuracy),
        probabilityPair(accuracy?.pDrop, accuracy?.pDropHolm),
        fixed(entry.difference?.margin, 3),
        fixed(margin?.mean, 3),
        adjustedText(margin),
        adjustedText(loss),
        ...(ofOwn
          ? [points(ownChange(entry)), adjustedText(ofOwn.accuracy), adjustedText(ofOwn.margin)]
          : ['', '', '']),
      ];
    }),
    notes: starNote(groups),
  };
}

function setCells({ entry, groups: chosenFor }: Selection, groups: Groups): string[] {
  return [entry.criterion, shortList(chosenFor, groups), String(entry.k)];
}

function groupColumns(groups: Groups) {
  return numbers(...groups.map(({ short }) => short));
}

function adjustedText(test: AdjustedTest | undefined): string {
  return probabilityPair(test?.pValue, test?.pHolm);
}

function scored(neurons: readonly Neuron[]): Part {
  return { kind: 'list', items: neurons.map((neuron) => [placeText(neuron), score(neuron.score)]) };
}

function emphasised(text: string, isOwn: boolean): Part {
  return isOwn ? { kind: 'own', text } : text;
}

function seedsLine(trace: TraceUnstructuredResult): string {
  const { length } = trace.seeds;
  if (length === 1) return 'one seed';
  const fewer = fewerSeeds(trace).map(([criterion, count]) => ` (${criterion}: ${count})`);
  return `mean ± standard deviation over ${plural(length, 'seed')}${fewer.join('')}`;
}

function namesNote(groups: Groups): string {
  return groups.map(({ short, name }) => `${short} = ${name}`).join(', ');
}

/** The changes of each group, and of all minority examples minus all majority ones, under each set of neurons. */
export function traceRows(view: TraceView, groupNames: readonly string[]): FigureRow[] {
  const { perturbation, seeds, split, baseline, baselineMargin, entries } = view.trace;
  return entries.flatMap((entry) => {
    const { criterion, k, sigma, difference } = entry;
    const selection = selectionOf(view, entry);
    const set = { perturbation, sigma, seeds: seeds.length, split, criterion, chosenFor: entry.group, k };
    const neurons = neuronColumn(entry.neurons);
    const ofGroups = groupNames.map((name, group): FigureRow => ({
      ...set,
      group,
      name,
      examples: baseline.total[group] ?? null,
      baseline: baseline.accuracy[group] ?? null,
      baselineMargin: baselineMargin?.[group] ?? null,
      ...estimateColumns('accuracy', entry.accuracy[group], entry.accuracyInterval[group]),
      change: entry.change[group] ?? null,
      changeStd: entry.changeStd?.[group] ?? null,
      ...boundColumns('change', entry.changeInterval[group]),
      ...estimateColumns('marginChange', entry.margin[group], entry.marginInterval[group]),
      ...estimateColumns('lossChange', entry.loss[group], entry.lossInterval[group]),
      ...randomColumns(selection?.ofGroups[group] ?? {}),
      neurons,
    }));
    if (!difference) return ofGroups;
    // The same columns, of which some stay empty.
    const empty = Object.fromEntries(Object.keys(ofGroups[0] ?? {}).map((column) => [column, null]));
    const ofDifference = {
      ...empty,
      ...set,
      name: DIFFERENCE,
      change: difference.accuracy,
      marginChange: difference.margin,
      lossChange: difference.loss,
      ...randomColumns(selection?.difference ?? {}),
      neurons,
    };
    return [...ofGroups, ofDifference];
  });
}
