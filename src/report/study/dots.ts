import type { StudyResult } from '../../experiments/study.js';
import { fixed, intervalText, plural } from '../format.js';
import { dotRows } from '../vega/dotRows.js';
import type { ChartSpec } from '../vega/render.js';

/** Test worst-group accuracy of each arm: a dot a seed, the mean, and its 95 % interval over seeds (article, Fig. 6). */
export function studyDots(title: string, { rows, reference }: StudyResult): ChartSpec {
  const seeds = rows[0]?.seeds.length ?? 0;
  const shown = rows.map(({ arm, testWorstGroupAccuracy: { mean, interval }, seeds: each }) => ({
    name: arm,
    mean: 100 * mean,
    interval: interval && ([100 * interval[0], 100 * interval[1]] as const),
    tip: `${arm}: ${fixed(100 * mean, 1)} %${intervalText(interval)}`,
    dots: each.map(({ seed, testWorstGroupAccuracy }) => ({
      value: 100 * testWorstGroupAccuracy,
      tip: `${arm}, seed ${seed}: ${fixed(100 * testWorstGroupAccuracy, 1)} %`,
    })),
  }));
  return {
    label: `Dot chart of test worst-group accuracy: ${shown.map(({ tip }) => tip).join('; ')}`,
    spec: dotRows({
      title,
      subtitle: `${plural(seeds, 'seed')}: a dot each; bar: mean${seeds > 1 ? ' and 95 % interval over seeds' : ''}; dashed: mean of ${reference}`,
      axis: 'test worst-group accuracy (%)',
      rows: shown,
      reference: shown.find(({ name }) => name === reference)?.mean,
    }),
  };
}
