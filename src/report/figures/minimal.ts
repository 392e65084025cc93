import type {
  MinimalExample,
  MinimalSummary,
  TraceMinimalResult,
} from '../../experiments/traceMinimalResult.js';
import { MARKED_P } from '../../kit/columns.js';
import type { Figure, FigureRow } from '../figure.js';
import { fixed, MISSING, percent, plural, points, probability, pText, typographic } from '../format.js';
import { type GroupLabel, type Groups, starNote } from '../groupLabels.js';
import { chartFigure, html, htmlTable } from '../html/html.js';
import { tracedWeights, unitsText } from '../measured.js';
import { neuronColumn } from '../rows.js';
import { type Cell, groupCell, numbers, type Table } from '../table.js';
import { NAMED_ROWS, quantitative } from '../vega/axes.js';
import type { ChartSpec } from '../vega/render.js';
import { fit } from '../vega/textWidth.js';
import { INK, MAJORITY, MINORITY } from '../vega/theme.js';

/** How few neurons hold a training example (Maini et al. 2023), of minority and majority groups. */
export const minimal: Figure = {
  name: 'minimal',
  title: 'Neurons without which an example is forgotten',
  beyondArticle: true,
  needs: { results: ['minimal'] },
  show: ({ minimal: trace, dataset }, groups) => {
    if (!trace) return undefined;
    const { examplesPerGroup, referenceSize, seed, mostNeurons, examples } = trace;
    const table = minimalTable(trace, groups);
    const chart = { name: 'minimal', ...minimalDots(trace, groups) };
    const section = {
      id: 'minimal',
      title: minimal.title,
      verdict: minimalVerdict(trace),
      tables: [table],
      data: { name: 'minimal', rows: examples.map((example) => rowOf(example, dataset.groupNames)) },
    };
    if (examples.length === 0) return section;
    return {
      ...section,
      charts: [chart],
      prose: (drawn) =>
        html`<p>
            Not in the article; after Maini et al.,
            <cite>Can Neural Network Memorization Be Localized?</cite> (2023). For each of at most
            ${examplesPerGroup} training examples of a group that are predicted right (seed ${seed}), the
            neuron of ${unitsText(trace)} whose zeroing raises the example’s loss most, beside the mean loss
            of ${referenceSize} others, is zeroed, and again under those that are zeroed already, until the
            example is predicted wrong, or ${mostNeurons} are. The product of gradient and weights chooses
            each neuron.
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

function rowOf(
  { group, filename, count, flipped, neurons, loss, reference }: MinimalExample,
  groupNames: readonly string[],
): FigureRow {
  return {
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
  };
}

/** How many neurons an example of each group needs. */
export function minimalTable(trace: TraceMinimalResult, groups: Groups): Table {
  const { mostNeurons, referenceSize, comparison } = trace;
  const unit = trace.unit === 'weight' ? 'weights' : 'neurons';
  return {
    caption: `Zeroed ${unit} after which a training example that was predicted right is predicted wrong; one that was not after ${mostNeurons} counts as ${mostNeurons}.`,
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
    rows: trace.groups.flatMap((summary, index) => {
      const group = groups[index];
      return group ? [[groupCell(group), ...summaryCells(summary)]] : [];
    }),
    ...(comparison
      ? {
          footer: [
            ['minority', ...summaryCells(comparison.minority)],
            ['majority', ...summaryCells(comparison.majority)],
          ],
        }
      : {}),
    notes: [comparisonText(trace), ...starNote(groups)].filter((note) => note !== ''),
  };
}

/** The comparison in one sentence; empty where there is none. */
function comparisonText({ comparison }: TraceMinimalResult): string {
  if (!comparison) return '';
  const { minority, majority, difference, u, pValue, probabilityFewer } = comparison;
  return (
    `Minority against majority: median ${fixed(minority.median, 1)} against ${fixed(majority.median, 1)}, difference ${fixed(difference, 1)}; ` +
    `Mann-Whitney U = ${u}, p = ${probability(pValue)} over the examples of this one model. ` +
    `A minority example needs fewer with probability ${fixed(probabilityFewer, 2)}, a tie counting a half.`
  );
}

function summaryCells(summary: MinimalSummary): Cell[] {
  const { examples, flipped, median, mean, interval, referenceChange } = summary;
  return [
    String(examples),
    percent(flipped),
    fixed(median, 1),
    fixed(mean, 1),
    interval ? `[${interval.map((end) => fixed(end, 1)).join(', ')}]` : MISSING,
    points(referenceChange),
  ];
}

/** Whether minority examples hang on fewer neurons than majority ones. */
export function minimalVerdict({ comparison, unit }: TraceMinimalResult): string[] {
  if (!comparison) return [];
  const { minority, majority, pValue, probabilityFewer } = comparison;
  const units = unit === 'weight' ? 'weights' : 'neurons';
  const medians = `median ${fixed(minority.median, 1)} against ${fixed(majority.median, 1)}, ${pText(pValue)} over the examples of this one model`;
  const need = probabilityFewer > 0.5 ? 'need fewer' : 'need more';
  return [
    `Minority examples ${pValue > MARKED_P ? 'are not shown to need fewer' : need} ${units} than majority ones: ${medians}.`,
  ];
}

/** Pixels of a row, of its label, and of its font. */
const ROW = 44;
const LABEL = 220;
const FONT = 13;

/** Neurons that each example needs: a circle for each number of neurons in a group, as large as it has examples; and medians. */
function minimalDots(trace: TraceMinimalResult, groups: Groups): ChartSpec {
  const { mostNeurons } = trace;
  const shown = groups.filter(({ index }) => (trace.groups[index]?.examples ?? 0) > 0);
  const nameOf = (group: GroupLabel): string => fit(group.full, FONT, LABEL);
  const values = shown.flatMap((group) => {
    const counts = new Map<number, number>();
    for (const example of trace.examples.filter((each) => each.group === group.index)) {
      counts.set(example.count, (counts.get(example.count) ?? 0) + 1);
    }
    return [...counts].map(([count, examples]) => ({
      group: nameOf(group),
      count,
      examples,
      kind: group.minority ? 'minority' : 'majority',
      tip: `${group.full}: ${plural(examples, 'example')} with ${plural(count, 'neuron')}`,
    }));
  });
  const medians = shown.map((group) => {
    const median = trace.groups[group.index]?.median ?? Number.NaN;
    return { group: nameOf(group), median, tip: `${group.full}: median ${fixed(median, 1)}` };
  });
  const y = { ...NAMED_ROWS, field: 'group' };
  const x = (field: string) => ({
    ...quantitative(field),
    scale: { domainMin: 0, nice: true },
    axis: { title: 'neurons zeroed until the example is predicted wrong', tickMinStep: 1 },
  });
  return {
    label: `Dot chart of the neurons that examples of each group need: ${medians.map(({ tip }) => tip).join('; ')}`,
    spec: {
      title: {
        text: 'Neurons without which an example is forgotten',
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
            y,
            x: x('count'),
            size: {
              ...quantitative('examples'),
              scale: { domainMin: 0, rangeMax: 600 },
              legend: null,
            },
            color: {
              field: 'kind',
              type: 'nominal',
              scale: { domain: ['minority', 'majority'], range: [MINORITY[0], MAJORITY[0]] },
              legend: null,
            },
            description: { field: 'tip' },
          },
        },
        {
          data: { values: medians },
          mark: { type: 'tick', orient: 'vertical', color: INK, thickness: 3, size: 26 },
          encoding: { y, x: x('median'), description: { field: 'tip' } },
        },
      ],
    },
  };
}
