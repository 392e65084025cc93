import { basename, resolve } from 'node:path';
import { readResults } from '../experiments/resultFiles.js';
import { writeAtomic } from '../files.js';
import { checkOptions } from '../settings/options.js';
import { text } from '../settings/values.js';
import { methodNamed } from '../train/methods.js';
import { methodOf, type RunConfig, type RunEnvironment } from '../train/runConfig.js';
import { readRunData } from '../train/runData.js';
import { openRun, RunFolder } from '../train/runFolder.js';
import { RUN_TYPE } from '../train/runOptions.js';
import type { RunReport } from './figure.js';
import { drawReport } from './runReport.js';

/** The run of a report, and its place. */
export interface ReportOptions {
  readonly run: string;
  /** The page's path, such as where the run's folder cannot be written; default: `report.html` in it, with its figures in `figures/`. */
  readonly out?: string | undefined;
}

const REPORT_TYPES = {
  run: RUN_TYPE,
  out: text('the path of a page'),
} as const;

/**
 * Writes `report.html` and `figures/*.svg` of a run from what its folder holds, or the page alone to another place.
 *
 * @returns the report's path
 * @throws `RUN_NOT_FOUND`, `RUN_INVALID`, `RUN_BUSY`, `OUTPUT_UNWRITABLE`, and what `readRunData` throws
 */
export async function writeReport(options: ReportOptions): Promise<string> {
  checkOptions(options, { types: REPORT_TYPES, required: ['run'] });
  const { folder, report } = await readRunReport(options);
  const { page, figures } = await drawReport(report);
  if (options.out !== undefined) {
    const path = resolve(options.out);
    await writeAtomic(path, page);
    return path;
  }
  await folder.create();
  await folder.publish(async () => {
    for (const { name, svg } of figures) await writeAtomic(folder.figure(name), svg);
    await writeAtomic(folder.report, page);
  });
  return folder.report;
}

/** Reads what a run's folder holds. Throws as `writeReport`. */
export async function readRunReport(
  options: ReportOptions,
): Promise<{ readonly folder: RunFolder; readonly report: RunReport }> {
  const run = await openRun(options.run);
  const { folder, config, environment } = run;
  const dataset = await readRunData(run);
  const report: RunReport = {
    title: `${methodNamed(methodOf(config)).title} on ${dataset.name}, ${config.arch}: run ${basename(folder.path)}`,
    arch: config.arch,
    dataset,
    config: describeConfig(config, environment),
    epochs: await folder.readMetrics(),
    result: await folder.readTrainingResult(),
    before:
      environment.from === undefined ? undefined : await new RunFolder(environment.from).readTrainingResult(),
    ...(await readResults(folder)),
    history: await folder.readHistory(),
    versions: Object.entries(environment.versions),
  };
  return { folder, report };
}

function describeConfig(config: RunConfig, environment: RunEnvironment): [string, string][] {
  const { dataset, weights, scheduler, ...rest } = config;
  const plain = Object.entries(rest).map(([name, value]): [string, string] => [
    name,
    typeof value === 'object' ? JSON.stringify(value) : String(value),
  ]);
  return [
    ['dataset', `${dataset.name}, fingerprint ${dataset.fingerprint.slice(0, 12)}`],
    ...plain,
    ...(scheduler ? [schedulerRow(scheduler)] : []),
    ['weights', weights === null ? 'random, from the seed' : `file with sha256 ${weights.slice(0, 12)}`],
    ['device', environment.device],
    ['threads', String(environment.threads)],
  ];
}

function schedulerRow({ name, factor, patience }: NonNullable<RunConfig['scheduler']>): [string, string] {
  return ['scheduler', `${name}, factor ${factor}, patience ${patience}`];
}
