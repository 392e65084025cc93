import { points, typographic } from '../format.js';
import { shortList, type GroupLabel } from '../groups.js';
import type { CriterionTrace, Selection } from '../selections.js';
import type { PanelOptions } from './fig2.js';
import { GAIN, GRID, INK, LOSS } from './theme.js';

const ROW = 24;
/** Cells above this share of the scale carry white text. */
const DARK = 0.85;

/**
 * Lower panel of Fig. 2, the full picture: the signed change of every group's accuracy (columns) for every set of
 * neurons that was zeroed (rows: the group it was chosen for, and k). Frames mark the group's own column, whose
 * |change| is the bar above.
 */
export function changeMatrix(view: CriterionTrace, groups: readonly GroupLabel[], options: PanelOptions) {
  const max = Math.max(1, options.all);
  const rowName = (selection: Selection): string =>
    `for ${shortList(selection.groups, groups, 'all')}, k = ${selection.entry.k}`;
  const values = view.selections.flatMap((selection) =>
    groups.flatMap((group) => {
      const change = selection.entry.change[group.index] ?? Number.NaN;
      if (!Number.isFinite(change)) return [];
      return [
        {
          row: rowName(selection),
          column: group.short,
          sign: change < 0 ? 'loss' : 'gain',
          size: Math.abs(100 * change),
          text: typographic(points(change)),
          own: selection.groups.length === 1 && selection.groups[0] === group.index,
          dark: Math.abs(100 * change) > DARK * max,
        },
      ];
    }),
  );
  return {
    title: {
      text: 'Change of every group',
      subtitle: [
        'rows: zeroed neurons; columns: change in points',
        ...(values.some(({ own }) => own) ? ['frame: the group that the neurons were chosen for'] : []),
      ],
      fontSize: 14,
    },
    width: options.width,
    height: ROW * view.selections.length,
    data: { values },
    encoding: {
      x: {
        field: 'column',
        type: 'ordinal' as const,
        // The frames' layer has its own data: without a given domain its order would win.
        scale: { domain: groups.map(({ short }) => short), paddingInner: 0.03, paddingOuter: 0 },
        axis: { title: null, orient: 'top' as const, labelAngle: 0 },
      },
      y: {
        field: 'row',
        type: 'ordinal' as const,
        scale: { domain: view.selections.map(rowName), paddingInner: 0.1, paddingOuter: 0 },
        axis: { title: null },
      },
    },
    layer: [
      // Opacity, not a pale colour, shows small changes: cells then suit a light and a dark page.
      {
        mark: { type: 'rect' as const, stroke: GRID, strokeWidth: 1 },
        encoding: {
          color: {
            field: 'sign',
            scale: { domain: ['loss', 'gain'], range: [LOSS, GAIN] },
            legend: null,
          },
          fillOpacity: {
            field: 'size',
            type: 'quantitative' as const,
            scale: { domain: [0, max], range: [0, 1] },
            legend: null,
          },
        },
      },
      {
        transform: [{ filter: 'datum.own' }],
        mark: { type: 'rect' as const, filled: false, stroke: INK, strokeWidth: 2 },
      },
      {
        mark: { type: 'text' as const, fontSize: 12 },
        encoding: {
          text: { field: 'text' },
          color: { condition: { test: 'datum.dark', value: '#ffffff' }, value: INK },
        },
      },
    ],
  };
}
