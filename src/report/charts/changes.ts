import type { TraceEntry, TraceUnstructuredResult } from '../../experiments/results.js';
import { criterionNamed } from '../../neurons/criteria.js';
import { SPLIT_NAME } from '../format.js';
import { starNote, type GroupLabel } from '../views/groupLabels.js';
import { changeOfGroup, MARK, MARKED_P } from '../views/measuredChange.js';
import { settingsNote, PERTURBED } from '../views/perturbation.js';
import type { ChangeExtent, CriterionTrace } from '../views/selections.js';
import { changeBars } from './changeBars.js';
import { changeMatrix } from './changeMatrix.js';
import type { ChartSpec } from './render.js';

/**
 * Accuracy changes after zeroing the neurons that one criterion chose (article, Fig. 2), or after their random
 * initialization (Fig. 4) or random noise (Fig. 5): bars above, and the full matrix below.
 *
 * @param extent of all charts that a reader may compare, so that they share their scales
 */
export function changeChart(
  view: CriterionTrace,
  groups: readonly GroupLabel[],
  extent: ChangeExtent,
): ChartSpec {
  const data = SPLIT_NAME[view.trace.split];
  const { state, deed } = PERTURBED[view.trace.perturbation];
  const note = settingsNote(view);
  const bars = changeBars(view, groups, { own: extent.own, small: false });
  return {
    label:
      `Accuracy change on the ${data} samples after ${deed} the neurons with the ${criterionNamed(view.criterion).largest}` +
      `${note === '' ? '' : ` (${note})`}, ` +
      'as bars for the group that the neurons were chosen for, and as a matrix for every group. ' +
      'The tables of changes hold the same numbers.',
    spec: {
      title: {
        text: `Top-k by ${view.criterion}, ${state}`,
        subtitle: [
          ...(note === '' ? [] : [note]),
          ...barNotes(view.entries, view.trace),
          [...starNote(groups), `n = ${data} samples`].join('; '),
        ],
      },
      spacing: 34,
      vconcat: [bars, changeMatrix(view, groups, { width: bars.width, all: extent.all })],
      resolve: { scale: { color: 'independent', x: 'independent' } },
    },
  };
}

/** Subtitle lines that explain what stands around the bars. */
export function barNotes(
  entries: readonly TraceEntry[],
  { controls }: Pick<TraceUnstructuredResult, 'controls'>,
): string[] {
  const changes = entries.map((entry) => changeOfGroup(entry, entry.group));
  return [
    ...(changes.some(({ interval }) => interval) ? ['error bars: 95 % score interval over samples'] : []),
    ...(controls && changes.some(({ random }) => random)
      ? [`grey: random neurons, middle 95 % and mean; ${MARK} p ≤ ${MARKED_P}`]
      : []),
  ];
}
