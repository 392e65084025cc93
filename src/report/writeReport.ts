import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { isSameData } from '../data/dataset.js';
import { SpurmemError } from '../errors.js';
import { comparisonSchema } from '../experiments/comparison.js';
import { readTraces } from '../experiments/resultFiles.js';
import type { TraceUnstructuredResult } from '../experiments/results.js';
import { type Trace, type Traced, unstructured, weightsOf } from '../experiments/traces.js';
import { writeAtomic } from '../files.js';
import { weightsFingerprint } from '../models/weightsFile.js';
import type { JobOptions } from '../progress.js';
import { checkOptions, JOB_TYPES } from '../settings/options.js';
import { text } from '../settings/values.js';
import { inputLine } from '../train/inputRecord.js';
import { methodOfRun } from '../train/methods.js';
import type { TrainingResult } from '../train/results.js';
import { methodOf, type RunConfig, type RunEnvironment } from '../train/runConfig.js';
import { readRunData } from '../train/runData.js';
import { type OpenedRun, openRun, RunFolder } from '../train/runFolder.js';
import { RUN_TYPE } from '../train/runOptions.js';
import type { RunReport, RunResults, Section, Show } from './figure.js';
import { FIGURES, TRACES } from './figures.js';
import { furtherChanges } from './figures/changes.js';
import { groupLabels } from './groupLabels.js';
import { html } from './html/html.js';
import { drawPage } from './html/page.js';
import { showComparison } from './sections/comparison.js';
import { showConfiguration } from './sections/configuration.js';
import { showData } from './sections/data.js';
import { showShortcut, withAttribute } from './sections/shortcut.js';
import { showSummary } from './sections/summary.js';
import { showTraining } from './sections/training.js';
import { plain } from './text.js';

/** The run of a report, and its place. */
export interface ReportOptions extends JobOptions {
  readonly run: string;
  /** The page's path, such as where the run's folder cannot be written; default: `report.html` in it, with its figures in `figures/`. */
  readonly out?: string | undefined;
}

const REPORT_TYPES = { ...JOB_TYPES, run: RUN_TYPE, out: text('the path of a page') } as const;

/**
 * Writes `report.html` and `figures/*.svg` of a run from what its folder holds, or the page alone to another place.
 *
 * @returns the report's path
 * @throws `RUN_NOT_FOUND`, `RUN_INVALID`, `RUN_BUSY`, `OUTPUT_UNWRITABLE`, `INTERRUPTED`, and what `readRunData` throws
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
  }, options);
  return folder.report;
}

/** Sections of no figure, before and after the figures' own. */
const OPENING: readonly Show<RunReport>[] = [showShortcut, showComparison, showData];
const CLOSING: readonly Show<RunReport>[] = [showTraining, showConfiguration];

/** The sections that have data: the finding first, then the figures' in the order of `FIGURES`; each figure is shown once. */
export function sectionsOf(report: RunReport): Section[] {
  const groups = groupLabels(report.dataset);
  const ofFigures = FIGURES.flatMap(({ show, sections = [show] }) => sections);
  const shownBy = (shows: readonly Show<RunReport>[]): Section[] =>
    [...new Set(shows)].flatMap((show) => show(report, groups) ?? []);
  const shown = [
    ...shownBy([...OPENING, ...ofFigures]),
    ...furtherChanges(report, groups),
    ...shownBy(CLOSING),
  ];
  return [...showSummary(report, groups, shown), ...shown];
}

/** Draws a run's page. Throws a TypeError for a sample image that is no `data:image/` URI; `RUN_INVALID` for a damaged heat map. */
export function drawReport(report: RunReport) {
  const { title, dataset, traces, input } = report;
  const terms = html` A neuron is an output channel of a layer. For each group the neurons with the highest
  score are chosen, by the gradient those whose weights have the largest gradient of the loss of its images;
  zeroing sets their weights to 0.`;
  const lead = html`Dataset ${plain(dataset.name)}, ${dataset.groupNames.length} groups. ${input} Figures
    after You et al.,
    <cite>Uncovering memorization effect in the presence of spurious correlations</cite> (2025). A star, as in
    G2*, marks
    ${dataset.ticks === undefined ? 'a minority group, which is rare within its class in training' : 'ticked images'}.${traces.length > 0 ? terms : undefined}`;
  return drawPage(title, lead, sectionsOf(report));
}

/** Reads what a run's folder holds. Throws as `writeReport`. */
export async function readRunReport(options: Pick<ReportOptions, 'run'>) {
  const run = await openRun(options.run);
  const { folder, config, environment } = run;
  const dataset = await readRunData(run);
  const result = await folder.readTrainingResult();
  const results = await readTraces(folder, TRACES);
  await requireSameWeights(run, result, results);
  const report: RunReport = {
    title: `${methodOfRun(config).title} on ${dataset.name}, ${config.arch}: run ${basename(folder.path)}`,
    arch: config.arch,
    dataset: withAttribute(dataset, environment.dataOptions),
    input: dataset.preprocessing && inputLine(dataset.preprocessing, environment.input),
    repairs: await repairsOf(folder),
    config: describeConfig(config, environment),
    epochs: await folder.readMetrics(),
    select: config.select,
    result,
    adopted: adoptedFrom(run),
    before: await startOf(run, result),
    ...results,
    comparison: await folder.readResult('comparison', comparisonSchema),
    history: await folder.readHistory(),
    versions: Object.entries(environment.versions),
  };
  return { folder, report: withAllowedImages(report) };
}

