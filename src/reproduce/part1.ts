import { engineOptions } from '../native/engine.js';
import { isDeepStrictEqual } from 'node:util';
import { gradCam } from '../experiments/gradCam.js';
import type { GradCamResult } from '../experiments/gradCamResult.js';
import {
  gradCamSchema,
  minimalSchema,
  overlapSchema,
  structuredSchema,
  unstructuredSchema,
} from '../experiments/resultSchemas.js';
import type {
  TraceOverlapResult,
  TraceStructuredResult,
  TraceUnstructuredResult,
} from '../experiments/results.js';
import { traceMinimalIn } from '../experiments/traceMinimal.js';
import type { TraceMinimalResult } from '../experiments/traceMinimalResult.js';
import { traceOverlapIn } from '../experiments/traceOverlap.js';
import { SESSION_TYPES, TraceSession, type SessionOptions } from '../experiments/traceSession.js';
import { repeatsOf, TRACE_SETTINGS } from '../experiments/traceSettings.js';
import { traceStructuredIn } from '../experiments/traceStructured.js';
import { resultName, traceUnstructuredIn } from '../experiments/traceUnstructured.js';
import { SpurmemError, inScope } from '../errors.js';
import { ARTICLE_CRITERIA, type CriterionName } from '../neurons/criteria.js';
import { isDrawn } from '../neurons/perturbations.js';
import type { Figure, TraceNeed } from '../report/figure.js';
import type { RunResults } from '../report/reportData.js';
import { writeReport } from '../report/writeReport.js';
import { checkOptions, checkPart, type Accepted, type OptionTypes } from '../settings/options.js';
import { requireValue, resolveSettings, without } from '../settings/setting.js';
import { callback, listOf, objectWith } from '../settings/values.js';
import { ERM_SETTINGS, MODEL_SETTINGS } from '../train/ermSettings.js';
import { erm as ermMethod } from '../train/methods/erm.js';
import type { ErmOptions, ErmSettings } from '../train/recipe.js';
import { RunFolder } from '../train/runFolder.js';
import { mergeNeeds } from './articleFigures.js';
import { writeFigures, type ReproducedFigure } from './figureFiles.js';

export interface Part1Options extends Omit<SessionOptions, 'unit'> {
  /** Some of `OF_ONE_RUN`, or of one's own. */
  readonly figures: readonly Figure[];
  /** Where the run is, or is trained by ERM where it is not: then `data` and `erm.arch` are needed. */
  readonly run: string;
  /** What ERM takes besides, where the run has to be trained. */
  readonly erm?:
    Partial<Pick<ErmOptions, 'arch' | 'weights' | 'epochs' | 'lr' | 'augmentation' | 'onEpoch'>> | undefined;
  /** How neurons are scored; default: the article's criteria. */
  readonly criteria?: readonly CriterionName[] | undefined;
  /** Standard deviations of Figs 11 and 12; default: each figure's own. */
  readonly sigmas?: readonly number[] | undefined;
  /** Seeds of random perturbations. Default: the protocol's; article: 10. */
  readonly repeats?: number | undefined;
  /** Neurons of each layer in Fig. 7. */
  readonly layerTopK?: readonly number[] | undefined;
  /** Share of all neurons in Fig. 3. Article: 0.0001. */
  readonly fraction?: number | undefined;
  /** Examples of each majority group that are measured, random sets beside each chosen one, and what decides a test. */
  readonly samples?: number | undefined;
  readonly controls?: number | undefined;
  readonly exceedances?: number | undefined;
  /** Numbers of neurons that are compared with random ones; default: the figures' own, and all where `controls` is given. */
  readonly comparedTopK?: readonly number[] | undefined;
  readonly onStep?: ((step: string) => void) | undefined;
}

/** Where Part I of a run is: its folder, report, and figures with their files. */
export interface Part1Result {
  readonly run: string;
  readonly report: string;
  readonly figures: readonly ReproducedFigure[];
}

