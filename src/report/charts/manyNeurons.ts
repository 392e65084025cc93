import { criterionNamed } from '../../neurons/criteria.js';
import { SPLIT_NAME } from '../format.js';
import { starNote, type GroupLabel } from '../views/groupLabels.js';
import { settingsNote, PERTURBED } from '../views/perturbation.js';
import type { ChangeExtent, CriterionTrace } from '../views/selections.js';
import { changeBars } from './changeBars.js';
import { barNotes } from './changes.js';
import type { ChartSpec } from './render.js';

/**
 * Accuracy changes over many numbers of perturbed neurons (article, Table 3, as a chart): bars alone, without numbers.
 *
 * @param extent of all charts that a reader may compare, so that they share their scales
 */
export function manyNeuronsChart(
  view: CriterionTrace,
  groups: readonly GroupLabel[],
  { own }: ChangeExtent,
): ChartSpec {
  const data = SPLIT_NAME[view.trace.split];
  const { state, deed } = PERTURBED[view.trace.perturbation];
  const note = settingsNote(view);
  const ks = [...new Set(view.entries.map(({ k }) => k))].sort((a, b) => a - b);
  return {
    label:
      `Accuracy change on the ${data} samples after ${deed} the neurons with the ${criterionNamed(view.criterion).largest}` +
      `${note === '' ? '' : ` (${note})`}, as bars for the group that the neurons were chosen for, ` +
      `for k = ${ks.join(', ')}. The tables of changes hold the same numbers.`,
    spec: {
      title: {
        text: `Top-k by ${view.criterion}, ${state}, k = ${ks.join(', ')}`,
        subtitle: [
          ...(note === '' ? [] : [note]),
          barNotes(view.entries, view.trace).join('; '),
          [...starNote(groups), `n = ${data} samples`].join('; '),
        ].filter((line) => line !== ''),
      },
      ...changeBars(view, groups, { own, small: false }),
    },
  };
}
