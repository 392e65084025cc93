import type {
  GradCamResult,
  GroupComparison,
  GroupHeat,
  MeanShare,
} from '../../experiments/gradCamResult.js';
import { MISSING, percentRange, percentText, points, pointsRange, SPLIT_NAME } from '../format.js';
import { starNote, type GroupLabel } from '../views/groupLabels.js';
import { groupCell, type Cell, type Table } from './table.js';

/**
 * The share of the heat in the core region, a row a group: of one run, or of two with the difference (article, Fig. 10).
 */
export function heatTable(gradCam: GradCamResult, groups: readonly GroupLabel[]): Table {
  const { before, groups: comparisons } = gradCam;
  const models = before ? (['before', 'after'] as const) : (['after'] as const);
  const known = comparisons.some(({ core }) => typeof core === 'number');
  return {
    caption: 'Share of the heat in the core region: mean over images, with its 95 % interval by Student’s t',
    columns: [
      { name: 'Group' },
      { name: 'images' },
      ...(known ? [{ name: 'region' }] : []),
      ...models.map((name) => ({ name: before ? name : 'share' })),
      ...(before ? [{ name: 'after − before, points' }] : []),
      { name: before ? 'without heat, before and after' : 'without heat' },
    ],
    rows: comparisons.flatMap((comparison) => {
      const label = groups[comparison.group];
      if (!label) return [];
      return [
        [
          groupCell(label),
          String(comparison.images),
          ...(known ? [typeof comparison.core === 'number' ? percentText(comparison.core) : MISSING] : []),
          ...models.map((name) => shareCell(comparison[name])),
          ...(before ? [differenceCell(comparison.difference)] : []),
          blanks(comparison),
        ],
      ];
    }),
    notes: [...notesOf(gradCam), ...starNote(groups)],
  };
}

function shareCell(heat: GroupHeat | null): Cell {
  if (!heat?.share) return MISSING;
  const { mean, interval } = heat.share;
  return [percentText(mean), { kind: 'detail', text: interval ? percentRange(interval) : MISSING }];
}

function differenceCell(difference: MeanShare | null): Cell {
  if (!difference) return MISSING;
  const { mean, interval } = difference;
  return [points(mean), { kind: 'detail', text: interval ? pointsRange(interval) : MISSING }];
}

function blanks({ before, after }: GroupComparison): string {
  return before ? `${before.blank} and ${after.blank}` : String(after.blank);
}

function notesOf({ before, after, coreRegion, layer, cells, output, outputName, split }: GradCamResult) {
  return [
    before ? `before: ${before.run}, after: ${after.run}` : `run: ${after.run}`,
    ...(coreRegion ? [] : ['no shares: the dataset has no coreRegion']),
    ...(coreRegion
      ? ['region: its share of the image, which is that of a model that looks nowhere in particular']
      : []),
    `Grad-CAM of ${layer} (${cells.join(' x ')} cells) for output ${output} (${outputName}), ${SPLIT_NAME[split]} images; ` +
      'without heat: images in which nothing speaks for the output',
  ];
}
