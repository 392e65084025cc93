import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { messageOf, SpurmemError } from '../../errors.js';
import { writeJson } from '../../files.js';
import { nearestSentence } from '../../settings/names.js';
import { checkSettings, type SettingsTable } from '../../settings/setting.js';
import { methodNamed, TRAINING_METHODS } from '../../train/methods.js';
import { nameInFolder } from '../studyArm.js';

const settingsSchema = z.record(z.string(), z.unknown());
const entrySchema = z.strictObject({
  /** Its folder, and what others start from; default: the method's. */
  name: z
    .string()
    .regex(/^[\w.-]+$/, 'only letters, digits, points, dashes and underscores')
    .optional(),
  method: z.string(),
  /** The entry whose runs it starts from, each from that of the same seed. */
  from: z.string().optional(),
  settings: settingsSchema.default({}),
  /** Values of settings, of which every combination is a job. */
  grid: z.record(z.string(), z.array(z.unknown()).min(1)).default({}),
});
const sweepSchema = z.strictObject({
  out: z.string(),
  data: z.string(),
  seeds: z.array(z.number().int().min(0)).min(1),
  /** Of all entries whose method has them. */
  settings: settingsSchema.default({}),
  jobs: z.array(entrySchema).min(1),
});

type Entry = z.infer<typeof entrySchema>;
/** The error of an entry. */
type Refuse = (problem: string) => SpurmemError;

const jobSchema = z.strictObject({
  /** Its place in the plan, from 0 on. */
  index: z.number().int(),
  /** Jobs of a stage start from runs of earlier ones, and do not wait for one another. */
  stage: z.number().int(),
  entry: z.string(),
  method: z.string(),
  settings: settingsSchema,
  seed: z.number().int(),
  /** The run folder. */
  out: z.string(),
  /** The job whose run it starts from; null: it starts from the data. */
  from: z.number().int().nullable(),
});
const planSchema = z.strictObject({
  kind: z.literal('sweep-plan'),
  data: z.string(),
  jobs: z.array(jobSchema).min(1),
});

/** One run of a sweep. */
export type SweepJob = Readonly<z.infer<typeof jobSchema>>;
/** All runs of a sweep, each with its folder: what several machines share. */
export type SweepPlan = Readonly<z.infer<typeof planSchema>>;

/**
 * Expands a sweep: every entry with every combination of its grid and every seed is a job. Paths of folders are absolute from
 * here on.
 *
 * @param path a file in YAML or JSON: `out`, `data`, `seeds`, `settings`, `jobs` with `method`, `name`, `from`, `settings`, `grid`
 * @throws `USAGE` naming the file and the key that is wrong
 */
export async function planSweep(path: string): Promise<SweepPlan> {
  const sweep = await readAs(path, sweepSchema, 'sweep');
  const jobs: SweepJob[] = [];
  for (const [at, entry] of sweep.jobs.entries()) {
    const refuse = (problem: string): SpurmemError =>
      new SpurmemError('USAGE', `${path}, jobs[${at}]: ${problem}`);
    for (const job of jobsOf(entry, sweep, jobs, refuse)) jobs.push({ index: jobs.length, ...job });
  }
  for (const name of Object.keys(sweep.settings)) {
    const known = sweep.jobs.flatMap(({ method }) => Object.keys(methodNamed(method).settings));
    if (!known.includes(name)) {
      throw new SpurmemError('USAGE', `${path}, settings: ${unknownName('setting', name, known)}`);
    }
  }
  return { kind: 'sweep-plan', data: resolve(sweep.data), jobs };
}

/** The jobs of one entry, after those of the entries before it. */
function jobsOf(
  entry: Entry,
  { out, seeds, settings: shared }: z.infer<typeof sweepSchema>,
  earlier: readonly SweepJob[],
  refuse: Refuse,
): Omit<SweepJob, 'index'>[] {
  const names = TRAINING_METHODS.map(({ name }) => name);
  if (!names.includes(entry.method)) throw refuse(unknownName('method', entry.method, names));
  const name = entry.name ?? entry.method;
  if (earlier.some((job) => job.entry === name)) {
    throw refuse(`there is another entry named ${name}. Give it a \`name\`.`);
  }
  const { settings: table, startsFrom, name: method } = methodNamed(entry.method);
  const ofMethod = Object.entries(shared).filter(([setting]) => Object.hasOwn(table, setting));
  const jobs: Omit<SweepJob, 'index'>[] = [];
  for (const combination of combinationsOf(entry.grid)) {
    const settings = { ...Object.fromEntries(ofMethod), ...entry.settings, ...combination };
    requireKnown(table, settings, refuse);
    for (const seed of seeds) {
      for (const source of sourcesOf(entry, startsFrom, earlier, seed, refuse)) {
        const folder = [slug(combination), slug(source?.varied ?? {})].filter((part) => part !== '');
        jobs.push({
          ...{ stage: source ? source.job.stage + 1 : 0, entry: name, method, settings, seed },
          out: resolve(join(out, name, ...folder, `seed-${seed}`)),
          from: source?.job.index ?? null,
        });
      }
    }
  }
  return jobs;
}

