import { structured } from '../../experiments/traces.js';
import { distinct, groupedBy, numberOf, numbers, type Row } from '../../kit/rows.js';
import { list, pivot } from '../../kit/table.js';
import { mean } from '../../metrics/statistics.js';
import { marked } from '../changes.js';
import { claim } from '../claim.js';
import { resultOf } from '../figure.js';
import { signed, SPLIT_NAME } from '../format.js';
import { groupNameIn, type Groups, groupsOfKind } from '../groupLabels.js';
import { foldedTable, html } from '../html/html.js';
import { matrix } from '../matrix.js';
import { measuredTable } from '../measured.js';
import { layerRows, perNull } from '../rows.js';
import { rowsFigure } from '../rowsFigure.js';

const CELL = ['criterion', 'layer', 'group', 'k'] as const;

/** The change of each group after zeroing the neurons of one layer that were chosen for it (article, Fig. 7). */
export const fig7 = rowsFigure({
  name: 'fig7',
  title: 'Zeroing the top neurons of each layer',
  needs: { others: [structured] },
  rows: (source) => {
    const layers = resultOf(source, structured);
    return layers ? layerRows(layers, source.dataset.groupNames) : [];
  },
  parts: (rows, groups) => {
    const split = SPLIT_NAME[rows[0]?.split as keyof typeof SPLIT_NAME];
    const groupName = groupNameIn(groups);
    return {
      verdict: layersVerdict(rows, groups),
      charts: distinct(rows, 'criterion').flatMap((criterion) =>
        matrix(
          rows.filter((row) => row.criterion === criterion),
          {
            name: `fig7-${String(criterion)}`,
            title: `Layers, by ${String(criterion)}`,
            notes: [`rows: layers, whose top-k neurons are zeroed; change of ${split} accuracy`],
            groups,
            facet: ['k'],
            down: ['layer'],
            value: 'change',
            band: 'sameLayersAccuracy',
          },
        ),
      ),
      tables: [
        ...groupedBy(rows, ['criterion']).flatMap((ofCriterion) =>
          pivot(
            ofCriterion,
            { down: ['layer'], across: ['k', 'group'], cell: 'change' },
            {
              caption: `Change of ${split} accuracy in points, by ${String(ofCriterion[0]?.criterion)} (k and group)`,
              groupName,
              ...marked(ofCriterion),
            },
          ),
        ),
        ...list(
          rows.filter((row) => numberOf(row, 'lost') + numberOf(row, 'gained') > 0),
          [...CELL, 'lost', 'gained'],
          {
            caption: 'Samples that became wrong, and right',
            groupName,
          },
        ),
      ],
    };
  },
  more: (source) => {
    const layers = resultOf(source, structured);
    return html`${layers && foldedTable(measuredTable(layers))}`;
  },
});

/** Whether layers' chosen neurons matter beyond random ones, by null, and to which groups. */
function layersVerdict(rows: readonly Row[], groups: Groups): string[] {
  const compared = perNull(rows);
  const claims = distinct(compared, 'null').flatMap((null_) =>
    claim(
      compared.filter((row) => row.null === null_),
      {
        what: `a layer’s chosen neurons cost their group more than random neurons ${String(null_)}`,
        opposite: `a layer’s chosen neurons help their group more than random neurons ${String(null_)}`,
        sign: -1,
        estimate: 'change',
        than: 'randomAccuracyMean',
        p: 'randomAccuracyP',
        sets: CELL,
        groups,
      },
    ),
  );
  const [minority, majority] = [true, false].map((kind) =>
    numbers(rows, 'change').filter(
      (change, at) => Number.isFinite(change) && groupsOfKind(groups, kind).includes(Number(rows[at]?.group)),
    ),
  ) as [number[], number[]];
  if (minority.length === 0 || majority.length === 0) return claims;
  return [
    ...claims,
    `On the mean over layers, minority groups change by ${signed(mean(minority))} and majority groups by ${signed(mean(majority))}.`,
  ];
}
