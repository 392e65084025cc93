import { count, fixed } from '../format.js';
import type { GroupLabel } from '../groups.js';
import type { ErmResult } from '../../train/metrics.js';
import { groupTick, MULTILINE, starNote } from './axis.js';
import type { ChartSpec } from './render.js';
import { INK, TEST, TRAIN } from './theme.js';

/** Pixels of a bar. */
const BAR = 42;

/** Training and test accuracy of each group in percent, two bars a group (article, Fig. 1). */
export function groupBars(erm: ErmResult, groups: readonly GroupLabel[]): ChartSpec {
  const values = groups.flatMap((group) => {
    const sizes = `n = ${count(erm.train.total[group.index])} / ${count(erm.test.total[group.index])}`;
    return (['train', 'test'] as const)
      .map((split) => ({
        group: groupTick(group, sizes),
        split: split === 'train' ? 'training' : 'test',
        accuracy: 100 * (erm[split].accuracy[group.index] ?? Number.NaN),
      }))
      .filter((bar) => Number.isFinite(bar.accuracy))
      .map((bar) => ({ ...bar, text: fixed(bar.accuracy, 1) }));
  });
  return {
    label: `Bar chart of training and test accuracy of each group: ${values
      .map((bar) => `${bar.group.replaceAll('\n', ' ')} ${bar.split} ${bar.text} %`)
      .join('; ')}`,
    spec: {
      title: {
        text: 'Training and test accuracy of each group',
        subtitle: [...starNote(groups), 'n = training / test samples'].join('; '),
      },
      width: groups.length * (2 * BAR + 30),
      height: 260,
      data: { values },
      encoding: {
        x: {
          field: 'group',
          type: 'ordinal',
          sort: null,
          scale: { paddingInner: 0.24, paddingOuter: 0.12 },
          axis: { title: null, labelAngle: 0, labelExpr: MULTILINE, labelLineHeight: 16 },
        },
        xOffset: { field: 'split', sort: ['training', 'test'] },
        y: {
          field: 'accuracy',
          type: 'quantitative',
          scale: { domain: [0, 100] },
          axis: { title: 'accuracy (%)', tickCount: 5 },
        },
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
        {
          mark: { type: 'text', dy: -8, fontSize: 12, color: INK },
          encoding: { text: { field: 'text' } },
        },
      ],
    },
  };
}
