import { readdir } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { SPLITS } from '../data/split.js';
import {
  comparisonSchema,
  gradCamSchema,
  minimalSchema,
  overlapSchema,
  structuredSchema,
  unstructuredSchema,
} from '../experiments/resultSchemas.js';
import type { TraceUnstructuredResult } from '../experiments/results.js';
import { writeAtomic } from '../files.js';
import { PERTURBATION_NAMES } from '../neurons/perturbations.js';
import { checkOptions } from '../settings/options.js';
import { text } from '../settings/values.js';
import { methodNamed } from '../train/methods.js';
import { methodOf } from '../train/runConfig.js';
import { readRunData } from '../train/runData.js';
import { RUN_TYPE } from '../train/runOptions.js';
import { openRun, RunFolder, type RunConfig, type RunEnvironment } from '../train/runFolder.js';
import type { RunReport } from './reportData.js';
import { drawCharts, renderFigures, renderReport } from './runReport.js';

/** What a report is made from. */
export interface ReportOptions {
  readonly run: string;
  /** The dataset's folder, for a run from before runs kept what reports tell of it. */
  readonly data?: string | undefined;
  /** The page's path, such as where the run's folder cannot be written; default: `report.html` in it, with its figures in `figures/`. */
  readonly out?: string | undefined;
}

const REPORT_TYPES = {
  run: RUN_TYPE,
  data: text('a dataset\u2019s folder'),
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
  if (options.out !== undefined) {
    const path = resolve(options.out);
    await writeAtomic(path, await renderReport(report, await drawCharts(report)));
    return path;
  }
  await folder.create();
  const charts = await drawCharts(report);
  const figures = await renderFigures(report, charts);
  const page = await renderReport(report, charts);
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
  const dataset = await readRunData(run, options.data);
  const report: RunReport = {
    title: `${methodNamed(methodOf(config)).title} on ${dataset.name}, ${config.arch}: run ${basename(folder.path)}`,
    arch: config.arch,
    dataset,
    config: describeConfig(config, environment),
    epochs: await folder.readMetrics(),
    result: await folder.readTrainingResult(),
    before:
      environment.from === undefined ? undefined : await new RunFolder(environment.from).readTrainingResult(),
    traces: await readTraces(folder),
    overlap: await folder.readResult('trace-overlap', overlapSchema),
    layers: await folder.readResult('trace-structured', structuredSchema),
    minimal: await folder.readResult('trace-minimal', minimalSchema),
    gradCam: await folder.readResult('grad-cam', gradCamSchema),
    comparison: await folder.readResult('comparison', comparisonSchema),
    history: await folder.readHistory(),
    versions: Object.entries(environment.versions),
  };
  return { folder, report };
}

/**
 * All unstructured traces of a run, whatever was perturbed and measured: zeroing, then random initialization and noise,
 * each on the training split first.
 */
async function readTraces(folder: RunFolder): Promise<TraceUnstructuredResult[]> {
  const files = await readdir(dirname(folder.result('trace-unstructured'))).catch(() => []);
  const names = files.filter((name) => /^trace-unstructured.*\.json$/.test(name));
  const traces = await Promise.all(
    names.sort().map((name) => folder.readResult(basename(name, '.json'), unstructuredSchema)),
  );
  return traces
    .filter((trace) => trace !== undefined)
    .sort(
      (a, b) =>
        PERTURBATION_NAMES.indexOf(a.perturbation) - PERTURBATION_NAMES.indexOf(b.perturbation) ||
        SPLITS.indexOf(a.split) - SPLITS.indexOf(b.split),
    );
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