/** Returns the measurements of the run that another started from, on the same groups of the same data. */
async function startOf(
  { config, environment }: OpenedRun,
  result: TrainingResult | undefined,
): Promise<RunReport['before']> {
  if (environment.from === undefined) return undefined;
  const folder = new RunFolder(environment.from);
  const from = (await folder.readConfig())?.config;
  if (result?.before) return { kind: from ? methodOf(from) : 'before', ...result.before };
  return from && isSameData(from.dataset, config.dataset) ? folder.readTrainingResult() : undefined;
}

/** Returns the finished runs next to a run that started from it. */
async function repairsOf({ path }: RunFolder): Promise<NonNullable<RunReport['repairs']>> {
  const names = await readdir(dirname(path)).catch(() => []);
  const runs = await Promise.all(
    names.sort().map(async (name) => {
      const other = new RunFolder(join(dirname(path), name));
      const from = (await other.readConfig().catch(() => undefined))?.environment.from;
      if (from !== path) return [];
      const result = await other.readTrainingResult().catch(() => undefined);
      return result ? [{ run: name, worst: result.test.worstGroupAccuracy }] : [];
    }),
  );
  return runs.flat();
}

/** Returns the checkpoint of an adopted run. */
function adoptedFrom({ config, environment }: OpenedRun): RunReport['adopted'] {
  const file = environment.weightsPath ?? environment.archPath;
  if (methodOf(config) !== 'adopt' || file === undefined || config.weights === null) return undefined;
  return { file: basename(file), sha256: config.weights };
}

/** Throws `RUN_INVALID` where a result is of other weights than the run's, as after its checkpoint was replaced by hand. */
async function requireSameWeights(
  { folder, weights }: OpenedRun,
  result: TrainingResult | undefined,
  results: RunResults,
): Promise<void> {
  const made = [
    ...(result?.checkpoint === undefined ? [] : [[result.kind, result.checkpoint]]),
    ...resultsWithTraces(results).map(([trace, one]) => [trace.kind, weightsOf(trace, one)]),
  ];
  // A run in training has no results, and its weights may be replaced meanwhile.
  const checkpoint = made.length > 0 ? await weightsFingerprint(weights) : undefined;
  const [name] = made.find(([, one]) => one !== checkpoint) ?? [];
  if (name === undefined) return;
  throw new SpurmemError(
    'RUN_INVALID',
    `The result ${name} of ${folder.path} is of other weights than ${weights} has: training went on since, or the file was replaced.`,
    { advice: ['Delete that result and make it again, or restore the weights.'] },
  );
}

/** Leaves out every image of the data if a result hides them. */
export function withAllowedImages(report: RunReport): RunReport {
  const results = resultsWithTraces(report);
  if (!results.some(([trace, made]) => trace.hidesImages?.(made) === true)) return report;
  const bare = results.map(([trace, made]) => trace.withoutImages?.(made) ?? made);
  return {
    ...report,
    dataset: { ...report.dataset, samples: [] },
    traces: bare.filter((made): made is TraceUnstructuredResult => made.kind === unstructured.kind),
    made: bare.filter(({ kind }) => kind !== unstructured.kind),
  };
}

/** Returns every result of a trace with its trace. */
function resultsWithTraces({ traces, made = [] }: RunResults): [Trace, Traced][] {
  return [...traces, ...made].flatMap((one) => {
    const trace = TRACES.find(({ kind }) => kind === one.kind);
    return trace ? [[trace, one]] : [];
  });
}

function describeConfig(config: RunConfig, environment: RunEnvironment): [string, string][] {
  const { dataset, weights, scheduler, ...rest } = config;
  const others = Object.entries(rest).map(([name, value]): [string, string] => [
    name,
    typeof value === 'object' ? JSON.stringify(value) : String(value),
  ]);
  return [
    ['dataset', `${dataset.name}, fingerprint ${dataset.fingerprint.slice(0, 12)}`],
    ...others,
    ...(scheduler ? [schedulerRow(scheduler)] : []),
    ['weights', weights === null ? 'random, from the seed' : `file with sha256 ${weights.slice(0, 12)}`],
    ['device', environment.device],
    ['threads', String(environment.threads)],
  ];
}

function schedulerRow({ name, factor, patience }: NonNullable<RunConfig['scheduler']>): [string, string] {
  return ['scheduler', `${name}, factor ${factor}, patience ${patience}`];
}
