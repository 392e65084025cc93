import type { GradCamResult } from '../experiments/gradCamResult.js';
import { heatTable } from '../report/figures/gradCam/fig10.js';
import { groupLabels, type NamedGroups } from '../report/groupLabels.js';
import { textTable } from './textTable.js';

/** The share of the heat in the core region, a row a group: of one run, or of two with the difference. */
export function gradCamTable(dataset: NamedGroups, result: GradCamResult, color: boolean): string {
  return textTable(heatTable(result, groupLabels(dataset)), { color });
}