/** Writes a plan, or leaves an equal one. Throws `RUN_EXISTS` where another plan is: its runs would be mixed with these. */
export async function writePlan(path: string, plan: SweepPlan): Promise<void> {
  if (existsSync(path)) {
    const before = await readPlan(path);
    if (JSON.stringify(before) === JSON.stringify(plan)) return;
    throw new SpurmemError('RUN_EXISTS', `${path} holds another plan, of ${before.jobs.length} jobs.`, {
      advice: ['Remove it, or choose another name.'],
    });
  }
  await writeJson(path, plan);
}

/** Reads a plan. Throws `USAGE` for a file that is none. */
export function readPlan(path: string): Promise<SweepPlan> {
  return readAs(path, planSchema, 'sweep\u2019s plan');
}

async function readAs<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
  what: string,
): Promise<z.output<Schema>> {
  try {
    return schema.parse(parse(await readFile(path, 'utf8')));
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    throw new SpurmemError('USAGE', `${path} is no ${what}: ${reason}`, { cause: error });
  }
}

function requireKnown(
  table: SettingsTable,
  settings: Readonly<Record<string, unknown>>,
  refuse: Refuse,
): void {
  for (const name of Object.keys(settings)) {
    if (!Object.hasOwn(table, name)) throw refuse(unknownName('setting', name, Object.keys(table)));
  }
  try {
    checkSettings(table, settings);
  } catch (error) {
    throw refuse(messageOf(error));
  }
}

function unknownName(what: string, name: string, known: readonly string[]): string {
  return `there is no ${what} ${JSON.stringify(name)}. ${nearestSentence(name, known)}`;
}

interface Source {
  readonly job: SweepJob;
  /** What tells it from other jobs of its entry with the same seed. */
  readonly varied: Readonly<Record<string, unknown>>;
}

/** The runs that an entry starts from with this seed; one of nothing where it starts from the data. */
function sourcesOf(
  { from }: Entry,
  startsFrom: 'data' | 'run',
  jobs: readonly SweepJob[],
  seed: number,
  refuse: Refuse,
): (Source | undefined)[] {
  if (startsFrom === 'data') {
    if (from !== undefined) throw refuse('it starts from the data, and takes no `from`.');
    return [undefined];
  }
  const earlier = [...new Set(jobs.map(({ entry }) => entry))];
  if (from === undefined || !earlier.includes(from)) {
    const said = from === undefined ? '`from` is missing' : `\`from\` is ${from}`;
    throw refuse(
      `it starts from a run: ${said}, and takes an entry before it (${earlier.join(', ') || 'there is none'}).`,
    );
  }
  const ofEntry = jobs.filter(({ entry }) => entry === from);
  const varied = variedNames(ofEntry);
  return ofEntry
    .filter((job) => job.seed === seed)
    .map((job) => ({
      job,
      varied: Object.fromEntries(varied.map((name) => [`${from}.${name}`, job.settings[name]])),
    }));
}

/** The settings that are not the same in all jobs. */
export function variedNames(jobs: readonly SweepJob[]): string[] {
  const names = new Set(jobs.flatMap(({ settings }) => Object.keys(settings)));
  return [...names].filter(
    (name) => new Set(jobs.map(({ settings }) => JSON.stringify(settings[name]))).size > 1,
  );
}

function combinationsOf(grid: Readonly<Record<string, readonly unknown[]>>): Record<string, unknown>[] {
  return Object.entries(grid).reduce<Record<string, unknown>[]>(
    (all, [name, values]) => all.flatMap((one) => values.map((value) => ({ ...one, [name]: value }))),
    [{}],
  );
}

/** A folder's name for values: `lr=0.001-batchSize=32`. */
function slug(values: Readonly<Record<string, unknown>>): string {
  return Object.entries(values)
    .map(([name, value]) => nameInFolder(name, value))
    .join('-');
}
