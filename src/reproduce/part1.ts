import type { Dataset } from '../data/dataset.js';
import { stringify } from 'csv-stringify/sync';
import type {
  TraceOverlapResult,
  TraceStructuredResult,
  TraceUnstructuredResult,
} from '../experiments/results.js';
import { traceOverlapIn } from '../experiments/traceOverlap.js';
import { TraceSession, type SessionOptions } from '../experiments/traceSession.js';
import { traceStructuredIn } from '../experiments/traceStructured.js';
import { repeatsOf, TRACE_SETTINGS } from '../experiments/traceSettings.js';
import { resultName, traceUnstructuredIn } from '../experiments/traceUnstructured.js';
import { SpurmemError } from '../errors.js';
import { writeAtomic } from '../files.js';
import type { Architecture } from '../models/architectures.js';
import { CRITERION_NAMES } from '../neurons/criteria.js';
import { resolveSettings } from '../settings/setting.js';
import { writeReport } from '../report/writeReport.js';
import { trainErm, type ErmOptions } from '../train/erm.js';
import type { TrainingResult } from '../train/metrics.js';
import { RunFolder } from '../train/runFolder.js';
import {
  mergeNeeds,
  part1Plans,
  type ArticleFigure,
  type FigurePlan,
  type TraceNeed,
} from './articleFigures.js';
import { accuracyRows, layerRows, overlapRows, traceRows, type FigureRow } from './figureRows.js';

export interface Part1Options extends Omit<SessionOptions, 'unit' | 'data'> {
  readonly figures: readonly ArticleFigure[];
  /** Where the run is, or is trained by ERM where it is not: then `data` and `arch` are needed. */
  readonly run: string;
  readonly data?: string | undefined;
  readonly arch?: Architecture | undefined;
  /** What ERM takes besides, where the run has to be trained. */
  readonly erm?: Pick<ErmOptions, 'weights' | 'epochs' | 'lr' | 'onEpoch'> | undefined;
  /** Standard deviations of Figs 11 and 12. */
  readonly sigmas?: readonly number[] | undefined;
  /** Seeds of random perturbations. Default: the protocol's; article: 10. */
  readonly repeats?: number | undefined;
  /** Neurons of each layer in Fig. 7. */
  readonly layerTopK?: readonly number[] | undefined;
  /** Share of all neurons in Fig. 3. Article: 0.0001. */
  readonly fraction?: number | undefined;
  /** Random sets beside each chosen one, and samples of each group that they are compared on. */
  readonly controls?: number | undefined;
  readonly controlSamples?: number | undefined;
  readonly onStep?: ((step: string) => void) | undefined;
}

/** `results/<figure>.json`: what a figure or table shows, a row a measurement; the same rows are in its CSV. */
export interface FigureResult {
  readonly kind: ArticleFigure;
  readonly title: string;
  readonly checkpoint: string;
  readonly rows: readonly FigureRow[];
}

export interface Part1Result {
  readonly run: string;
  readonly report: string;
  readonly dataset: Dataset;
  readonly figures: readonly (FigureResult & { readonly json: string; readonly csv: string })[];
  readonly traces: Traces;
}

/**
 * Reproduces figures and tables of the article's Part I from one trained run. Traces are shared: those of all figures
 * together are made once, and one that is in the run folder with the same settings is not made again. Each figure gets
 * `results/<figure>.json`, `results/<figure>.csv`, its charts in `figures/`, and its place in the report.
 *
 * @throws `USAGE` when the run has to be trained and `data` or `arch` is missing, and what training and tracing throw
 */
export async function reproducePart1(options: Part1Options): Promise<Part1Result> {
  await trainWhereMissing(options);
  const plans = part1Plans(options.sigmas);
  const wanted = options.figures.map((figure) => ({ figure, plan: plans[figure] }));
  using session = await TraceSession.open(options);
  const results = await makeTraces(
    session,
    options,
    wanted.map(({ plan }) => plan),
  );
  const figures: Part1Result['figures'][number][] = [];
  await session.folder.locked(async () => {
    for (const { figure, plan } of wanted) {
      const rows = figureRows(figure, plan, results, session.dataset.groupNames);
      const result: FigureResult = { kind: figure, title: plan.title, checkpoint: session.checkpoint, rows };
      await session.folder.writeResult(figure, result);
      const json = session.folder.result(figure);
      const csv = json.replace(/json$/, 'csv');
      await writeAtomic(csv, stringify([...rows], { header: true }));
      figures.push({ ...result, json, csv });
    }
  });
  options.onStep?.('report');
  const report = await writeReport({ run: options.run, data: options.data });
  return { run: options.run, report, dataset: session.dataset, figures, traces: results };
}

/** The traces that the figures show; those that no figure needs are left out. */
export interface Traces {
  readonly erm: TrainingResult | undefined;
  readonly unstructured: readonly TraceUnstructuredResult[];
  readonly structured: TraceStructuredResult | undefined;
  readonly overlap: TraceOverlapResult | undefined;
}

