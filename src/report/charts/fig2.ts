import { SPLIT_NAME } from '../format.js';
import type { GroupLabel } from '../groups.js';
import { drawsNote, hasSpread, PERTURBED } from '../perturbation.js';
import type { CriterionTrace } from '../selections.js';
import { starNote } from './axis.js';
import { changeBars } from './changeBars.js';
import { changeMatrix } from './changeMatrix.js';
import type { ChartSpec } from './render.js';

/** What the two panels share; extents are in percentage points, over all charts that a reader may compare. */
export interface PanelOptions {
  /** Pixels, axes not counted. */
  readonly width: number;
  /** Largest |change| of a group's own selections. */
  readonly own: number;
  /** Largest |change| of any cell. */
  readonly all: number;
}

const WHAT = { gradient: 'largest gradient', magnitude: 'largest magnitude' } as const;

/**
 * Accuracy changes after zeroing the neurons that one criterion chose (article, Fig. 2), or after their random
 * initialization (Figs 4 and 11) or random noise (Figs 5 and 12): bars above, and the full matrix below.
 *
 * @param extent largest |change| in points, so that charts of several criteria share their scales
 */
export function fig2(
  view: CriterionTrace,
  groups: readonly GroupLabel[],
  extent: { readonly own: number; readonly all: number },
): ChartSpec {
  const bars = new Set(view.entries.map((entry) => entry.k)).size;
  const options = { width: groups.length * Math.max(74, 30 * bars + 14), ...extent };
  const data = SPLIT_NAME[view.trace.split];
  const { state, deed } = PERTURBED[view.trace.perturbation];
  const draws = drawsNote(view);
  return {
    label:
      `Accuracy change on the ${data} samples after ${deed} the neurons with the ${WHAT[view.criterion]}` +
      `${draws === '' ? '' : ` (${draws})`}, ` +
      'as bars for the group that the neurons were chosen for, and as a matrix for every group. ' +
      'The table of chosen neurons holds the same numbers.',
    spec: {
      title: {
        text: `Top-k by ${view.criterion}, ${state}`,
        subtitle: [
          ...(draws === '' ? [] : [draws]),
          ...(hasSpread(view) ? ['whiskers: ± 1 standard deviation over seeds'] : []),
          [...starNote(groups), `n = ${data} samples`].join('; '),
        ],
      },
      spacing: 34,
      vconcat: [changeBars(view, groups, options), changeMatrix(view, groups, options)],
      resolve: { scale: { color: 'independent', x: 'independent' } },
    },
  };
}
