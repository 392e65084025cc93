import { groupRows, imageRows } from '../experiments/memorization.js';
import { distinct, type Row } from '../kit/rows.js';
import { list, type Table } from '../kit/table.js';
import { dots } from '../report/chart.js';
import type { NamedChart } from '../report/vega/render.js';
import type { RecordSource } from './records.js';

const groupOf = ({ group, class: label, attribute }: Row): string =>
  `G${String(group)} (${[label, attribute].filter((text) => text !== null && text !== '').join(', ')})`;

/** Returns the table of models' answers by group; none without rows. */
export function memorizationTable(rows: readonly Row[]): Table[] {
  const names = new Map(rows.map((row) => [row.group, groupOf(row)]));
  return list(rows, ['stage', 'group', 'n', 'images', 'rightIn', 'rightOut', 'memorization', 'memorized'], {
    caption: 'Memorization: accuracy on images that a model trained on, minus on images that it left out',
    notes: ['means over models, 95 % intervals; a model is a pair'],
    groupName: (group) => names.get(group) ?? `G${group}`,
  });
}

/** Returns the table of recorded answers. None if none are recorded. */
export async function memorizationTables(records: RecordSource): Promise<Table[]> {
  return memorizationTable(groupRows(await records.read('predictions')));
}

/** Draws the memorization of each group: a dot per model. */
export async function memorizationChart(records: RecordSource): Promise<NamedChart[]> {
  const rows = groupRows(await records.read('predictions'));
  const isOne = distinct(rows, 'stage').length <= 1;
  return dots(
    rows.map((row) => ({ ...row, arm: `${isOne ? '' : `${String(row.stage)}, `}${groupOf(row)}` })),
    {
      name: `${records.name}-memorization`,
      title: `${records.name}: memorization of single images`,
      groups: [],
      down: ['arm'],
      x: 'memorization',
    },
  );
}

/** Returns a row per image and arm, for `memorization.csv`. */
export async function memorizationRows(records: RecordSource): Promise<Row[]> {
  return imageRows(await records.read('predictions'));
}
