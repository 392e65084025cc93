import { z } from 'zod';
import { SpurmemError } from '../errors.js';
import { nearestNames } from '../nearest.js';

/** What a table tells of an image. */
const COLUMN_ROLES = ['filename', 'y', 'split', 'a'] as const;
/** What a column of a table is for. */
export type ColumnRole = (typeof COLUMN_ROLES)[number];

/**
 * The name of the column that holds each: the image's file, the class, the split and the spurious attribute, which may be left
 * out: then groups are classes.
 */
export type Columns = Readonly<Record<Exclude<ColumnRole, 'a'>, string> & { readonly a?: string }>;

/** Waterbirds as released, and the tables that group-DRO writes. */
export const WATERBIRDS_COLUMNS = {
  filename: 'img_filename',
  y: 'y',
  split: 'split',
  a: 'place',
} as const satisfies Columns;
/** SubpopBench's `id,filename,split,y,a`. */
export const SUBPOPBENCH_COLUMNS = {
  filename: 'filename',
  y: 'y',
  split: 'split',
  a: 'a',
} as const satisfies Columns;

/** A mapping as text. */
export const COLUMNS_EXAMPLE = 'filename=path,y=label,split=fold,a=background';

/** The same as text. */
export function columnsAsText(columns: Columns): string {
  return COLUMN_ROLES.flatMap((role) =>
    columns[role] === undefined ? [] : [`${role}=${columns[role]}`],
  ).join();
}

/**
 * Parses a column mapping such as `filename=path,y=label,split=fold,a=background`. A name with a comma can only be
 * given in dataset.json.
 *
 * @throws SpurmemError `USAGE` naming the part that is wrong, the key that is unknown or the keys that are missing
 */
export function parseColumns(text: string): Columns {
  const refuse = (problem: string) =>
    new SpurmemError('USAGE', `\`columns\` ${problem}.`, {
      parameter: 'columns',
      value: text,
      expected: `a mapping such as ${COLUMNS_EXAMPLE}`,
      advice: [`Write it as ${COLUMNS_EXAMPLE}.`],
    });
  const found = new Map<ColumnRole, string>();
  for (const part of text.split(',')) {
    const equals = part.indexOf('=');
    const key = part.slice(0, Math.max(equals, 0)).trim();
    const name = part.slice(equals + 1).trim();
    if (key === '' || name === '')
      throw refuse(`has the part ${JSON.stringify(part)}, which is not key=column`);
    const role = COLUMN_ROLES.find((known) => known === key);
    if (role === undefined) {
      const nearest = nearestNames(key, COLUMN_ROLES, 1).join('');
      throw refuse(`has the unknown key ${JSON.stringify(key)}; the nearest is ${nearest}`);
    }
    if (found.has(role)) throw refuse(`names the key ${role} twice`);
    found.set(role, name);
  }
  const [filename, y, split, a] = COLUMN_ROLES.map((role) => found.get(role));
  if (filename === undefined || y === undefined || split === undefined) {
    throw refuse(`lacks ${COLUMN_ROLES.filter((role) => role !== 'a' && !found.has(role)).join(', ')}`);
  }
  const columns = { filename, y, split, ...(a === undefined ? {} : { a }) };
  const problem = sharedColumn(columns);
  if (problem !== undefined) throw refuse(problem);
  return columns;
}

const columnName = z.string().trim().min(1);

/** Checks a mapping. */
export const columnsSchema: z.ZodType<Columns> = z
  .strictObject({ filename: columnName, y: columnName, split: columnName, a: columnName.exactOptional() })
  .check(({ value, issues }) => {
    const problem = sharedColumn(value);
    if (problem !== undefined) issues.push({ code: 'custom', input: value, message: problem });
  });

/** What is wrong with a mapping in which two keys name one column, or undefined. */
function sharedColumn(columns: Columns): string | undefined {
  for (const [index, role] of COLUMN_ROLES.entries()) {
    if (columns[role] === undefined) continue;
    const other = COLUMN_ROLES.slice(0, index).find((earlier) => columns[earlier] === columns[role]);
    if (other !== undefined) return `names ${JSON.stringify(columns[role])} for both ${other} and ${role}`;
  }
  return undefined;
}
