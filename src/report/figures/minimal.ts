import type { MinimalSummary, TraceMinimalResult } from '../../experiments/minimal.js';
import { minimalNeurons } from '../../experiments/traces.js';
import { fixed, MARKED_P, probability } from '../../kit/columns.js';
import { csvRows, type Row } from '../../kit/rows.js';
import { list, type Table } from '../../kit/table.js';
import { dots } from '../chart.js';
import { type Figure, resultOf } from '../figure.js';
import { pText } from '../format.js';
import { type Groups, starNote } from '../groupLabels.js';
import { chartFigure, html, htmlTable } from '../html/html.js';
import { tracedWeights, unitsText } from '../measured.js';
import { neuronColumn } from '../rows.js';

/** How few neurons hold a training example (Maini et al. 2023), of minority and majority groups. */
export const minimal: Figure = {
  name: 'minimal',
  title: 'Neurons without which an example is forgotten',
  beyondArticle: true,
  needs: { others: [minimalNeurons] },
  show: (source, groups) => {
    const made = resultOf(source, minimalNeurons);
    if (!made) return undefined;
    const charts = dots(summaryRows(made), {
      name: 'minimal',
      title: 'Neurons that examples need',
      groups,
      down: ['group'],
      x: 'needed',
      notes: [
        'small dots: examples; large: median',
        `examples that were right after ${made.maxNeurons} stand at ${made.maxNeurons}`,
      ],
    });
    const tables = minimalTables(made, groups);
    const section = {
      id: 'minimal',
      title: minimal.title,
      verdict: minimalVerdict(made),
      tables,
      data: { name: 'minimal', rows: csvRows(exampleRows(made, source.dataset.groupNames)) },
    };
    if (made.examples.length === 0) return section;
    return {
      ...section,
      charts,
      prose: (drawn) =>
        html`<p>
            Not in the article; after Maini et al.,
            <cite>Can Neural Network Memorization Be Localized?</cite> (2023). For each of at most
            ${made.examplesPerGroup} training examples of a group that are predicted right (seed
            ${made.seed}), the neuron of ${unitsText(made)} whose zeroing raises the example’s loss most,
            relative to the mean loss of ${made.referenceSize} others, is zeroed. The search repeats with
            those neurons zeroed until the example is predicted wrong or ${made.maxNeurons} are zeroed. The
            product of gradient and weights chooses each neuron.
          </p>
          ${charts.map((chart) => chartFigure(drawn(chart)))}
          <p class="note">
            The search is greedy: fewer neurons may do. An example that the model is all but sure of has next
            to no gradient, so that the others’ losses choose its first neurons, and it needs more of them.
            ${tracedWeights(made.checkpoint)}
          </p>
          ${tables.map(htmlTable)}`,
    };
  },
};

function exampleRows({ examples }: TraceMinimalResult, groupNames: readonly string[]): Row[] {
  return examples.map(({ group, filename, count, flipped, neurons, loss, reference }) => ({
    group,
    name: groupNames[group] ?? '',
    filename,
    count,
    flipped: flipped ? 'yes' : 'no',
    lossBefore: loss.before,
    lossAfter: loss.after,
    referenceAccuracyBefore: reference.before.accuracy,
    referenceLossBefore: reference.before.loss,
    referenceAccuracyAfter: reference.after.accuracy,
    referenceLossAfter: reference.after.loss,
    neurons: neuronColumn(neurons),
  }));
}

/** A row per group. */
function summaryRows({ groups, examples }: TraceMinimalResult): Row[] {
  return groups.map((summary, group) => ({
    group,
    ...summaryOf(summary),
    neededValues: examples.filter((one) => one.group === group).map(({ count }) => count),
  }));
}

function summaryOf({ examples, flipped, median, mean, interval, referenceChange }: MinimalSummary): Row {
  return {
    total: examples,
    flipped,
    needed: median,
    neededMean: mean,
    neededMeanLow: interval?.[0] ?? null,
    neededMeanHigh: interval?.[1] ?? null,
    change: referenceChange,
  };
}

/** How many neurons an example of each group needs, and of each kind of group. */
export function minimalTables(trace: TraceMinimalResult, groups: Groups): Table[] {
  const { maxNeurons, referenceSize, comparison } = trace;
  const kinds = comparison
    ? (['minority', 'majority'] as const).map((kind) => ({ kind, ...summaryOf(comparison[kind]) }))
    : [];
  return list(
    [...summaryRows(trace), ...kinds],
    ['group', 'kind', 'total', 'flipped', 'needed', 'neededMean', 'change'],
    {
      caption: `Zeroed ${unitOf(trace)} after which a training example that was predicted right is predicted wrong; one that was not after ${maxNeurons} counts as ${maxNeurons}. Intervals: of the mean over the examples, by Student’s t. Change: of the accuracy on ${referenceSize} other examples.`,
      notes: starNote(groups),
      groupName: (group) => groups[group]?.full ?? `G${group}`,
    },
  );
}

function unitOf({ unit }: TraceMinimalResult): string {
  return unit === 'weight' ? 'weights' : 'neurons';
}

/** Whether minority examples hang on fewer neurons than majority ones. */
export function minimalVerdict(trace: TraceMinimalResult): string[] {
  if (!trace.comparison) return [];
  const { minority, majority, u, pValue, probabilityFewer } = trace.comparison;
  const need = probabilityFewer > 0.5 ? 'need fewer' : 'need more';
  return [
    `Minority examples ${pValue > MARKED_P ? 'are not shown to need fewer' : need} ${unitOf(trace)} than majority ones: median ${fixed(minority.median, 1)} against ${fixed(majority.median, 1)}, ${pText(pValue)} over the examples of this one model.`,
    `Mann-Whitney U = ${u}, p = ${probability(pValue)}; a minority example needs fewer with probability ${fixed(probabilityFewer, 2)}, a tie counting a half.`,
  ];
}
