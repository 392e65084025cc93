import { criterionNamed } from '../../neurons/criteria.js';
import { SPLIT_NAME } from '../format.js';
import { starNote, type GroupLabel } from '../views/groupLabels.js';
import { PERTURBED, seedsNote } from '../views/perturbation.js';
import type { ChangeExtent, SigmaGrid } from '../views/selections.js';
import { changeBars } from './changeBars.js';
import { barNotes } from './changes.js';
import type { ChartSpec } from './render.js';

/** Panels beside each other. */
const COLUMNS = 3;

/**
 * Accuracy changes under random initialization or noise over standard deviations (article, Figs 11 and 12): one panel of
 * bars for each, all on one scale, because what grows with the standard deviation is the point.
 */
export function sigmaChart(
  { criterion, trace, views }: SigmaGrid,
  groups: readonly GroupLabel[],
  { own }: ChangeExtent,
): ChartSpec {
  const data = SPLIT_NAME[trace.split];
  const { state, deed } = PERTURBED[trace.perturbation];
  const sigmas = views.map(({ sigma }) => sigma ?? 0);
  return {
    label:
      `Accuracy change on the ${data} samples after ${deed} the neurons with the ${criterionNamed(criterion).largest} ` +
      `(${seedsNote(trace, criterion)}), as bars for the group that the neurons were chosen for, a panel for each standard ` +
      `deviation: ${sigmas.join(', ')}. The tables of changes hold the same numbers.`,
    spec: {
      title: {
        text: `Top-k by ${criterion}, ${state}, by standard deviation`,
        subtitle: [
          [`a panel for each σ, ${seedsNote(trace, criterion)}`, ...starNote(groups)].join('; '),
          barNotes(
            views.flatMap(({ entries }) => entries),
            trace,
          ).join('; '),
        ].filter((line) => line !== ''),
      },
      columns: Math.min(COLUMNS, views.length),
      spacing: 22,
      concat: views.map((view) => ({
        title: { text: `σ = ${view.sigma}`, fontSize: 14, offset: 8, anchor: 'middle' as const },
        ...changeBars(view, groups, { own, small: true }),
      })),
    },
  };
}
