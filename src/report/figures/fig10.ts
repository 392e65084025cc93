import type { GradCamResult, GroupHeat, MeanShare } from '../../experiments/gradCamResult.js';
import type { Figure, FigureRow } from '../figure.js';
import { gradCamSection } from '../sections/gradCam.js';
import { heatTable } from '../tables/heat.js';

export const fig10: Figure = {
  name: 'fig10',
  title: 'Grad-CAM',
  needs: { results: ['gradCam'] },
  rows: ({ gradCam, dataset }) => (gradCam ? heatRows(gradCam, dataset.groupNames) : []),
  tables: ({ gradCam }, groups) => (gradCam ? [heatTable(gradCam, groups)] : []),
  sections: [gradCamSection],
};

/** A row for each group: its share of the heat before and after, and their difference. */
function heatRows(
  { split, layer, output, groups, before, after }: GradCamResult,
  groupNames: readonly string[],
): FigureRow[] {
  return groups.map((group) => ({
    ...{ split, layer, output, group: group.group },
    ...{ name: groupNames[group.group] ?? '', images: group.images },
    ...(before ? { before: before.run, ...heatColumns('before', group.before) } : {}),
    ...{ after: after.run, ...heatColumns('after', group.after) },
    ...(before ? meanColumns('difference', group.difference) : {}),
  }));
}

function heatColumns(when: 'before' | 'after', heat: GroupHeat | null): FigureRow {
  return { ...meanColumns(`${when}Share`, heat?.share ?? null), [`${when}Blank`]: heat?.blank ?? null };
}

function meanColumns(name: string, share: MeanShare | null): FigureRow {
  return {
    [name]: share?.mean ?? null,
    [`${name}Low`]: share?.interval?.[0] ?? null,
    [`${name}High`]: share?.interval?.[1] ?? null,
    [`${name}Images`]: share?.images ?? null,
  };
}
