import { articleName } from '../report/format.js';
import { focusTable, studyTable } from '../report/study/tables.js';
import type { Part2StudyResult } from '../reproduce/part2.js';
import { textTable } from './textTable.js';

/** A study as text: its rows, and what its focus gains over each other setting. */
export function studyTables(study: Part2StudyResult, color: boolean): string {
  const focus = focusTable(study);
  return [
    `${articleName(study.kind)}: ${study.title}`,
    ...[studyTable(study), ...(focus ? [focus] : [])].map((table) => textTable(table, { color })),
  ].join('\n');
}
