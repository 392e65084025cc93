import type { TrainingResult } from '../../../train/results.js';
import { fixed, intervalText } from '../../format.js';
import { type Groups, starNote } from '../../groupLabels.js';
import { knownInterval } from '../../traces/tests.js';
import { groupedBars, groupTick, layer, quantitative } from '../../vega/axes.js';
import type { ChartSpec } from '../../vega/render.js';
import { INK, TEST, TRAIN } from '../../vega/theme.js';

/** Pixels of a bar. */
const BAR = 42;

/** Training and test accuracy of each group in percent, two bars a group (article, Fig. 1), with 95 % score intervals. */
export function groupBars(result: TrainingResult, groups: Groups): ChartSpec {
  const values = groups.flatMap((group) => {
    const sizes = `n = ${fixed(result.train.total[group.index], 0)} / ${fixed(result.test.total[group.index], 0)}`;
    return (['train', 'test'] as const).flatMap((split) => {
      const accuracy = 100 * (result[split].accuracy[group.index] ?? Number.NaN);
      if (!Number.isFinite(accuracy)) return [];
      const interval = knownInterval(result[split].interval[group.index]);
      const name = split === 'train' ? 'training' : 'test';
      const text = fixed(accuracy, 1);
      return [
        {
          group: groupTick(group, sizes),
          series: name,
          value: accuracy,
          text,
          tip: `${group.full}, ${name}: ${text} %${intervalText(interval)}`,
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
      ...groupedBars(
        {
          width: groups.length * (2 * BAR + 30),
          values,
          colors: { training: TRAIN, test: TEST },
          axis: 'accuracy (%)',
          domain: [0, 100],
        },
        [
          layer(
            'text',
            { dy: -8, fontSize: 12, color: INK },
            { text: { field: 'text' }, y: quantitative('end') },
          ),
        ],
      ),
    },
  };
}