const { topK: layerTopK } = TRACE_SETTINGS.structured;
const { criteria, sigmas, repeats, samples, controls, exceedances, comparedTopK } =
  TRACE_SETTINGS.unstructured;
const { unit: _unit, ...session } = TRACE_SETTINGS.session;
const { fraction } = TRACE_SETTINGS.overlap;

/** How figures are traced, besides a session's settings. */
const TRACE_TYPES = {
  criteria: criteria.type,
  sigmas: sigmas.type,
  repeats: repeats.type,
  layerTopK: layerTopK.type,
  fraction: fraction.type,
  samples: samples.type,
  controls: controls.type,
  exceedances: exceedances.type,
  comparedTopK: comparedTopK.type,
};

/** What Part I takes, of one run or of several. */
export const PART1_TYPES: OptionTypes<Omit<Part1Options, keyof typeof session>> = {
  ...SESSION_TYPES,
  ...TRACE_TYPES,
  figures: listOf(objectWith('a figure, as `figures` gives them', 'name', 'needs')),
  erm: objectWith('an object with options of ERM'),
  onStep: callback(),
};

const { epochs, lr, augmentation } = ERM_SETTINGS;
const { arch, weights } = MODEL_SETTINGS;
const ERM_PART: Accepted = {
  types: { onEpoch: callback() },
  settings: { arch, weights, epochs, lr, augmentation },
};

/** Checks the options of Part I. Throws `USAGE`. */
export function checkPart1Options(
  options: Pick<Part1Options, 'figures' | 'criteria'>,
  accepted: Omit<Accepted, 'settings'>,
): void {
  checkOptions(options, { ...accepted, settings: session });
  checkPart(options, 'erm', ERM_PART);
  const { figures, criteria: asked } = options;
  // Of a single criterion, it would fail after the traces.
  if (asked && needsOf(figures).has('overlap')) {
    requireValue('criteria', asked, TRACE_SETTINGS.overlap.criteria.type);
  }
}

/** What ERM is given where the model has to be trained: its own settings, and those that it shares with tracing. */
export function trainingOf({
  protocol,
  batchSize,
  loss,
  precision,
  erm,
}: Partial<Part1Options>): ErmSettings {
  const { onEpoch: _onEpoch, ...own } = erm ?? {};
  return { protocol, batchSize, loss, precision, ...own };
}

/** The settings that traces are made with, as `reproducePart1` takes them. */
export function tracingOf(options: Partial<Part1Options>): Readonly<Record<string, unknown>> {
  const names = ['protocol', ...Object.keys(session), ...Object.keys(TRACE_TYPES)];
  return Object.fromEntries(Object.entries(options).filter(([name]) => names.includes(name)));
}

/**
 * Reproduces figures and tables of the article's Part I from one trained run. Traces are shared: those of all figures
 * together are made once, and one that is in the run folder with the same settings is not made again. Each figure gets
 * `results/<figure>.json`, `results/<figure>.csv`, its charts in `figures/`, and its place in the report.
 *
 * @throws `USAGE` when the run has to be trained and `data` or `arch` is missing, and what training and tracing throw
 */
export async function reproducePart1(options: Part1Options): Promise<Part1Result> {
  checkPart1Options(options, { types: PART1_TYPES, required: ['figures', 'run'] });
  await trainWhereMissing(options);
  using session = await TraceSession.open(options);
  const content = {
    ...{ results: await makeResults(session, options), grid: options.sigmas, criteria: criteriaOf(options) },
    ...{ checkpoint: session.checkpoint, dataset: session.dataset },
  };
  const { folder } = session;
  const figures = await folder.locked(() => writeFigures(folder, options.figures, content), { waits: true });
  options.onStep?.('report');
  const report = await writeReport({ run: options.run });
  return { run: options.run, report, figures };
}

