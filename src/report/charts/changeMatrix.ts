import { shortList, type GroupLabel } from '../views/groupLabels.js';
import { hasSpread } from '../views/perturbation.js';
import { changeOfGroup, MARKED_P } from '../views/measuredChange.js';
import type { CriterionTrace, Selection } from '../views/selections.js';
import { cellDots, cellFill, cellText, changeCell } from './changeCells.js';
import { INK } from './theme.js';

const ROW = 24;

/** Pixels without axes, and the largest |change| in points of all charts that a reader may compare. */
interface MatrixOptions {
  readonly width: number;
  readonly all: number;
}

/**
 * Lower panel of Figs 2, 4 and 5, the full picture: the signed change of every group's accuracy (columns) for every set of
 * neurons that was perturbed (rows: the group it was chosen for, and k). Frames mark the group's own column, whose
 * change is the bar above; dots mark changes unlike those of random neurons.
 */
export function changeMatrix(view: CriterionTrace, groups: readonly GroupLabel[], options: MatrixOptions) {
  const max = Math.max(1, options.all);
  const rowName = (selection: Selection): string =>
    `for ${shortList(selection.groups, groups, 'all')}, k = ${selection.entry.k}`;
  const values = view.selections.flatMap((selection) =>
    groups.flatMap((group) => {
      const measured = changeOfGroup(selection.entry, group.index);
      if (!Number.isFinite(measured.change)) return [];
      return [
        {
          row: rowName(selection),
          column: group.short,
          ...changeCell(measured, `${group.full}, neurons ${rowName(selection)}`, max),
          own: selection.groups.length === 1 && selection.groups[0] === group.index,
        },
      ];
    }),
  );
  return {
    title: {
      text: 'Change of every group',
      subtitle: [
        `rows: ${view.trace.perturbation === 'zero' ? 'zeroed' : 'perturbed'} neurons; columns: ${hasSpread(view) ? 'mean ' : ''}change in points`,
        ...(values.some(({ own }) => own) ? ['frame: the group that the neurons were chosen for'] : []),
        ...(values.some(({ marked }) => marked) ? [`dot: p ≤ ${MARKED_P} against random neurons`] : []),
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
      description: { field: 'tip' },
    },
    layer: [
      cellFill(max),
      {
        transform: [{ filter: 'datum.own' }],
        mark: { type: 'rect' as const, filled: false, stroke: INK, strokeWidth: 2 },
      },
      cellText(12),
      cellDots('column', 'row'),
    ],
  };
}
