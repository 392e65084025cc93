import { isDeepStrictEqual } from 'node:util';
import { MARKED_P } from '../../kit/columns.js';
import type { Row } from '../../kit/rows.js';
import { dots } from '../../report/chart.js';
import { type Figure, type OwnResult, ownResult } from '../../report/figure.js';
import { fixed, MISSING, percent, points, probability, pText, typographic } from '../../report/format.js';
import { type Groups, starNote } from '../../report/groupLabels.js';
import { chartFigure, html, htmlTable } from '../../report/html/html.js';
import { tracedWeights, unitsText } from '../../report/measured.js';
import { neuronColumn } from '../../report/rows.js';
import { type Cell, groupCell, numbers, type Table } from '../../report/table.js';
import { MINIMAL_SETTINGS, minimalSchema, type MinimalSummary, type TraceMinimalResult } from './result.js';

/** A trace of these weights that is there is taken, however many examples were tried. */
const own: OwnResult<TraceMinimalResult> = {
  name: 'trace-minimal',
  schema: minimalSchema,
  settings: MINIMAL_SETTINGS,
  step: 'trace: minimal neurons',
  isCurrent: ({ loss, precision }, { header }) =>
    loss === header.loss && isDeepStrictEqual(precision, header.precision),
  make: async (session) => (await import('./trace.js')).traceMinimalIn(session, {}),
};

/** How few neurons hold a training example (Maini et al. 2023), of minority and majority groups. */
export const minimal: Figure = {
  name: 'minimal',
  title: 'Neurons without which an example is forgotten',
  beyondArticle: true,
  needs: {},
  own,
  show: (source, groups) => {
    const trace = ownResult(source, own);
    if (!trace) return undefined;
    const table = minimalTable(trace, groups);
    // Of each group the median, with a dot an example.
    const charts = dots(
      groups.flatMap(({ index }): Row[] => {
        const counts = trace.examples.filter(({ group }) => group === index).map(({ count }) => count);
        const median = trace.groups[index]?.median ?? null;
        return counts.length === 0 ? [] : [{ group: index, needed: median, neededValues: counts }];
      }),
      {
        name: 'minimal',
        title: 'Neurons zeroed until an example is predicted wrong, and their median',
        notes: [`examples that were right after ${trace.mostNeurons} stand at ${trace.mostNeurons}`],
        groups,
        down: ['group'],
        x: 'needed',
      },
    );
    const { groupNames } = source.dataset;
    const section = {
      id: 'minimal',
      title: minimal.title,
      verdict: minimalVerdict(trace),
      tables: [table],
      data: {
        name: 'minimal',
        rows: trace.examples.map(({ group, filename, count, flipped, neurons, loss, reference }) => ({
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
        })),
      },
    };
    if (trace.examples.length === 0) return section;
    return {
      ...section,
      charts,
      prose: (drawn) =>
        html`<p>
            Not in the article; after Maini et al.,
            <cite>Can Neural Network Memorization Be Localized?</cite> (2023). For each of at most
            ${trace.examplesPerGroup} training examples of a group that are predicted right (seed
            ${trace.seed}), the neuron of ${unitsText(trace)} whose zeroing raises the example’s loss most,
            beside the mean loss of ${trace.referenceSize} others, is zeroed, and again under those that are
            zeroed already, until the example is predicted wrong, or ${trace.mostNeurons} are. The product of
            gradient and weights chooses each neuron.
          </p>
          ${charts.map((chart) => chartFigure(drawn(chart)))}
          <p class="note">${typographic(comparisonText(trace))}</p>
          <p class="note">
            The search is greedy: fewer neurons may do. An example that the model is all but sure of has next
            to no gradient, so that the others’ losses choose its first neurons, and it needs more of them.
            ${tracedWeights(trace.checkpoint)}
          </p>
          ${htmlTable(table)}`,
    };
  },
};

function unitOf({ unit }: TraceMinimalResult): string {
  return unit === 'weight' ? 'weights' : 'neurons';
}

/** How many neurons an example of each group needs. */
export function minimalTable(trace: TraceMinimalResult, groups: Groups): Table {
  const { mostNeurons, referenceSize, comparison } = trace;
  return {
    caption: `Zeroed ${unitOf(trace)} after which a training example that was predicted right is predicted wrong; one that was not after ${mostNeurons} counts as ${mostNeurons}.`,
    columns: [
      ...numbers('Group', 'examples'),
      { name: 'flipped', explanation: 'Flipped: share of the examples in percent.' },
      ...numbers('median', 'mean'),
      { name: '95 % interval', explanation: 'Interval: of the mean over the examples, by Student’s t.' },
      {
        name: 'others',
        explanation: `Others: mean change of the accuracy on ${referenceSize} reference examples in points.`,
      },
    ],
    rows: groups.flatMap((group) => {
      const summary = trace.groups[group.index];
      return summary ? [[groupCell(group), ...summaryCells(summary)]] : [];
    }),
    footer: comparison
      ? (['minority', 'majority'] as const).map((kind) => [kind, ...summaryCells(comparison[kind])])
      : [],
    notes: [comparisonText(trace), ...starNote(groups)].filter((note) => note !== ''),
  };
}

function summaryCells({
  examples,
  flipped,
  median,
  mean,
  interval,
  referenceChange,
}: MinimalSummary): Cell[] {
  return [
    String(examples),
    percent(flipped),
    fixed(median, 1),
    fixed(mean, 1),
    interval ? `[${interval.map((end) => fixed(end, 1)).join(', ')}]` : MISSING,
    points(referenceChange),
  ];
}

/** The comparison in two sentences; empty if there is none. */
function comparisonText({ comparison }: TraceMinimalResult): string {
  if (!comparison) return '';
  const { minority, majority, difference, u, pValue, probabilityFewer } = comparison;
  return (
    `Minority against majority: median ${fixed(minority.median, 1)} against ${fixed(majority.median, 1)}, difference ${fixed(difference, 1)}; ` +
    `Mann-Whitney U = ${u}, p = ${probability(pValue)} over the examples of this one model. ` +
    `A minority example needs fewer with probability ${fixed(probabilityFewer, 2)}, a tie counting a half.`
  );
}

/** Whether minority examples hang on fewer neurons than majority ones. */
export function minimalVerdict(trace: TraceMinimalResult): string[] {
  if (!trace.comparison) return [];
  const { minority, majority, pValue, probabilityFewer } = trace.comparison;
  const need = probabilityFewer > 0.5 ? 'need fewer' : 'need more';
  return [
    `Minority examples ${pValue > MARKED_P ? 'are not shown to need fewer' : need} ${unitOf(trace)} than majority ones: median ${fixed(minority.median, 1)} against ${fixed(majority.median, 1)}, ${pText(pValue)} over the examples of this one model.`,
  ];
}
