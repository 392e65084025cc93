import { count, fixed, percentRange } from '../format.js';
import { starNote, type GroupLabel } from '../views/groupLabels.js';
import type { TrainingResult } from '../../train/results.js';
import { intervalAt } from '../views/measuredChange.js';
import { BARS_OF_GROUPS, groupTick } from './axis.js';
import { errorBars } from './errorBars.js';
import type { ChartSpec } from './render.js';
import { INK, TEST, TRAIN } from './theme.js';

/** Pixels of a bar. */
const BAR = 42;

/**
 * Training and test accuracy of each group in percent, two bars a group (article, Fig. 1), with 95 % score intervals.
 */
export function groupBars(result: TrainingResult, groups: readonly GroupLabel[]): ChartSpec {
  const values = groups.flatMap((group) => {
    const sizes = `n = ${count(result.train.total[group.index])} / ${count(result.test.total[group.index])}`;
    return (['train', 'test'] as const).flatMap((split) => {
      const accuracy = 100 * (result[split].accuracy[group.index] ?? Number.NaN);
      if (!Number.isFinite(accuracy)) return [];
      const interval = intervalAt(result[split].interval, group.index);
      const name = split === 'train' ? 'training' : 'test';
      const text = fixed(accuracy, 1);
      return [
        {
          group: groupTick(group, sizes),
          split: name,
          accuracy,
          text,
          tip: `${group.full}, ${name}: ${text} %${interval ? `, 95 % interval ${percentRange(interval)}` : ''}`,
          ...(interval ? { low: 100 * interval[0], high: 100 * interval[1] } : {}),
          // The number stands above the error bar.
          end: Math.max(accuracy, 100 * (interval?.[1] ?? 0)),
        },
      ];
    });
  });
  const hasIntervals = values.some(({ low }) => low !== undefined);
  return {
    label: `Bar chart of training and test accuracy of each group: ${values.map(({ tip }) => tip).join('; ')}`,
    spec: {
      title: {
        text: 'Training and test accuracy of each group',
        subtitle: [
          [...starNote(groups), 'n = training / test samples'].join('; '),
          ...(hasIntervals ? ['error bars: 95 % score interval over samples'] : []),
        ],
      },
      width: groups.length * (2 * BAR + 30),
      height: 260,
      data: { values },
      encoding: {
        x: BARS_OF_GROUPS,
        xOffset: { field: 'split', sort: ['training', 'test'] },
        y: {
          field: 'accuracy',
          type: 'quantitative',
          scale: { domain: [0, 100] },
          axis: { title: 'accuracy (%)', tickCount: 5 },
        },
        description: { field: 'tip' },
      },
      layer: [
        {
          mark: { type: 'bar' },
          encoding: {
            color: {
              field: 'split',
              scale: { domain: ['training', 'test'], range: [TRAIN, TEST] },
              legend: { title: null, orient: 'top', symbolType: 'square' },
            },
          },
        },
        ...errorBars(),
        {
          mark: { type: 'text', dy: -8, fontSize: 12, color: INK },
          encoding: { text: { field: 'text' }, y: { field: 'end', type: 'quantitative' } },
        },
      ],
    },
  };
}
