import { SpurmemError } from '../errors.js';
import { requireKnownNames } from '../settings/names.js';
import type * as z from '../zod.js';

/** Max problems of a file that a message names. */
const MAX_NAMED = 5;

/** Returns the problems that zod found in a file, each with the path of its key, in one line; at most MAX_NAMED. */
export function describeIssues({ issues }: z.ZodError): string {
  const named = issues
    .slice(0, MAX_NAMED)
    .map(({ path, message }) => (path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`));
  const others = issues.length - named.length;
  return [...named, ...(others > 0 ? [`and ${others} more`] : [])].join('; ');
}

/** Checks a caller's options, and gives them their canonical form. Throws `USAGE`, beginning with `problem`, naming the wrong ones. */
export function parseOptions<Schema extends z.ZodObject>(
  schema: Schema,
  given: unknown,
  problem: string,
): z.output<Schema> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  if (typeof given === 'object' && given !== null) requireKnownNames(given, schema.shape);
  const issues = parsed.error.issues.map(({ path, message }) => ({ ...parameterOf(path), message }));
  const described = issues.map(({ parameter, place, message }) =>
    parameter === undefined ? message : `\`${parameter}\`${place}: ${message}`,
  );
  const [parameter, ...others] = new Set(issues.map((issue) => issue.parameter));
  throw new SpurmemError('USAGE', `${problem}: ${described.join('; ')}.`, {
    ...(parameter === undefined || others.length > 0 ? {} : { parameter, value: valueAt(given, parameter) }),
  });
}

/** A parameter's path, and the place in its value. */
function parameterOf(path: readonly PropertyKey[]) {
  const end = path.findIndex((key) => typeof key !== 'string');
  const names = end === -1 ? path : path.slice(0, end);
  const place = path.slice(names.length).map((key) => `[${String(key)}]`);
  return { parameter: names.length === 0 ? undefined : names.map(String).join('.'), place: place.join('') };
}

function valueAt(given: unknown, parameter: string): unknown {
  return parameter
    .split('.')
    .reduce<unknown>(
      (value, key) =>
        typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined,
      given,
    );
}
