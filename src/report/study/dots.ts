import type { StudyResult } from '../../experiments/study.js';
import { fixed, intervalText, plural } from '../format.js';
import { layer, NAMED_ROWS, quantitative } from '../vega/axes.js';
import type { ChartSpec } from '../vega/render.js';
import { INK, MUTED, TEST } from '../vega/theme.js';

/** Pixels of a row. */
const ROW = 30;

/** Test worst-group accuracy of each arm: a dot a seed, the mean, and its 95 % interval over seeds (article, Fig. 6). */
export function studyDots(title: string, { rows, reference }: StudyResult): ChartSpec {
  const means = rows.map(({ arm, testWorstGroupAccuracy: { mean, interval } }) => ({
    arm,
    mean: 100 * mean,
    tip: `${arm}: ${fixed(100 * mean, 1)} %${intervalText(interval)}`,
    ...(interval ? { low: 100 * interval[0], high: 100 * interval[1] } : {}),
  }));
  const dots = rows.flatMap(({ arm, seeds }) =>
    seeds.map(({ seed, testWorstGroupAccuracy }) => ({
      arm,
      accuracy: 100 * testWorstGroupAccuracy,
      tip: `${arm}, seed ${seed}: ${fixed(100 * testWorstGroupAccuracy, 1)} %`,
    })),
  );
  const intervals = means.filter(({ low }) => low !== undefined);
  const seeds = rows[0]?.seeds.length ?? 0;
  const y = { ...NAMED_ROWS, field: 'arm' };
  const description = { field: 'tip' };
  const x = (field: string) => ({
    ...quantitative(field),
    scale: { zero: false, nice: true },
    axis: { title: 'test worst-group accuracy (%)', tickCount: 6 },
  });
  return {
    label: `Dot chart of test worst-group accuracy: ${means.map(({ tip }) => tip).join('; ')}`,
    spec: {
      title: {
        text: title,
        subtitle: [
          `${plural(seeds, 'seed')}: a dot each; bar: mean${seeds > 1 ? ' and 95 % interval over seeds' : ''}; dashed: mean of ${reference}`,
        ],
      },
      width: 420,
      height: rows.length * ROW,
      layer: [
        {
          data: { values: means.filter(({ arm }) => arm === reference) },
          ...layer('rule', { color: MUTED, strokeDash: [4, 3] }, { x: x('mean') }),
        },
        // One seed has no interval, and a layer without values no scale.
        ...(intervals.length === 0
          ? []
          : [
              {
                data: { values: intervals },
                ...layer('rule', { color: INK, strokeWidth: 2 }, { y, x: x('low'), x2: { field: 'high' } }),
              },
            ]),
        {
          data: { values: dots },
          ...layer('circle', { color: TEST, size: 50, opacity: 0.8 }, { y, x: x('accuracy'), description }),
        },
        {
          data: { values: means },
          ...layer('tick', { color: INK, thickness: 3, size: 18 }, { y, x: x('mean'), description }),
        },
      ],
    },
  };
}
