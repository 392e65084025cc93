import { join, resolve } from 'node:path';
import { SpurmemError } from '../../errors.js';
import { nearestSentence, requireKnownNames } from '../../settings/names.js';
import { LONGEST_NAME } from '../../settings/ranges.js';
import { differing, pathSchema } from '../../settings/schema.js';
import { checkSettings } from '../../settings/setting.js';
import { methodNamed, TRAINING_METHODS } from '../../train/methods.js';
import { SEED_TYPE } from '../../train/runOptions.js';
import * as z from '../../zod.js';
import {
  type Combination,
  combinationsOf,
  folderName,
  inFile,
  readAs,
  type SweepJob,
  type SweepPlan,
  variedNames,
  withWholePaths,
} from './plan.js';

const settingsSchema = z.record(z.string(), z.unknown());
const entrySchema = z.strictObject({
  /** Its folder, and what others start from; default: the method's. */
  name: z
    .string()
    .max(LONGEST_NAME)
    .regex(/^(?!\.{1,2}$)[\w.-]+$/, 'only letters, digits, points, dashes and underscores, and not . or ..')
    .optional(),
  method: z.string(),
  /** The entry whose runs it starts from, each from that of the same seed. */
  from: z.string().optional(),
  settings: settingsSchema.default({}),
  /** Values of settings, of which every combination is a job. */
  grid: z.record(z.string(), differing(z.array(z.unknown()).min(1))).default({}),
});
const sweepSchema = z.strictObject({
  out: pathSchema,
  data: pathSchema,
  seeds: differing(z.array(SEED_TYPE).min(1)),
  /** Settings of all entries whose method has them. */
  settings: settingsSchema.default({}),
  jobs: z.array(entrySchema).min(1),
});

type Entry = z.infer<typeof entrySchema>;

/**
 * Expands a sweep: every entry with every combination of its grid and every seed is a job. Its paths are absolute.
 *
 * @param path a file in YAML or JSON: `out`, `data`, `seeds`, `settings`, `jobs` with `method`, `name`, `from`, `settings`, `grid`
 * @throws `USAGE` naming the file and the key that is wrong
 */
export async function planSweep(path: string): Promise<SweepPlan> {
  const sweep = await readAs(path, sweepSchema, 'sweep');
  const jobs: SweepJob[] = [];
  for (const [at, entry] of sweep.jobs.entries()) {
    const ofEntry = inFile(path, `jobs[${at}]`, () => jobsOf(entry, sweep, jobs));
    for (const job of ofEntry) jobs.push({ index: jobs.length, ...job });
  }
  inFile(path, 'settings', () => {
    requireKnownNames(sweep.settings, ...sweep.jobs.map(({ method }) => methodNamed(method).settings));
  });
  return { kind: 'sweep-plan', data: resolve(sweep.data), jobs };
}

/** The jobs of one entry, after those of the entries before it. */
function jobsOf(
  entry: Entry,
  { out, seeds, settings: shared }: z.infer<typeof sweepSchema>,
  earlier: readonly SweepJob[],
): Omit<SweepJob, 'index'>[] {
  const names = TRAINING_METHODS.map(({ name }) => name);
  if (!names.includes(entry.method)) {
    throw refused(`there is no method ${entry.method}. ${nearestSentence(entry.method, names)}`);
  }
  const name = entry.name ?? entry.method;
  if (earlier.some((job) => job.entry === name)) {
    throw refused(`there is another entry named ${name}. Give it a \`name\`.`);
  }
  const { settings: table, name: method, ...named } = methodNamed(entry.method);
  const startsFromRun = named.mayStartFromRun === true && entry.from !== undefined;
  const startsFrom = startsFromRun ? 'run' : named.startsFrom;
  const ofMethod = Object.entries(shared).filter(([setting]) => Object.hasOwn(table, setting));
  const jobs: Omit<SweepJob, 'index'>[] = [];
  for (const combination of combinationsOf(entry.grid)) {
    const settings = { ...Object.fromEntries(ofMethod), ...entry.settings, ...combination };
    requireKnownNames(settings, table);
    checkSettings(table, settings);
    for (const seed of seeds) {
      for (const source of sourcesOf(entry, startsFrom, earlier, seed)) {
        const folder = [combination, source?.varied ?? {}].map(folderName).filter((part) => part !== '');
        jobs.push({
          stage: source ? source.job.stage + 1 : 0,
          entry: name,
          method,
          settings: withWholePaths(settings),
          seed,
          out: resolve(join(out, name, ...folder, `seed-${seed}`)),
          from: source?.job.index ?? null,
        });
      }
    }
  }
  return jobs;
}

function refused(problem: string): SpurmemError {
  return new SpurmemError('USAGE', problem);
}

interface Source {
  readonly job: SweepJob;
  /** The settings in which it differs from other jobs of its entry with the same seed. */
  readonly varied: Combination;
}

/** The runs that an entry starts from with this seed; one undefined where it starts from the data. */
function sourcesOf(
  { from }: Entry,
  startsFrom: 'data' | 'run',
  jobs: readonly SweepJob[],
  seed: number,
): (Source | undefined)[] {
  if (startsFrom === 'data') {
    if (from !== undefined) throw refused('it starts from the data, and takes no `from`.');
    return [undefined];
  }
  const earlier = [...new Set(jobs.map(({ entry }) => entry))];
  if (from === undefined || !earlier.includes(from)) {
    const said = from === undefined ? '`from` is missing' : `\`from\` is ${from}`;
    throw refused(
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
