import type { ControlsHeader } from '../../experiments/results.js';
import type { TraceUnstructuredResult } from '../../experiments/results.js';
import { isDrawn } from '../../neurons/perturbations.js';
import type { Neuron } from '../../neurons/neuron.js';
import { MISSING, percentText, plural, pointsSpread, score, SPLIT_NAME, traceNotes } from '../format.js';
import { shortList, starNote, type GroupLabel } from '../views/groupLabels.js';
import { changeOfGroup, MARK, MARKED_P } from '../views/measuredChange.js';
import { settingsNote, hasSpread, PERTURBED } from '../views/perturbation.js';
import { byCriterion, type CriterionTrace } from '../views/selections.js';
import type { Part, Table } from './table.js';

/** The neurons that one criterion chose, with their scores, and what perturbing them changed for every group. */
export function selectionTable(view: CriterionTrace, groups: readonly GroupLabel[]): Table {
  const { baseline, split, perturbation } = view.trace;
  const note = settingsNote(view);
  const what = `${PERTURBED[perturbation].state}${note === '' ? '' : ` (${note})`}`;
  return {
    caption: `Criterion ${view.criterion}, ${what}: change of ${SPLIT_NAME[split]} accuracy (points${hasSpread(view) ? ', ± 1 standard deviation over seeds' : ''})`,
    columns: [
      { name: 'Chosen for' },
      { name: 'k' },
      { name: 'neurons added, score', text: true },
      ...groups.map(({ short }) => ({ name: short })),
    ],
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

/**
 * Signed change in points of every group's accuracy, for every set of neurons that was perturbed (article, Figs 2, 4
 * and 5), under those accuracies before. Random perturbations add a column for their standard deviation.
 */
export function changeTable(trace: TraceUnstructuredResult, groups: readonly GroupLabel[]): Table {
  const isRandom = isDrawn(trace.perturbation);
  const empty = isRandom ? ['', '', ''] : ['', ''];
  return {
    caption: `Change of ${SPLIT_NAME[trace.split]} accuracy in points, neurons ${PERTURBED[trace.perturbation].state}`,
    columns: [
      { name: 'criterion', text: true },
      { name: 'chosen for', text: true },
      { name: 'k' },
      ...(isRandom ? [{ name: 'sigma' }] : []),
      ...groups.map(({ short }) => ({ name: short })),
    ],
    rows: [
      ['before', ...empty, ...groups.map(({ index }) => percentText(trace.baseline.accuracy[index]))],
      ...selections(trace).map(({ criterion, groups: chosenFor, entry }) => [
        criterion,
        shortList(chosenFor, groups),
        String(entry.k),
        ...(isRandom ? [String(entry.sigma ?? MISSING)] : []),
        ...groups.map(({ index }) => {
          const { change, std, marked } = changeOfGroup(entry, index);
          return emphasised(
            `${pointsSpread(change, std)}${marked ? ` ${MARK}` : ''}`,
            chosenFor.includes(index),
          );
        }),
      ]),
    ],
    notes: [
      names(groups),
      ...(isRandom ? [seedsLine(trace)] : []),
      ...(trace.controls ? [controlsLine(trace.controls)] : []),
      ...starNote(groups),
      ...traceNotes(trace),
    ],
  };
}

/** The neurons of every set, without those of the set before it that they are added to, each with its score. */
export function neuronTable(trace: TraceUnstructuredResult, groups: readonly GroupLabel[]): Table {
  return {
    caption: `The chosen, of ${trace.numNeurons} neurons; score: l2 norm`,
    columns: [
      { name: 'criterion', text: true },
      { name: 'chosen for', text: true },
      { name: 'k' },
      { name: 'neurons added, score', text: true },
    ],
    // The same neurons are perturbed with every standard deviation.
    rows: selections(trace)
      .filter(({ entry }) => entry.sigma === trace.entries[0]?.sigma)
      .map(({ criterion, groups: chosenFor, entry, added }) => [
        criterion,
        shortList(chosenFor, groups),
        String(entry.k),
        scored(added),
      ]),
    notes: [names(groups), ...starNote(groups)],
  };
}

function selections(trace: TraceUnstructuredResult) {
  return byCriterion([trace]).flatMap((view) =>
    view.selections.map((selection) => ({ criterion: view.criterion, ...selection })),
  );
}

function scored(neurons: readonly Neuron[]): Part {
  return {
    kind: 'list',
    items: neurons.map((neuron) => [`${neuron.layer}[${neuron.index}]`, score(neuron.score)]),
  };
}

function emphasised(text: string, isOwn: boolean): Part {
  return isOwn ? { kind: 'own', text } : text;
}

function seedsLine({ seeds, repeats = {} }: TraceUnstructuredResult): string {
  if (seeds.length === 1) return 'one seed';
  const fewer = Object.entries(repeats)
    .filter(([, count]) => count < seeds.length)
    .map(([criterion, count]) => ` (${criterion}: ${count})`);
  return `mean ± standard deviation over ${plural(seeds.length, 'seed')}${fewer.join('')}`;
}

function controlsLine({ draws }: ControlsHeader): string {
  return `${MARK} p <= ${MARKED_P} against up to ${plural(draws, 'set')} of random neurons of the same layers, before correction`;
}

function names(groups: readonly GroupLabel[]): string {
  return groups.map(({ short, name }) => `${short} = ${name}`).join(', ');
}
