import { inScope, SpurmemError } from '../errors.js';
import { overlap } from '../experiments/traces.js';
import { SESSION_TYPES, TraceSession } from '../experiments/traceSession.js';
import { TRACE_SETTINGS } from '../experiments/traceSettings.js';
import { writeReport } from '../report/writeReport.js';
import { type Accepted, checkOptions, checkPart, type OptionTypes } from '../settings/options.js';
import { requireValue } from '../settings/setting.js';
import { callback, objectWith, severalOf } from '../settings/values.js';
import { make } from '../train/make.js';
import { erm as ermMethod } from '../train/methods/erm.js';
import type { ErmOptions } from '../train/recipe.js';
import { RunFolder } from '../train/runFolder.js';
import { PROTOCOL_TYPE } from '../train/runOptions.js';
import { type ReproducedFigure, writeFigures } from './figureFiles.js';
import { criteriaOf, ERM_PART, type FigureTraceOptions, makeResults, TRACING } from './part1Traces.js';

export interface Part1Options extends FigureTraceOptions {
  /** Options of ERM, where the run has to be trained: then `data` and `erm.arch` are needed. */
  readonly erm?:
    Partial<Pick<ErmOptions, 'arch' | 'weights' | 'epochs' | 'lr' | 'augmentation' | 'onEpoch'>> | undefined;
}

/** Part I of a run: its folder, report, and figures with their files. */
export interface Part1Result {
  readonly run: string;
  readonly report: string;
  readonly figures: readonly ReproducedFigure[];
}

/** Options of Part I, of one run or of several, besides its settings. */
export const PART1_TYPES: OptionTypes<Omit<Part1Options, keyof typeof TRACING>> = {
  ...SESSION_TYPES,
  figures: severalOf(objectWith('a figure, as `figures` gives them', 'name', 'needs')),
  erm: objectWith('an object with options of ERM'),
  onStep: callback(),
};

/** Checks the options of Part I. Throws `USAGE`. */
export function checkPart1Options(
  options: Pick<Part1Options, 'figures' | 'criteria'>,
  accepted: Omit<Accepted, 'settings'>,
): void {
  checkOptions(options, { ...accepted, settings: TRACING });
  checkPart(options, 'erm', ERM_PART);
  const { figures, criteria: asked } = options;
  // A single criterion would fail after the traces.
  if (asked && figures.some(({ needs }) => needs.others?.includes(overlap) === true)) {
    requireValue('criteria', asked, TRACE_SETTINGS.overlap.criteria.type);
  }
}

/** Checks settings of traces, as `tracingOf` gives them. Throws `USAGE`. */
export function checkTracing(settings: Readonly<Record<string, unknown>>): void {
  checkOptions(settings, { types: { protocol: PROTOCOL_TYPE }, settings: TRACING });
}

/** Settings of ERM where the model has to be trained: its own, and those that it shares with tracing. */
export function trainingOf({ protocol, batchSize, loss, precision, erm }: Partial<Part1Options>): ErmOptions {
  const { onEpoch: _onEpoch, ...own } = erm ?? {};
  return { protocol, batchSize, loss, precision, ...own };
}

/** The settings of traces, as `reproducePart1` takes them. */
export function tracingOf(options: Partial<Part1Options>): Readonly<Record<string, unknown>> {
  const names = ['protocol', ...Object.keys(TRACING)];
  return Object.fromEntries(Object.entries(options).filter(([name]) => names.includes(name)));
}

/**
 * Reproduces figures and tables of the article's Part I from one trained run. Figures share their traces, and one that is in the run
 * folder with the same settings is not made again. Each figure gets `results/<figure>.json`, `results/<figure>.csv`, its charts in
 * `figures/`, and its place in the report.
 *
 * @throws `USAGE` when the run has to be trained and `data` or `arch` is missing, and what training and tracing throw
 */
export async function reproducePart1(options: Part1Options): Promise<Part1Result> {
  checkPart1Options(options, { types: PART1_TYPES, required: ['figures', 'run'] });
  await trainWhereMissing(options);
  using session = await TraceSession.openChecked(options);
  const content = {
    results: await makeResults(session, options),
    criteria: criteriaOf(options),
    checkpoint: session.checkpoint,
    dataset: session.dataset,
  };
  const { folder } = session;
  const figures = await folder.locked(() => writeFigures(folder, options.figures, content), { waits: true });
  options.onStep?.('report');
  const report = await writeReport({ run: options.run, signal: options.signal });
  return { run: options.run, report, figures };
}

async function trainWhereMissing(options: Part1Options): Promise<void> {
  const { run, data, erm = {}, ...rest } = options;
  if (!(await hasToBeTrained(options)) || data === undefined) return;
  options.onStep?.(`ERM: ${erm.arch ?? ''}`);
  await inScope('erm', ERM_PART.settings, () =>
    make(ermMethod, { ...rest, ...trainingOf(options), onEpoch: erm.onEpoch, data, out: run, resume: true }),
  );
}

/** Whether a run is missing. Throws `USAGE` where it cannot be trained: `data` or `erm.arch` is missing too. */
export async function hasToBeTrained({
  run,
  data,
  erm,
}: Pick<Part1Options, 'run' | 'data' | 'erm'>): Promise<boolean> {
  const folder = new RunFolder(run);
  if ((await folder.readTrainingResult()) !== undefined) return false;
  if (data !== undefined && erm?.arch !== undefined) return true;
  throw new SpurmemError('USAGE', `${folder.path} holds no finished run.`, {
    parameter: 'run',
    advice: ['Name one as `run`.', 'Or let one be trained there: give `data` and `erm.arch`.'],
  });
}
