import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { withoutChecksum } from '../../checksum.js';
import { datasetOptionsShape } from '../../data/datasetOptions.js';
import { messageOf, SpurmemError, systemCode } from '../../errors.js';
import { readText, writeCheckedJson } from '../../files.js';
import { isProgram } from '../../models/architectures.js';
import { NUMERICS } from '../../native/engine.js';
import { requirePlain } from '../../plainData.js';
import { LONGEST_PATH, RANGES } from '../../settings/ranges.js';
import { optionalSchemas, pathSchema, whole } from '../../settings/schema.js';
import { TRAINING_METHODS } from '../../train/methods.js';
import { writeAlone } from '../../writeAlone.js';
import * as z from '../../zod.js';

const METHOD_NAMES = TRAINING_METHODS.map(({ name }) => name);
const settingsSchema = z.record(z.string(), z.unknown());

const jobSchema = z.strictObject({
  /** Its place in the plan, from 0 on. */
  index: whole(RANGES.jobs, 0),
  /** Jobs of a stage start from runs of earlier ones, and do not wait for one another. */
  stage: whole(RANGES.jobs, 0),
  entry: z.string().min(1).max(LONGEST_PATH),
  method: z.enum(METHOD_NAMES),
  /** Settings of the method, and the protocol. */
  settings: settingsSchema,
  seed: whole(RANGES.seed),
  /** The run folder. */
  out: pathSchema,
  /** The job before it whose run it starts from; null: it starts from the data. */
  from: whole(RANGES.jobs, 0).nullable(),
  /** Epochs whose weights are kept, for runs that start from them. */
  keepEpochs: z.array(whole(RANGES.count)).readonly().optional(),
  /** Figures of Part I that are made of the run, and settings of their traces. */
  figures: z.strictObject({ names: z.array(z.string()).min(1), settings: settingsSchema }).optional(),
});
const planSchema = z.strictObject({
  kind: z.literal('sweep-plan'),
  data: pathSchema,
  /** How the data's folder is read. */
  datasetOptions: z.strictObject(datasetOptionsShape).optional(),
  ...optionalSchemas(NUMERICS),
  jobs: z
    .array(jobSchema)
    .min(1)
    .max(RANGES.jobs[1])
    .refine(
      (jobs) => jobs.every(({ index, from }, at) => index === at && (from ?? -1) < at),
      'each job has its place as `index`, and starts from one before it',
    ),
});

/** One run of a sweep. */
export type SweepJob = Readonly<z.infer<typeof jobSchema>>;
/** All runs of a sweep, each with its folder: what several machines share. */
export type SweepPlan = Readonly<z.infer<typeof planSchema>>;

/** Writes a plan, or leaves an equal one. Throws `RUN_EXISTS` where another plan is. */
export async function writePlan(path: string, plan: SweepPlan): Promise<void> {
  const written = planSchema.parse(plan);
  await writeAlone(path, () => writeOnce(path, written));
}

async function writeOnce(path: string, written: SweepPlan): Promise<void> {
  if (existsSync(path)) {
    const before = await readPlan(path);
    if (JSON.stringify(before) === JSON.stringify(written)) return;
    throw new SpurmemError('RUN_EXISTS', `${path} holds another plan, of ${before.jobs.length} jobs.`, {
      advice: ['Remove it, or choose another name.'],
    });
  }
  await writeCheckedJson(path, written);
}

/** Reads a plan. Throws `USAGE` for a file that is none, and for settings that no command line would take. */
export async function readPlan(path: string): Promise<SweepPlan> {
  const plan = await readAs(path, planSchema, 'sweep\u2019s plan');
  // Figures and their traces are a large part of the library.
  const { checkJob } = await import('./checkJob.js');
  for (const job of plan.jobs) {
    inFile(path, `jobs[${job.index}]`, () => {
      checkJob(job);
    });
  }
  return plan;
}

/** Reads a file in YAML or JSON. Throws `USAGE`, naming the file, for one that is not as the schema says. */
export async function readAs<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
  what: string,
): Promise<z.output<Schema>> {
  try {
    return schema.parse(requirePlain(parse(withoutChecksum(await readText(path)))));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      throw new SpurmemError('USAGE', `${path}: there is no such file. Name the ${what}.`, { cause: error });
    }
    const reason = error instanceof z.ZodError ? z.prettifyError(withKeys(error)) : messageOf(error);
    throw new SpurmemError('USAGE', `${path} is no ${what}: ${reason}`, { cause: error });
  }
}

/** The same with what is wrong about keys, which zod leaves out of its text. */
function withKeys({ issues }: z.ZodError): z.ZodError {
  const ofKey = (issue: z.core.$ZodIssue): z.core.$ZodIssue[] =>
    issue.code === 'invalid_key' ? issue.issues.map((own) => ({ ...own, path: issue.path })) : [issue];
  return new z.ZodError(issues.flatMap(ofKey));
}

/** Checks a part of a file. Throws `USAGE`, naming the file and the part. */
export function inFile<Result>(path: string, key: string, check: () => Result): Result {
  try {
    return check();
  } catch (error) {
    throw new SpurmemError('USAGE', `${path}, ${key}: ${messageOf(error)}`, { cause: error });
  }
}

/** The settings that are not the same in all jobs. */
export function variedNames(jobs: readonly SweepJob[]): string[] {
  const names = new Set(jobs.flatMap(({ settings }) => Object.keys(settings)));
  return [...names].filter(
    (name) => new Set(jobs.map(({ settings }) => JSON.stringify(settings[name]))).size > 1,
  );
}

/** Settings for a process in any working directory. */
export function withWholePaths(settings: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { weights, arch } = settings;
  return {
    ...settings,
    ...(typeof weights === 'string' ? { weights: resolve(weights) } : {}),
    ...(typeof arch === 'string' && isProgram(arch) ? { arch: resolve(arch) } : {}),
  };
}

/** Values of settings, by name. */
export type Grid = Readonly<Record<string, readonly unknown[]>>;
/** One value of each setting. */
export type Combination = Readonly<Record<string, unknown>>;

/** Every combination of a grid's values, the last setting varied first; of an empty grid one without settings. */
export function combinationsOf(grid: Grid): Combination[] {
  return Object.entries(grid).reduce<Combination[]>(
    (all, [name, values]) => all.flatMap((one) => values.map((value) => ({ ...one, [name]: value }))),
    [{}],
  );
}

/** Settings as a part of a folder's path: `lr=0.001-batchSize=32`. */
export function folderName(settings: Combination): string {
  return Object.entries(settings)
    .map(([name, value]) => {
      const text = value === undefined ? 'none' : JSON.stringify(value);
      // Paths, such as that of a weights file, must not become folders.
      return `${name}=${text.replaceAll('"', '').replace(/[^\w.=+,-]+/g, '_')}`;
    })
    .join('-');
}