async function trainWhereMissing(options: Part1Options): Promise<void> {
  const { run, data, erm = {}, ...rest } = options;
  if (!(await hasToBeTrained(options)) || data === undefined) return;
  options.onStep?.(`ERM: ${erm.arch ?? ''}`);
  await inScope('erm', () =>
    ermMethod.train({
      ...{ ...rest, ...trainingOf(options), onEpoch: erm.onEpoch },
      ...{ data, out: run, resume: true },
    }),
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

/** What figures need besides unstructured traces. */
function needsOf(figures: readonly Figure[]): ReadonlySet<string> {
  return new Set(figures.flatMap(({ needs }) => needs.results ?? []));
}

function criteriaOf({ criteria }: Part1Options): readonly CriterionName[] {
  return criteria ?? ARTICLE_CRITERIA;
}

/** What the figures need; the rest is left out. */
async function makeResults(session: TraceSession, options: Part1Options): Promise<RunResults> {
  const traces: TraceUnstructuredResult[] = [];
  for (const need of mergeNeeds(options.figures, options.sigmas)) {
    traces.push(await unstructuredTrace(session, options, need));
  }
  const others = needsOf(options.figures);
  return {
    traces,
    result: others.has('result') ? await session.folder.readTrainingResult() : undefined,
    layers: others.has('layers') ? await structuredTrace(session, options) : undefined,
    overlap: others.has('overlap') ? await overlapTrace(session, options) : undefined,
    minimal: others.has('minimal') ? await minimalTrace(session, options) : undefined,
    gradCam: others.has('gradCam') ? await heatMaps(session, options) : undefined,
  };
}

async function unstructuredTrace(
  session: TraceSession,
  options: Part1Options,
  need: TraceNeed,
): Promise<TraceUnstructuredResult> {
  const { perturbation, split, topK, sigmas } = need;
  const wanted = controlledFor(options, need);
  const criteria = criteriaOf(options);
  const name = resultName({ kind: 'trace-unstructured', perturbation, split });
  const made = await session.folder.readResult(name, unstructuredSchema);
  const repeats = (criterion: CriterionName): number =>
    repeatsOf(criterion, session.settings.protocol, options);
  const hasRepeats =
    !isDrawn(perturbation) ||
    criteria.every((criterion) => made?.repeats?.[criterion] === repeats(criterion));
  const { rewindEpochs } = TRACE_SETTINGS.unstructured;
  const isRewound =
    made?.rewound === undefined || made.rewound.epochs === rewindEpochs[session.settings.protocol];
  const isSame = made && hasRepeats && isRewound && isOfSession(session, wanted, made);
  if (isSame && coversNeed(made, need, criteria, comparedOf(options, need))) return made;
  options.onStep?.(`trace: ${perturbation}, ${split} split`);
  return traceUnstructuredIn(session, {
    criteria,
    ...{ topK, perturbation, split, repeats: options.repeats },
    sigmas: sigmas.length === 0 ? undefined : sigmas,
    ...controlsOf(wanted),
    comparedTopK: comparedOf(options, need),
  });
}

async function structuredTrace(session: TraceSession, options: Part1Options): Promise<TraceStructuredResult> {
  const { topK } = resolveSettings({ topK: TRACE_SETTINGS.structured.topK }, session.settings.protocol, {
    topK: options.layerTopK,
  });
  const criteria = criteriaOf(options);
  const made = await session.folder.readResult('trace-structured', structuredSchema);
  const isSame =
    made &&
    isOfSession(session, options, made) &&
    made.split === 'train' &&
    criteria.every((criterion) =>
      topK.every((k) => made.entries.some((entry) => entry.criterion === criterion && entry.k === k)),
    );
  if (isSame) return made;
  options.onStep?.('trace: layer by layer');
  return traceStructuredIn(session, { criteria, topK, ...controlsOf(options) });
}

async function overlapTrace(session: TraceSession, options: Part1Options): Promise<TraceOverlapResult> {
  const { fraction } = resolveSettings(
    without(TRACE_SETTINGS.overlap, 'criteria'),
    session.settings.protocol,
    options,
  );
  const criteria = criteriaOf(options);
  const made = await session.folder.readResult('trace-overlap', overlapSchema);
  const isSame =
    made?.fraction === fraction &&
    hasHeaderOf(session, made) &&
    hasSameValues(new Set(made.entries.map(({ chosenBy }) => chosenBy)), criteria);
  if (isSame) return made;
  options.onStep?.('trace: overlap of the criteria');
  return traceOverlapIn(session, { criteria, fraction });
}

/** What is there of these weights, however many examples were tried, or what the defaults give. */
async function minimalTrace(session: TraceSession, options: Part1Options): Promise<TraceMinimalResult> {
  const made = await session.folder.readResult('trace-minimal', minimalSchema);
  if (made?.checkpoint === session.checkpoint) return made;
  options.onStep?.('trace: minimal neurons');
  return traceMinimalIn(session, {});
}

/** The maps that are there, whatever they were compared with, or those of the run alone. */
async function heatMaps(session: TraceSession, options: Part1Options): Promise<GradCamResult> {
  const made = await session.folder.readResult('grad-cam', gradCamSchema);
  if (made?.after.checkpoint === session.checkpoint) return made;
  options.onStep?.('heat maps');
  const { run, seed, batchSize, onProgress, onWarning, signal } = options;
  return gradCam({
    ...{ run, data: session.dataset, seed, batchSize, ...engineOptions(options) },
    ...{ onProgress, onWarning, signal },
  });
}

function hasSameValues<Value>(values: ReadonlySet<Value>, others: readonly Value[]): boolean {
  return values.size === others.length && others.every((other) => values.has(other));
}

function controlsOf({ samples, controls, exceedances }: Part1Options) {
  return { samples, controls, exceedances };
}

/** Whether a trace that is there was made of the same weights, in the same way, with the same controls. */
function isOfSession(
  session: TraceSession,
  options: Part1Options,
  made: TraceUnstructuredResult | TraceStructuredResult,
): boolean {
  const { samples, controls, exceedances, nulls } =
    made.kind === 'trace-structured' ? TRACE_SETTINGS.structured : TRACE_SETTINGS.unstructured;
  const settings = { samples, controls, exceedances, nulls };
  const wanted = resolveSettings(settings, session.settings.protocol, options, {
    perturbation: made.perturbation,
  });
  const hasControls =
    wanted.controls === 0
      ? made.controls === null
      : made.controls?.draws === wanted.controls &&
        made.controls.exceedances === wanted.exceedances &&
        isDeepStrictEqual(made.controls.nulls, wanted.nulls);
  return hasControls && made.samples === wanted.samples && hasHeaderOf(session, made);
}

function hasHeaderOf(session: TraceSession, made: object): boolean {
  const values = made as Readonly<Record<string, unknown>>;
  // A trace in another precision than its run's says so, and one in the run's has no such key.
  return Object.entries({ precision: undefined, ...session.header }).every(
    ([name, value]) => JSON.stringify(values[name]) === JSON.stringify(value),
  );
}

/** Controls that were asked for, or none where the figures need none. */
function controlledFor(options: Part1Options, { compared }: TraceNeed): Part1Options {
  return options.controls === undefined && compared.length === 0 ? { ...options, controls: 0 } : options;
}

/** Which numbers of neurons are compared: all of them where controls were asked for. */
function comparedOf(
  { controls: asked, comparedTopK }: Part1Options,
  { compared, topK }: TraceNeed,
): readonly number[] {
  if (comparedTopK) return comparedTopK;
  return asked === undefined && compared.length > 0 ? compared : topK;
}

function coversNeed(
  made: TraceUnstructuredResult,
  { topK, sigmas }: TraceNeed,
  criteria: readonly CriterionName[],
  compared: readonly number[],
): boolean {
  const has = (criterion: string, k: number, sigma: number | null): boolean =>
    made.entries.some(
      (entry) =>
        entry.criterion === criterion &&
        entry.k === k &&
        entry.sigma === sigma &&
        (made.controls === null || entry.controls !== null || !compared.includes(k)),
    );
  return criteria.every((criterion) =>
    topK.every((k) => (sigmas.length === 0 ? [null] : sigmas).every((sigma) => has(criterion, k, sigma))),
  );
}
