import { articleName } from '../report/studyReport.js';
import { focusTable, studyTable } from '../report/studyTable.js';
import type { Part2StudyResult } from '../reproduce/part2.js';
import { textTable } from './textTable.js';

/** A study as text: its rows, and what its focus gains over each other setting. */
export function studyTables(study: Part2StudyResult): string {
  const { columns, rows } = studyTable(study);
  const focus = focusTable(study);
  return [
    `${articleName(study.kind)}: ${study.title}`,
    textTable(columns, rows),
    ...(focus ? [textTable(focus.columns, focus.rows)] : []),
  ].join('\n');
}
