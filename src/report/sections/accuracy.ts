import { plural } from '../format.js';
import type { MakeSection } from '../figure.js';
import { html } from '../html/markup.js';
import { htmlTable } from '../html/table.js';
import { selectionWords } from '../../train/selection.js';
import { publishedOf } from '../published.js';
import { accuracyTable, beforeAfterTable } from '../tables/accuracy.js';
import { publishedAccuracyTable, publishedGainTable } from '../tables/published.js';
import { accuracyVerdict, beforeAfterVerdict } from '../verdicts/accuracy.js';
import { chartFigure, figureData, smallestGroup } from './parts.js';

/** Group accuracies of the selected checkpoint (article, Fig. 1). */
export const accuracySection: MakeSection = (report, groups, charts, figures) => {
  const { result } = report;
  if (!result) return undefined;
  const published = publishedOf(report.dataset);
  const beside = published && publishedAccuracyTable(published, result, groups);
  return {
    id: 'accuracy',
    title: 'Group accuracies (Fig. 1)',
    verdict: accuracyVerdict(result, groups),
    data: figureData(figures, report),
    body: html`<div class="charts">
        ${chartFigure(charts.get('fig1'))}
        <div class="beside">
          <p>
            ${
              result.epochs === 0
                ? 'The checkpoint,'
                : `The checkpoint of epoch ${result.bestEpoch}, ${result.select === 'last' ? 'the last' : `which has the best ${selectionWords(result.select)}`} of ${plural(result.epochs, 'epoch')},`
            }
            evaluated once on every split in evaluation mode.
          </p>
          <p>${smallestGroup(result.train.total, groups, 'training')}</p>
          <p>${smallestGroup(result.test.total, groups, 'test')}</p>
          <p>This is one run: its numbers do not show the spread over seeds.</p>
        </div>
      </div>
      ${htmlTable(accuracyTable(result, groups))} ${beside && htmlTable(beside)}`,
  };
};

/** Test accuracies of the run that this one started from, and of this one (article, Fig. 6). */
export const beforeAfterSection: MakeSection = ({ before, result: after, dataset, arch }, groups) => {
  if (!before || !after) return undefined;
  const published = publishedOf(dataset);
  const beside = published && publishedGainTable(published, arch, before, after);
  return {
    id: 'before-after',
    title: 'Before and after (Fig. 6)',
    verdict: beforeAfterVerdict(before, after),
    body: html`${htmlTable(beforeAfterTable(before, after, groups))} ${beside && htmlTable(beside)}
      <p class="note">
        ${smallestGroup(after.test.total, groups, 'test')} This is one run: a claim needs several seeds, and
        controls that lack a part of the method.
      </p>`,
  };
};
