import { criterionNamed } from '../../neurons/criteria.js';
import { SPLIT_NAME } from '../format.js';
import type { GroupLabel } from '../groups.js';
import { drawsNote, PERTURBED } from '../perturbation.js';
import type { ChangeExtent, CriterionTrace } from '../selections.js';
import { starNote } from './axis.js';
import { changeBars } from './changeBars.js';
import { barNotes } from './fig2.js';
import type { ChartSpec } from './render.js';

/**
 * Accuracy changes over many numbers of perturbed neurons (article, Table 3, as a chart): bars alone, without numbers.
 *
 * @param extent of all charts that a reader may compare, so that they share their scales
 */
export function table3(
  view: CriterionTrace,
  groups: readonly GroupLabel[],
  { own }: ChangeExtent,
): ChartSpec {
  const data = SPLIT_NAME[view.trace.split];
  const { state, deed } = PERTURBED[view.trace.perturbation];
  const draws = drawsNote(view);
  const ks = [...new Set(view.entries.map(({ k }) => k))].sort((a, b) => a - b);
  return {
    label:
      `Accuracy change on the ${data} samples after ${deed} the neurons with the ${criterionNamed(view.criterion).largest}` +
      `${draws === '' ? '' : ` (${draws})`}, as bars for the group that the neurons were chosen for, ` +
      `for k = ${ks.join(', ')}. The tables of changes hold the same numbers.`,
    spec: {
      title: {
        text: `Top-k by ${view.criterion}, ${state}, k = ${ks.join(', ')}`,
        subtitle: [
          ...(draws === '' ? [] : [draws]),
          barNotes(view.entries, view.trace).join('; '),
          [...starNote(groups), `n = ${data} samples`].join('; '),
        ].filter((line) => line !== ''),
      },
      ...changeBars(view, groups, { own, small: false }),
    },
  };
}
