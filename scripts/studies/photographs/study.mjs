// The study of studies/photographs/ that the scripts beside this one read, and how they print.
import { join } from 'node:path';
import { markdown } from '#src/cli/textTable.js';
import { readStudy } from '#src/reproduce/studyFile/schema.js';

/** Relative to the working directory. */
export const study = await readStudy(join('studies', 'photographs', 'study.yaml'));

/** Prints a table in Markdown. */
export function printTable(caption, columns, rows) {
  const texts = rows.map((row) => row.map(String));
  console.log(`\n${caption}\n\n${markdown(columns, texts)}`);
}
