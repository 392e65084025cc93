import type { TraceMemorizedResult } from '../../experiments/results.js';
import { memorized as trace } from '../../experiments/traces.js';
import { numberOf, type Row } from '../../kit/rows.js';
import { list } from '../../kit/table.js';
import { resultOf } from '../figure.js';
import { plural } from '../format.js';
import { groupNameIn } from '../groupLabels.js';
import { rowsFigure } from '../rowsFigure.js';

/** Returns a row per set of neurons and group: memorized images, compared with others of their margin. */
function memorizedRows({ entries }: TraceMemorizedResult): Row[] {
  return entries.map(({ interval, change, difference, ...entry }) => {
    const [low = null, high = null] = interval ?? [];
    const beyond = { beyondOthers: difference, beyondOthersLow: low, beyondOthersHigh: high };
    return { ...entry, marginChange: change, ...beyond };
  });
}

/** Whether neurons concern memorized images more than others of the same group and margin. */
export const memorized = rowsFigure({
  name: 'memorized',
  title: 'Memorized images under neurons zeroed, compared with others of the same margin',
  beyondArticle: true,
  needs: { others: [trace] },
  rows: (source) => {
    const made = resultOf(source, trace);
    return made ? memorizedRows(made) : [];
  },
  parts: (rows, groups) => ({
    verdict: rows.map((row) => verdictOf(row, groupNameIn(groups)(numberOf(row, 'group')))),
    charts: [],
    tables: list(
      rows,
      [
        ...(['criterion', 'k', 'chosenFor', 'group', 'memorized', 'others', 'compared'] as const),
        ...(['marginChange', 'otherChange', 'beyondOthers'] as const),
      ],
      {
        caption: 'Change of the margin beyond random neurons, in logits',
        notes: ['95 % intervals over the compared images of one model'],
        groupName: groupNameIn(groups),
      },
    ),
  }),
});

function verdictOf(row: Row, name: string): string {
  const [low, high] = [numberOf(row, 'beyondOthersLow'), numberOf(row, 'beyondOthersHigh')];
  const who = `${name}, ${String(row.criterion)}, k = ${String(row.k)}`;
  const compared = plural(numberOf(row, 'compared'), 'memorized image');
  if (Number.isNaN(low)) return `${who}: too few images to compare (${compared}).`;
  const says = high < 0 ? 'lose more than' : low > 0 ? 'lose less than' : 'are not shown to differ from';
  return `${who}: ${compared} ${says} others of the same margin.`;
}
