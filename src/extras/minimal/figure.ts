import { isDeepStrictEqual } from 'node:util';
import { MARKED_P } from '../../kit/columns.js';
import { type Figure, type OwnResult, ownResult } from '../../report/figure.js';
import {
  fixed,
  MISSING,
  percent,
  plural,
  points,
  probability,
  pText,
  typographic,
} from '../../report/format.js';
import { type GroupLabel, type Groups, starNote } from '../../report/groupLabels.js';
import { chartFigure, html, htmlTable } from '../../report/html/html.js';
import { tracedWeights, unitsText } from '../../report/measured.js';
import { neuronColumn } from '../../report/rows.js';
import { type Cell, groupCell, numbers, type Table } from '../../report/table.js';
import { NAMED_ROWS, quantitative } from '../../report/vega/axes.js';
import type { ChartSpec } from '../../report/vega/render.js';
import { fit } from '../../report/vega/textWidth.js';
import { INK, MAJORITY, MINORITY } from '../../report/vega/theme.js';
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
    const chart = { name: 'minimal', ...minimalDots(trace, groups) };
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
      charts: [chart],
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
          ${chartFigure(drawn(chart))}
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

/** Pixels of a row, of its label, and of its font. */
const [ROW, LABEL, FONT] = [44, 220, 13];

/** Neurons that each example needs: a circle for each number of neurons in a group, as large as it has examples; and medians. */
function minimalDots(trace: TraceMinimalResult, groups: Groups): ChartSpec {
  const { mostNeurons, examples } = trace;
  const shown = groups.filter(({ index }) => (trace.groups[index]?.examples ?? 0) > 0);
  const nameOf = (group: GroupLabel): string => fit(group.full, FONT, LABEL);
  const values = shown.flatMap((group) => {
    const counts = examples.filter((each) => each.group === group.index).map(({ count }) => count);
    return [...new Set(counts)].map((count) => {
      const same = counts.filter((one) => one === count).length;
      const tip = `${group.full}: ${plural(same, 'example')} with ${plural(count, 'neuron')}`;
      return { group: nameOf(group), count, examples: same, minority: group.minority, tip };
    });
  });
  const medians = shown.map((group) => {
    const median = trace.groups[group.index]?.median ?? Number.NaN;
    return { group: nameOf(group), median, tip: `${group.full}: median ${fixed(median, 1)}` };
  });
  const encoding = (field: string) => ({
    y: { ...NAMED_ROWS, field: 'group' },
    x: {
      ...quantitative(field),
      scale: { domainMin: 0, nice: true },
      axis: { title: 'neurons zeroed until the example is predicted wrong', tickMinStep: 1 },
    },
    description: { field: 'tip' },
  });
  return {
    label: `Dot chart of the neurons that examples of each group need: ${medians.map(({ tip }) => tip).join('; ')}`,
    spec: {
      title: {
        text: minimal.title,
        subtitle: [
          ['a circle: as large as it has examples; bar: median', ...starNote(groups)].join('; '),
          `examples that were right after ${mostNeurons} stand at ${mostNeurons}`,
        ],
      },
      width: 420,
      height: shown.length * ROW,
      layer: [
        {
          data: { values },
          mark: { type: 'circle', opacity: 0.7 },
          encoding: {
            ...encoding('count'),
            size: { ...quantitative('examples'), scale: { domainMin: 0, rangeMax: 600 }, legend: null },
            color: {
              condition: { test: 'datum.minority', value: MINORITY[0] },
              value: MAJORITY[0],
            },
          },
        },
        {
          data: { values: medians },
          mark: { type: 'tick', orient: 'vertical', color: INK, thickness: 3, size: 26 },
          encoding: encoding('median'),
        },
      ],
    },
  };
}
