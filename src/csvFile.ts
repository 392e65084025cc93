import { stringify } from 'csv-stringify/sync';
import { writeAtomic } from './files.js';

/** A text that a spreadsheet would compute, and apostrophes before it. */
const FORMULA = /^'*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/;

/** Returns rows as CSV with a header. Texts that a spreadsheet would compute begin with an apostrophe, which `textOfCell` removes. */
export function csvText(rows: readonly object[], columns?: readonly string[]): string {
  const string = (text: string): string => (FORMULA.test(text) ? `'${text}` : text);
  return stringify([...rows], { header: true, cast: { string }, ...(columns && { columns: [...columns] }) });
}

/** Returns the text of a cell that `csvText` wrote. */
export function textOfCell(cell: string): string {
  return cell.startsWith("'") && FORMULA.test(cell) ? cell.slice(1) : cell;
}

/** Writes rows with the same columns as a CSV file with a header. Throws as `writeAtomic`. */
export async function writeCsv(path: string, rows: readonly object[]): Promise<void> {
  await writeAtomic(path, csvText(rows));
}

/** Writes a data set's table, whose texts stay as they are. Throws as `writeAtomic`. */
export async function writeDataTable(path: string, rows: readonly object[]): Promise<void> {
  await writeAtomic(path, stringify([...rows], { header: true }));
}
