import { plural } from '../format.js';
import type { MakeSection } from '../figure.js';
import { html } from '../html/markup.js';
import { htmlTable } from '../html/table.js';
import { selectionWords } from '../../train/selection.js';
import { accuracyTable, beforeAfterTable } from '../tables/accuracy.js';
import { chartFigure, smallestGroup } from './parts.js';

/** Group accuracies of the selected checkpoint (article, Fig. 1). */
export const accuracySection: MakeSection = ({ result }, groups, charts) => {
  if (!result) return undefined;
  return {
    id: 'accuracy',
    title: 'Group accuracies (Fig. 1)',
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
      ${htmlTable(accuracyTable(result, groups))}`,
  };
};

/** Test accuracies of the run that this one started from, and of this one (article, Fig. 6). */
export const beforeAfterSection: MakeSection = ({ before, result: after }, groups) => {
  if (!before || !after) return undefined;
  return {
    id: 'before-after',
    title: 'Before and after (Fig. 6)',
    body: html`${htmlTable(beforeAfterTable(before, after, groups))}
      <p class="note">
        ${smallestGroup(after.test.total, groups, 'test')} This is one run: a claim needs several seeds, and
        controls that lack a part of the method.
      </p>`,
  };
};
