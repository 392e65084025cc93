import { stringify } from 'csv-stringify/sync';
import { writeAtomic } from './files.js';

/** Writes rows with the same columns as a CSV file with a header. Throws as `writeAtomic`. */
export async function writeCsv(path: string, rows: readonly object[]): Promise<void> {
  await writeAtomic(path, stringify([...rows], { header: true }));
}
