/** A cell of a row. Lists hold the numbers of replicates. */
type Value = string | number | boolean | null | readonly number[];

/** One measurement and its settings: accuracies are fractions, unknown values null. */
export type Row = Readonly<Record<string, Value>>;

/** A row of a file or a record, which has no lists. */
export type CsvRow = Readonly<Record<string, string | number | null>>;

/** Rows that have these values. */
export function select<Of extends Row>(rows: readonly Of[], wanted: Row): Of[] {
  return rows.filter((row) => Object.entries(wanted).every(([column, value]) => row[column] === value));
}

/** Whether a row has these values in the columns that it has. */
export function isOf(row: Row, set: Row): boolean {
  return Object.entries(set).every(([column, value]) => row[column] === undefined || row[column] === value);
}

/** Indexes rows with the same columns. Returns a function that reports whether any of them matches a key, as in `isOf`. */
export function lookup(rows: readonly Row[]): (key: Row) => boolean {
  const known = new Map<string, Set<string>>();
  return (key) => {
    const columns = Object.keys(key).filter((name) => rows[0]?.[name] !== undefined);
    const valuesOf = (row: Row): string => JSON.stringify(columns.map((name) => row[name]));
    const values = known.get(columns.join()) ?? new Set(rows.map(valuesOf));
    known.set(columns.join(), values);
    return values.has(valuesOf(key));
  };
}

/** A column's distinct values, in order of appearance. */
export function distinct<Of extends Row>(rows: readonly Of[], column: string): Of[string][] {
  return [...new Set(rows.map((row) => (row[column] ?? null) as Of[string]))];
}

/** Columns whose values rows have in common, or a function of a row. */
export type Key<Of = Row> = readonly string[] | ((row: Of) => unknown);

/** Groups rows with equal keys, in order of appearance. */
export function groupedBy<Of extends object>(rows: readonly Of[], by: Key<Of>): Of[][] {
  const keyOf = typeof by === 'function' ? by : (row: Of) => by.map((column) => (row as Row)[column] ?? null);
  const groups = new Map<string, Of[]>();
  for (const row of rows) {
    const key = JSON.stringify(keyOf(row));
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return [...groups.values()];
}

/** A row's values in some columns; null if it has none. */
export function pick(row: Row | undefined, columns: readonly string[]): Row {
  return Object.fromEntries(columns.map((column) => [column, row?.[column] ?? null]));
}

/** Rows for a CSV file: all with the columns that any has, without lists. */
export function csvRows(rows: readonly Row[]): CsvRow[] {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const shown = columns.filter((name) => !rows.some((row) => Array.isArray(row[name])));
  return rows.map((row) =>
    Object.fromEntries(
      shown.map((name) => {
        const value = row[name] ?? null;
        return [name, typeof value === 'number' || value === null ? value : String(value)];
      }),
    ),
  );
}

/** A column's number, or NaN. */
export function numberOf(row: Row | undefined, column: string): number {
  const value = row?.[column];
  return typeof value === 'number' ? value : Number.NaN;
}

/** A column's numbers; NaN for rows without one. */
export function numbers(rows: readonly Row[], column: string): number[] {
  return rows.map((row) => numberOf(row, column));
}

/** The groups for which a row has a column, such as `accuracy0`. */
export function groupsIn(row: Row | undefined, column: string): number[] {
  return Object.keys(row ?? {}).flatMap((name) => {
    const [, group] = new RegExp(`^${column}(\\d+)$`).exec(name) ?? [];
    return group === undefined ? [] : [Number(group)];
  });
}
