import Table from 'cli-table3';
import type { Dataset } from '../data/dataset.js';
import type { GradCamResult, GroupHeat, MeanShare } from '../experiments/gradCamResult.js';
import { MISSING, percent, percentRange, points, pointsRange, SPLIT_NAME } from '../report/format.js';
import { groupLabels } from '../report/groups.js';

/** The share of the heat in the core region, a row a group: of one run, or of two with the difference. */
export function gradCamTable(dataset: Dataset, result: GradCamResult): string {
  const { before, after, coreRegion, groups, layer, cells, output, outputName, split } = result;
  const labels = groupLabels(dataset.groupNames, dataset.minorityGroups);
  const head = [
    'group',
    'images',
    ...(before ? [`before: ${before.run}`, `after: ${after.run}`, 'after - before'] : [after.run]),
    'without heat',
  ];
  const table = new Table({
    head,
    colAligns: head.map((_, column) => (column === 0 ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  });
  for (const row of groups) {
    table.push([
      labels[row.group]?.full ?? '',
      String(row.images),
      ...(row.before ? [shareText(row.before)] : []),
      shareText(row.after),
      ...(row.before ? [differenceText(row.difference)] : []),
      row.before ? `${row.before.blank}, ${row.after.blank}` : String(row.after.blank),
    ]);
  }
  return [
    table.toString(),
    coreRegion
      ? 'share of the heat in the core region in percent, difference in points, each with its 95 % interval'
      : 'no shares: the dataset has no coreRegion',
    `Grad-CAM of ${layer} (${cells.join(' x ')} cells) for output ${output} (${outputName}), ${SPLIT_NAME[split]} images; ` +
      'without heat: images in which nothing speaks for the output',
    ...(labels.some(({ minority }) => minority) ? ['* minority group'] : []),
  ].join('\n');
}

function shareText({ share }: GroupHeat): string {
  return share ? `${percent(share.mean)} ${percentRange(share.interval)}` : MISSING;
}

function differenceText(difference: MeanShare | null): string {
  return difference ? `${points(difference.mean)} ${pointsRange(difference.interval)}` : MISSING;
}
