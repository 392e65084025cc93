import type { TraceMinimalResult } from '../../experiments/traceMinimalResult.js';
import { fixed, plural } from '../format.js';
import { starNote, type GroupLabel } from '../views/groupLabels.js';
import type { ChartSpec } from './render.js';
import { fit } from './textMetrics.js';
import { INK, MAJORITY, MINORITY } from './theme.js';

/** Pixels of a row, of its label, and of its font. */
const ROW = 44;
const LABEL = 220;
const FONT = 13;

/** Neurons that each example needs: a circle for each number of neurons in a group, as large as it has examples; and medians. */
export function minimalDots(trace: TraceMinimalResult, groups: readonly GroupLabel[]): ChartSpec {
  const { mostNeurons } = trace;
  const shown = groups.filter(({ index }) => (trace.groups[index]?.examples ?? 0) > 0);
  const nameOf = (group: GroupLabel): string => fit(group.full, FONT, LABEL);
  const values = shown.flatMap((group) => {
    const counts = new Map<number, number>();
    for (const example of trace.examples.filter((each) => each.group === group.index)) {
      counts.set(example.count, (counts.get(example.count) ?? 0) + 1);
    }
    return [...counts].map(([count, examples]) => ({
      ...{ group: nameOf(group), count, examples, kind: group.minority ? 'minority' : 'majority' },
      tip: `${group.full}: ${plural(examples, 'example')} with ${plural(count, 'neuron')}`,
    }));
  });
  const medians = shown.map((group) => {
    const median = trace.groups[group.index]?.median ?? Number.NaN;
    return { group: nameOf(group), median, tip: `${group.full}: median ${fixed(median, 1)}` };
  });
  const y = {
    field: 'group',
    type: 'nominal' as const,
    sort: null,
    axis: { title: null, labelLimit: 0, grid: false },
  };
  const x = {
    type: 'quantitative' as const,
    scale: { domainMin: 0, nice: true },
    axis: { title: 'neurons zeroed until the example is predicted wrong', tickMinStep: 1 },
  };
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
            x: { field: 'count', ...x },
            size: {
              field: 'examples',
              type: 'quantitative',
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
          encoding: { y, x: { field: 'median', ...x }, description: { field: 'tip' } },
        },
      ],
    },
  };
}
