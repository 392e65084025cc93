import { readdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { SPLITS } from '../data/split.js';
import type { ComparisonResult } from '../experiments/comparison.js';
import type { GradCamResult } from '../experiments/gradCamResult.js';
import type {
  TraceOverlapResult,
  TraceStructuredResult,
  TraceUnstructuredResult,
} from '../experiments/results.js';
import type { TraceMinimalResult } from '../experiments/traceMinimalResult.js';
import { writeAtomic } from '../files.js';
import { PERTURBATION_NAMES } from '../neurons/perturbations.js';
import { methodNamed } from '../train/methods.js';
import { methodOf } from '../train/runConfig.js';
import { readRunData } from '../train/runData.js';
import { openRun, RunFolder, type RunConfig, type RunEnvironment } from '../train/runFolder.js';
import type { RunReport } from './reportData.js';
import { drawCharts, renderFigures, renderReport } from './runReport.js';

/**
 * Writes `report.html` and `figures/*.svg` of a run from what its folder holds.
 *
 * @returns the report's path
 * @throws `RUN_NOT_FOUND`, `RUN_INVALID`, `OUTPUT_UNWRITABLE`, and what `readRunData` throws
 */
export async function writeReport(options: {
  readonly run: string;
  /** The dataset's folder, for a run from before runs kept what reports tell of it. */
  readonly data?: string | undefined;
}): Promise<string> {
  const { folder, report } = await readRunReport(options);
  await folder.create();
  const charts = await drawCharts(report);
  for (const { name, svg } of await renderFigures(report, charts)) {
    await writeAtomic(folder.figure(name), svg);
  }
  await writeAtomic(folder.report, await renderReport(report, charts));
  return folder.report;
}

/** Reads what a run's folder holds. Throws as `writeReport`. */
export async function readRunReport(options: {
  readonly run: string;
  readonly data?: string | undefined;
}): Promise<{ readonly folder: RunFolder; readonly report: RunReport }> {
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
    overlap: await folder.readResult<TraceOverlapResult>('trace-overlap'),
    layers: await folder.readResult<TraceStructuredResult>('trace-structured'),
    minimal: await folder.readResult<TraceMinimalResult>('trace-minimal'),
    gradCam: await folder.readResult<GradCamResult>('grad-cam'),
    comparison: await folder.readResult<ComparisonResult>('comparison'),
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
  const names = (await readdir(dirname(folder.result('trace-unstructured')))).filter((name) =>
    /^trace-unstructured.*\.json$/.test(name),
  );
  const traces = await Promise.all(
    names.sort().map((name) => folder.readResult<TraceUnstructuredResult>(basename(name, '.json'))),
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
