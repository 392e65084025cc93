import Table from 'cli-table3';

/** Columns of names stand left, numbers right. */
const NAMES = /^(perturbation|criterion|setting)$| minus$/;

/** A table for the terminal. */
export function textTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({
    head: [...columns],
    colAligns: columns.map((column) => (NAMES.test(column) ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) table.push([...row]);
  return table.toString();
}
