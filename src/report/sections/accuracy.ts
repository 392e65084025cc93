import { SPLITS } from '../../data/split.js';
import type { Figures } from '../figures.js';
import { plural, SPLIT_NAME } from '../format.js';
import type { GroupLabel } from '../groups.js';
import type { Section } from './section.js';
import { html } from '../markup.js';
import type { RunReport } from '../reportData.js';
import { table } from '../table.js';
import {
  accuracyCell,
  chartFigure,
  granularity,
  groupName,
  percentText,
  pointsText,
  smallestGroup,
} from './parts.js';

/** Group accuracies of the selected checkpoint (article, Fig. 1). */
export function accuracySection(
  { erm }: RunReport,
  groups: readonly GroupLabel[],
  { fig1 }: Figures,
): Section | undefined {
  if (!erm || !fig1) return undefined;
  const gap = (train: number | undefined, test: number | undefined): string =>
    pointsText((train ?? Number.NaN) - (test ?? Number.NaN));
  const accuracies = table(
    'Accuracy of each group, with correct/all samples. Gap: training minus test, in points. Step: what one training / test sample is worth, in points.',
    [
      { name: 'Group' },
      ...SPLITS.map((split) => ({ name: SPLIT_NAME[split] })),
      { name: 'gap' },
      { name: 'step' },
    ],
    groups.map((group) => ({
      heading: groupName(group),
      cells: [
        ...SPLITS.map((split) => accuracyCell(erm[split], group.index)),
        gap(erm.train.accuracy[group.index], erm.test.accuracy[group.index]),
        `${granularity(erm.train.total[group.index])} / ${granularity(erm.test.total[group.index])}`,
      ],
    })),
    [
      {
        heading: 'worst group of the split',
        cells: [
          ...SPLITS.map((split) => percentText(erm[split].worstGroupAccuracy)),
          gap(erm.train.worstGroupAccuracy, erm.test.worstGroupAccuracy),
          '',
        ],
      },
      {
        heading: 'split average: every sample of the split counts the same',
        cells: [
          ...SPLITS.map((split) => percentText(erm[split].average)),
          gap(erm.train.average, erm.test.average),
          '',
        ],
      },
      {
        heading: 'training-ratio weighted average: groups weighted by their shares of the training split',
        cells: [
          ...SPLITS.map((split) => percentText(erm[split].trainWeightedAverage)),
          gap(erm.train.trainWeightedAverage, erm.test.trainWeightedAverage),
          '',
        ],
      },
    ],
  );
  return {
    id: 'accuracy',
    title: 'Group accuracies (Fig. 1)',
    body: html`<div class="charts">
        ${chartFigure(fig1)}
        <div class="beside">
          <p>
            ${
              erm.epochs === 0
                ? 'The checkpoint,'
                : `The checkpoint of epoch ${erm.bestEpoch}, ${erm.select === 'last' ? 'the last' : 'which has the best validation worst-group accuracy'} of ${plural(erm.epochs, 'epoch')},`
            }
            evaluated once on every split in evaluation mode.
          </p>
          <p>${smallestGroup(erm.train.total, groups, 'training')}</p>
          <p>${smallestGroup(erm.test.total, groups, 'test')}</p>
          <p>This is one run: its numbers do not show the spread over seeds.</p>
        </div>
      </div>
      ${accuracies}`,
  };
}
