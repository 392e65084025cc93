import { CsvError } from 'csv-parse';
import { parse } from 'csv-parse/sync';
import { messageOf, SpurmemError } from '../errors.js';

/**
 * Hands over the rows of a CSV file in order, the header among them; empty lines are left out. Rows are not kept,
 * since CelebA's list has eight million cells. Throws `DATASET_INVALID` naming the file and the line of a bad row.
 *
 * @param onRow takes the cells and the 1-based line, the last one of a row whose quoted value spans several
 */
export function forEachCsvRow(
  file: string,
  bytes: Uint8Array,
  onRow: (cells: readonly string[], line: number) => void,
): void {
  let last = 0;
  try {
    parse(bytes, {
      bom: true,
      skip_empty_lines: true,
      on_record: (cells, { lines }) => {
        last = lines;
        onRow(cells, lines);
        return null;
      },
    });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    // An unclosed quote swallows the rest of the file: the row that opened it follows the last good one.
    const isOpen = error.code === 'CSV_QUOTE_NOT_CLOSED';
    const line = isOpen ? last + 1 : Number(error.lines);
    const problem = isOpen ? 'a quote is not closed' : messageOf(error);
    throw new SpurmemError(
      'DATASET_INVALID',
      `${file}:${line}: not a valid CSV row: ${problem}. Correct that row.`,
      { cause: error },
    );
  }
}

/** The cells of a CSV file's first row that is not empty; none where it is no CSV. */
export function firstCsvRow(bytes: Uint8Array): readonly string[] {
  try {
    return parse(bytes, { bom: true, skip_empty_lines: true, to: 1 })[0] ?? [];
  } catch (error) {
    if (error instanceof CsvError) return [];
    throw error;
  }
}