async function trainWhereMissing(options: Part1Options): Promise<void> {
  const { run, data, arch, erm, seed = 0, device = 'auto', threads = 0, ...rest } = options;
  const folder = new RunFolder(run);
  if ((await folder.readTrainingResult()) !== undefined) return;
  if (data === undefined || arch === undefined) {
    throw new SpurmemError(
      'USAGE',
      `${folder.path} holds no finished run. Name one with --run, or let it be trained there: --data FOLDER --arch NAME.`,
    );
  }
  options.onStep?.(`ERM: ${arch}`);
  await trainErm({ ...rest, ...erm, ...{ data, arch, out: run, resume: true, seed, device, threads } });
}

async function makeTraces(
  session: TraceSession,
  options: Part1Options,
  plans: readonly FigurePlan[],
): Promise<Traces> {
  const unstructured: TraceUnstructuredResult[] = [];
  for (const need of mergeNeeds(plans.flatMap(({ traces }) => traces))) {
    unstructured.push(await unstructuredTrace(session, options, need));
  }
  const needs = new Set(plans.map((plan) => plan.needs));
  return {
    erm: await session.folder.readTrainingResult(),
    unstructured,
    structured: needs.has('structured') ? await structuredTrace(session, options) : undefined,
    overlap: needs.has('overlap') ? await overlapTrace(session, options) : undefined,
  };
}

async function unstructuredTrace(
  session: TraceSession,
  options: Part1Options,
  need: TraceNeed,
): Promise<TraceUnstructuredResult> {
  const { perturbation, split, topK, sigmas } = need;
  const name = resultName({ kind: 'trace-unstructured', perturbation, split });
  const made = await session.folder.readResult<TraceUnstructuredResult>(name);
  const { protocol } = session.settings;
  const hasRepeats =
    perturbation === 'zero' ||
    CRITERION_NAMES.every(
      (criterion) => made?.repeats?.[criterion] === repeatsOf(criterion, protocol, options),
    );
  if (made && hasRepeats && isOfSession(session, options, made) && coversNeed(made, need)) return made;
  options.onStep?.(`trace: ${perturbation}, ${split} split`);
  return traceUnstructuredIn(session, {
    criteria: CRITERION_NAMES,
    ...{ topK, perturbation, split, repeats: options.repeats },
    sigmas: sigmas.length === 0 ? undefined : sigmas,
    ...controlsOf(options),
  });
}

async function structuredTrace(session: TraceSession, options: Part1Options): Promise<TraceStructuredResult> {
  const topK = options.layerTopK ?? [1];
  const made = await session.folder.readResult<TraceStructuredResult>('trace-structured');
  const isSame =
    made &&
    isOfSession(session, options, made) &&
    made.split === 'train' &&
    CRITERION_NAMES.every((criterion) =>
      topK.every((k) => made.entries.some((entry) => entry.criterion === criterion && entry.k === k)),
    );
  if (isSame) return made;
  options.onStep?.('trace: layer by layer');
  return traceStructuredIn(session, { criteria: CRITERION_NAMES, topK, ...controlsOf(options) });
}

async function overlapTrace(session: TraceSession, options: Part1Options): Promise<TraceOverlapResult> {
  const fraction = options.fraction ?? 0.0001;
  const made = await session.folder.readResult<TraceOverlapResult>('trace-overlap');
  if (made?.fraction === fraction && hasHeaderOf(session, made)) return made;
  options.onStep?.('trace: overlap of the criteria');
  return traceOverlapIn(session, { fraction });
}

/** Whether a trace that is there was made of the same weights, in the same way, with the same controls. */
function isOfSession(
  session: TraceSession,
  options: Part1Options,
  made: TraceUnstructuredResult | TraceStructuredResult,
): boolean {
  const { controls, controlSamples } = TRACE_SETTINGS.structured;
  const asked = resolveSettings({ controls, controlSamples }, session.settings.protocol, options);
  const hasControls =
    asked.controls === 0
      ? made.controls === null
      : made.controls?.draws === asked.controls && made.controls.samplesPerGroup === asked.controlSamples;
  return hasControls && hasHeaderOf(session, made);
}

function controlsOf({
  controls,
  controlSamples,
}: Part1Options): Pick<Part1Options, 'controls' | 'controlSamples'> {
  return { controls, controlSamples };
}

function hasHeaderOf(session: TraceSession, made: object): boolean {
  const values = made as Readonly<Record<string, unknown>>;
  return Object.entries(session.header).every(
    ([name, value]) => JSON.stringify(values[name]) === JSON.stringify(value),
  );
}

function coversNeed(made: TraceUnstructuredResult, { topK, sigmas }: TraceNeed): boolean {
  const has = (criterion: string, k: number, sigma: number | null): boolean =>
    made.entries.some((entry) => entry.criterion === criterion && entry.k === k && entry.sigma === sigma);
  return CRITERION_NAMES.every((criterion) =>
    topK.every((k) => (sigmas.length === 0 ? [null] : sigmas).every((sigma) => has(criterion, k, sigma))),
  );
}

function figureRows(
  figure: ArticleFigure,
  plan: FigurePlan,
  { erm, unstructured, structured, overlap }: Traces,
  groupNames: readonly string[],
): FigureRow[] {
  if (figure === 'fig1') return erm ? accuracyRows(erm, groupNames) : [];
  if (plan.needs === 'structured') return structured ? layerRows(structured, groupNames) : [];
  if (plan.needs === 'overlap') return overlap ? overlapRows(overlap, groupNames) : [];
  return traceRows(unstructured, plan.traces, groupNames);
}
