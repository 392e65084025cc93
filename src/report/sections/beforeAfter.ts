import type { GroupLabel } from '../groups.js';
import { html } from '../markup.js';
import type { RunReport } from '../reportData.js';
import { table } from '../table.js';
import { groupName, percentText, pointsText, smallestGroup } from './parts.js';
import type { Section } from './section.js';

/** Test accuracies of the run that this one started from, and of this one (article, Fig. 6). */
export function beforeAfterSection(
  { before, result: after }: RunReport,
  groups: readonly GroupLabel[],
): Section | undefined {
  if (!before || !after) return undefined;
  const row = (was: number | undefined, is: number | undefined): string[] => [
    percentText(was),
    percentText(is),
    pointsText((is ?? Number.NaN) - (was ?? Number.NaN)),
  ];
  return {
    id: 'before-after',
    title: 'Before and after (Fig. 6)',
    body: html`${table(
        `Test accuracy of each group before (${before.kind}) and after (${after.kind}), and the change in points.`,
        [{ name: 'Group' }, { name: 'before' }, { name: 'after' }, { name: 'change' }],
        groups.map((group) => ({
          heading: groupName(group),
          cells: row(before.test.accuracy[group.index], after.test.accuracy[group.index]),
        })),
        [
          {
            heading: 'worst group',
            cells: row(before.test.worstGroupAccuracy, after.test.worstGroupAccuracy),
          },
          { heading: 'test-set average', cells: row(before.test.average, after.test.average) },
        ],
      )}
      <p class="note">
        ${smallestGroup(after.test.total, groups, 'test')} This is one run: a claim needs several seeds, and
        controls that lack a part of the method.
      </p>`,
  };
}
