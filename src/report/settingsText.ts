import { type ColumnName, columnNamed, written } from '../kit/columns.js';
import { numberOf, type Row } from '../kit/rows.js';
import { SPLIT_NAME } from './format.js';
import { groupNameIn, type Groups } from './groupLabels.js';
import { plain } from './text.js';

/** What stands for the group of neurons that a criterion chooses for every group alike. */
export const EVERY_GROUP = 'every group';

const SHORT: Readonly<Record<string, string>> = { k: 'k', sigma: 'σ' };

/** A setting as text: `G2*` for a group, `training` for a split. */
function settingText(value: Row[string], column: string, groups: Groups): string {
  if (typeof value === 'number' && (column === 'group' || column === 'chosenFor')) {
    return groupNameIn(groups)(value);
  }
  return column === 'split' ? SPLIT_NAME[value as keyof typeof SPLIT_NAME] : plain(String(value));
}

/** The settings of a row in words: `gradient, for G2*, k = 3, σ = 0.005`. Those that it lacks are left out. */
export function settingsText(row: Row, columns: readonly ColumnName[], groups: Groups): string {
  return columns
    .filter((column) => (row[column] ?? '') !== '')
    .map((column) => {
      const text = settingText(row[column] ?? '', column, groups);
      if (column in SHORT) return `${SHORT[column]} = ${text}`;
      return column === 'chosenFor' ? `for ${text}` : text;
    })
    .join(', ');
}

/** A measure with its interval and unit: `-10.71 [-19.64, +3.57] points`. */
export function estimateText(row: Row, measure: ColumnName): string {
  const column = columnNamed(measure);
  const percent = column.signed ? 'points' : '%';
  const ends = [numberOf(row, `${measure}Low`), numberOf(row, `${measure}High`)];
  return [
    written(numberOf(row, measure), column),
    ...(ends.every(Number.isFinite) ? [`[${ends.map((end) => written(end, column)).join(', ')}]`] : []),
    ...(column.unit === 'percent' ? [percent] : column.unit === 'number' ? [] : [column.unit ?? '']),
  ]
    .filter((text) => text !== '')
    .join(' ');
}
