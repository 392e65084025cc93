import { count, fixed, SPLIT_NAME } from '../format.js';
import type { GroupLabel } from '../groups.js';
import { hasSpread } from '../perturbation.js';
import type { CriterionTrace } from '../selections.js';
import { groupTick, MULTILINE } from './axis.js';
import type { PanelOptions } from './fig2.js';
import { INK, MAJORITY_RAMP, MINORITY_RAMP, mix } from './theme.js';

/**
 * Upper panel of Figs 2, 4 and 5: for each group, a bar for every k with the |change| in percentage points of that group's
 * accuracy when the k neurons chosen for that group are perturbed, and a whisker of one standard deviation over seeds
 * on both sides where there are several seeds. Hues darken with k.
 */
export function changeBars(view: CriterionTrace, groups: readonly GroupLabel[], options: PanelOptions) {
  const ks = [...new Set(view.entries.map((entry) => entry.k))].sort((a, b) => a - b);
  const kinds = [
    { kind: 'majority', ramp: MAJORITY_RAMP, present: groups.some((group) => !group.minority) },
    { kind: 'minority*', ramp: MINORITY_RAMP, present: groups.some((group) => group.minority) },
  ].filter(({ present }) => present);
  const series = kinds.flatMap(({ kind, ramp }) =>
    ks.map((k, at) => ({
      name: `${kind}, k = ${k}`,
      color: mix(ramp[0], ramp[1], ks.length === 1 ? 1 : at / (ks.length - 1)),
    })),
  );
  const tick = (group: GroupLabel): string =>
    groupTick(group, `n = ${count(view.trace.baseline.total[group.index])}`);
  const values = view.entries.flatMap((entry) => {
    const group = groups[entry.group];
    const change = 100 * Math.abs(entry.change[entry.group] ?? Number.NaN);
    const std = 100 * (entry.changeStd?.[entry.group] ?? 0);
    if (!group || !Number.isFinite(change)) return [];
    return [
      {
        group: tick(group),
        k: entry.k,
        series: `${group.minority ? 'minority*' : 'majority'}, k = ${entry.k}`,
        change,
        // The axis starts at zero, where the lower end of a whisker is cut.
        low: Math.max(0, change - std),
        high: change + (Number.isFinite(std) ? std : 0),
        text: fixed(change, change >= 99.95 ? 0 : 1),
      },
    ];
  });
  return {
    width: options.width,
    height: 230,
    data: { values },
    encoding: {
      x: {
        field: 'group',
        type: 'ordinal' as const,
        scale: { domain: groups.map(tick), paddingInner: 0.2, paddingOuter: 0.1 },
        axis: { title: null, labelAngle: 0, labelExpr: MULTILINE, labelLineHeight: 16 },
      },
      xOffset: { field: 'k', type: 'ordinal' as const, scale: { domain: ks } },
      y: {
        field: 'change',
        type: 'quantitative' as const,
        // Less than a point is drawn small: noise should not fill the panel.
        scale: { domain: [0, Math.max(1, 1.08 * options.own)], nice: true },
        axis: { title: `|change| of ${SPLIT_NAME[view.trace.split]} accuracy (points)`, tickCount: 5 },
      },
    },
    layer: [
      {
        mark: { type: 'bar' as const },
        encoding: {
          color: {
            field: 'series',
            scale: { domain: series.map(({ name }) => name), range: series.map(({ color }) => color) },
            legend: {
              title: null,
              orient: 'top' as const,
              symbolType: 'square',
              columns: Math.min(ks.length, 3),
            },
          },
        },
      },
      ...(hasSpread(view) ? whiskers() : []),
      {
        mark: { type: 'text' as const, dy: -8, fontSize: 12, color: INK },
        encoding: { text: { field: 'text' }, y: { field: 'high', type: 'quantitative' as const } },
      },
    ],
  };
}

/** A rule from `low` to `high`, and a cap at both ends. */
function whiskers() {
  const cap = (field: 'low' | 'high') => ({
    mark: { type: 'tick' as const, orient: 'horizontal' as const, color: INK, size: 8, thickness: 1.5 },
    encoding: { y: { field, type: 'quantitative' as const } },
  });
  return [
    {
      mark: { type: 'rule' as const, color: INK, strokeWidth: 1.5 },
      encoding: { y: { field: 'low', type: 'quantitative' as const }, y2: { field: 'high' } },
    },
    cap('low'),
    cap('high'),
  ];
}
