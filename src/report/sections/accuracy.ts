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
  { result }: RunReport,
  groups: readonly GroupLabel[],
  { fig1 }: Figures,
): Section | undefined {
  if (!result || !fig1) return undefined;
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
        ...SPLITS.map((split) => accuracyCell(result[split], group.index)),
        gap(result.train.accuracy[group.index], result.test.accuracy[group.index]),
        `${granularity(result.train.total[group.index])} / ${granularity(result.test.total[group.index])}`,
      ],
    })),
    [
      {
        heading: 'worst group of the split',
        cells: [
          ...SPLITS.map((split) => percentText(result[split].worstGroupAccuracy)),
          gap(result.train.worstGroupAccuracy, result.test.worstGroupAccuracy),
          '',
        ],
      },
      {
        heading: 'split average: every sample of the split counts the same',
        cells: [
          ...SPLITS.map((split) => percentText(result[split].average)),
          gap(result.train.average, result.test.average),
          '',
        ],
      },
      {
        heading: 'training-ratio weighted average: groups weighted by their shares of the training split',
        cells: [
          ...SPLITS.map((split) => percentText(result[split].trainWeightedAverage)),
          gap(result.train.trainWeightedAverage, result.test.trainWeightedAverage),
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
              result.epochs === 0
                ? 'The checkpoint,'
                : `The checkpoint of epoch ${result.bestEpoch}, ${result.select === 'last' ? 'the last' : 'which has the best validation worst-group accuracy'} of ${plural(result.epochs, 'epoch')},`
            }
            evaluated once on every split in evaluation mode.
          </p>
          <p>${smallestGroup(result.train.total, groups, 'training')}</p>
          <p>${smallestGroup(result.test.total, groups, 'test')}</p>
          <p>This is one run: its numbers do not show the spread over seeds.</p>
        </div>
      </div>
      ${accuracies}`,
  };
}
