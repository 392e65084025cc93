import { readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { messageOf, SpurmemError, systemCode } from '../errors.js';
import { readText } from '../files.js';
import { requirePlain } from '../plainData.js';
import { nearestSentence } from '../settings/names.js';
import * as z from '../zod.js';
import { checkStudy } from './check.js';
import { type Study, studySchema } from './schema.js';

/** The documents that the package ships. */
const SHIPPED = fileURLToPath(new URL('../../studies/built-in/', import.meta.url));

/** Bounds the time that a parser takes; the longest document of ours has 7,000 characters. */
const MAX_LENGTH = 2 ** 17;

/** A caller's values in place of a document's own. */
export interface StudyOverrides {
  /** The folder of the data, for a document with one data set. */
  readonly data?: string | undefined;
  /** Where runs go. */
  readonly out?: string | undefined;
  readonly seeds?: readonly number[] | undefined;
  /** Values of keys, such as `settings.data.lr=0.001`, in YAML. */
  readonly set?: readonly string[] | undefined;
}

/** Returns the names of the documents in the package. */
export function shippedStudies(): string[] {
  return readdirSync(SHIPPED)
    .map((name) => basename(name, '.yaml'))
    .sort();
}

/**
 * Reads a study: a file in YAML or JSON, or a document in the package, by its name. Throws `USAGE` naming the file, the invalid
 * key, and the nearest name.
 */
export async function readStudy(file: string, overrides: StudyOverrides = {}): Promise<Study> {
  const isShipped = /^[\w-]+$/.test(file) && shippedStudies().includes(file);
  const path = isShipped ? join(SHIPPED, `${file}.yaml`) : file;
  const content = await readContent(path, file);
  let document;
  try {
    document = studySchema.parse(requirePlain(overridden(content, overrides, file)));
  } catch (error) {
    if (error instanceof SpurmemError) throw error;
    const reason = error instanceof z.ZodError ? z.prettifyError(withKeys(error)) : messageOf(error);
    throw new SpurmemError('USAGE', `${file} is no study: ${reason}`, { cause: error });
  }
  const { records, runs } = document;
  const study = {
    ...document,
    path: file,
    recordsFolder: records === undefined ? join(runs, 'records') : resolve(dirname(path), records),
  };
  checkStudy(study);
  return study;
}

async function readContent(path: string, file: string): Promise<unknown> {
  try {
    const text = await readText(path);
    if (text.length > MAX_LENGTH) throw new Error(`it has more than ${MAX_LENGTH} characters.`);
    // Anchors may be merged into other parts: `<<: *arm`.
    return requirePlain(parse(text, { merge: true }));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      const problem = `${file}: there is no such file. ${nearestSentence(file, shippedStudies())}`;
      throw new SpurmemError('USAGE', problem, { cause: error });
    }
    throw new SpurmemError('USAGE', `${file} is no study: ${messageOf(error)}`, { cause: error });
  }
}

/** Returns a document with a caller's values in place of its own. */
function overridden(content: unknown, { data, out, seeds, set = [] }: StudyOverrides, file: string): unknown {
  const values: [string[], unknown][] = set.map((text) => {
    const [, key = '', value = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (key === '') throw misuse('set', text, 'it takes a key and its value, such as seeds=[0,1].');
    return [key.split('.'), parse(value)];
  });
  if (out !== undefined) values.push([['runs'], out]);
  if (seeds !== undefined) values.push([['seeds'], seeds]);
  if (data !== undefined) values.push([['data', ownData(content, file, data), 'path'], data]);
  return values.reduce((all, [keys, value]) => withValue(all, keys, value), content);
}

/** Returns the name of a document's only data set. */
function ownData(content: unknown, file: string, given: string): string {
  const names = Object.keys((content as { data?: object } | null)?.data ?? {});
  const [name] = names;
  if (name !== undefined && names.length === 1) return name;
  throw misuse('data', given, `${file} has ${names.length} data sets, whose folders it names.`);
}

function misuse(parameter: string, value: string, problem: string): SpurmemError {
  return new SpurmemError('USAGE', `\`${parameter}\` is ${value}: ${problem}`, { parameter, value });
}

function withValue(content: unknown, [key, ...others]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  if (Array.isArray(content)) {
    return content.map((one: unknown, at) => (String(at) === key ? withValue(one, others, value) : one));
  }
  const values = (typeof content === 'object' && content !== null ? content : {}) as Record<string, unknown>;
  const own = Object.hasOwn(values, key) ? values[key] : undefined;
  return { ...values, [key]: withValue(own, others, value) };
}

/** Returns the error with the details on keys that zod omits from its text. */
function withKeys({ issues }: z.ZodError): z.ZodError {
  const ofKey = (issue: z.core.$ZodIssue): z.core.$ZodIssue[] =>
    issue.code === 'invalid_key' ? issue.issues.map((own) => ({ ...own, path: issue.path })) : [issue];
  return new z.ZodError(issues.flatMap(ofKey));
}
