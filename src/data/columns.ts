import { z } from 'zod';
import { SpurmemError } from '../errors.js';
import { nearestNames } from '../nearest.js';

/** The columns that tell of an image. */
const COLUMN_ROLES = ['filename', 'y', 'split', 'a'] as const;
export type ColumnRole = (typeof COLUMN_ROLES)[number];

const name = z.string().trim().min(1);
/** The columns with the image, the class, the split and the attribute. */
const mapping = z.strictObject({ filename: name, y: name, split: name, a: name.exactOptional() });
/** The names of a table's columns by their roles. Without `a`, the spurious attribute, groups are classes. */
export type Columns = Readonly<z.infer<typeof mapping>>;

/** Checks a mapping. */
export const columnsSchema: z.ZodType<Columns> = mapping.superRefine((columns, context) => {
  const message = sharedColumn(columns);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});

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
    const column = part.slice(equals + 1).trim();
    if (key === '' || column === '')
      throw refuse(`has the part ${JSON.stringify(part)}, which is not key=column`);
    const role = COLUMN_ROLES.find((known) => known === key);
    if (role === undefined) {
      const nearest = nearestNames(key, COLUMN_ROLES, 1).join('');
      throw refuse(`has the unknown key ${JSON.stringify(key)}; the nearest is ${nearest}`);
    }
    if (found.has(role)) throw refuse(`names the key ${role} twice`);
    found.set(role, column);
  }
  const lacking = COLUMN_ROLES.filter((role) => role !== 'a' && !found.has(role));
  if (lacking.length > 0) throw refuse(`lacks ${lacking.join(', ')}`);
  const columns = Object.fromEntries(found) as unknown as Columns;
  const problem = sharedColumn(columns);
  if (problem !== undefined) throw refuse(problem);
  return columns;
}

/** The problem of a mapping in which two keys name one column. */
function sharedColumn(columns: Columns): string | undefined {
  for (const [index, role] of COLUMN_ROLES.entries()) {
    if (columns[role] === undefined) continue;
    const other = COLUMN_ROLES.slice(0, index).find((earlier) => columns[earlier] === columns[role]);
    if (other !== undefined) return `names ${JSON.stringify(columns[role])} for both ${other} and ${role}`;
  }
  return undefined;
}
