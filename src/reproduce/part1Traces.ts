import { gradCam } from '../experiments/gradCam.js';
import type { GradCamResult } from '../experiments/gradCamResult.js';
import { RESULTS } from '../experiments/resultFiles.js';
import type {
  TraceOverlapResult,
  TraceStructuredResult,
  TraceUnstructuredResult,
} from '../experiments/results.js';
import { traceMinimalIn } from '../experiments/traceMinimal.js';
import type { TraceMinimalResult } from '../experiments/traceMinimalResult.js';
import { traceOverlapIn } from '../experiments/traceOverlap.js';
import type { SessionOptions, TraceSession } from '../experiments/traceSession.js';
import { TRACE_SETTINGS, unstructuredSettings } from '../experiments/traceSettings.js';
import { traceStructuredIn } from '../experiments/traceStructured.js';
import { resultName, traceUnstructuredIn } from '../experiments/traceUnstructured.js';
import { engineOptions } from '../native/engine.js';
import { ARTICLE_CRITERIA, type CriterionName } from '../neurons/criteria.js';
import type { Figure, RunResults, TraceNeed } from '../report/figure.js';
import { resolveSettings } from '../settings/setting.js';
import { mergeNeeds } from './articleFigures.js';

/** How figures are traced. */
export interface FigureTraceOptions extends Omit<SessionOptions, 'unit'> {
  /** Some of `OF_ONE_RUN`, or of one's own. */
  readonly figures: readonly Figure[];
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
  readonly nullDraws?: number | undefined;
  readonly exceedances?: number | undefined;
  /** Numbers of neurons that are compared with random ones; default: the figures' own, and all where `nullDraws` is given. */
  readonly comparedTopK?: readonly number[] | undefined;
  readonly onStep?: ((step: string) => void) | undefined;
}

/** A trace that figures need. */
export interface NeededTrace<Result = unknown> {
  /** The name of making it. */
  readonly step: string;
  /** The one in the run folder, where it was made of the same weights in the same way and covers what is needed. */
  readonly made: Result | undefined;
  readonly make: () => Promise<Result>;
}

/** All of them; those that no figure needs are left out. */
interface NeededTraces {
  readonly unstructured: readonly NeededTrace<TraceUnstructuredResult>[];
  readonly layers: NeededTrace<TraceStructuredResult> | undefined;
  readonly overlap: NeededTrace<TraceOverlapResult> | undefined;
  readonly minimal: NeededTrace<TraceMinimalResult> | undefined;
  readonly gradCam: NeededTrace<GradCamResult> | undefined;
}

/** The traces that figures need, with those that are there. */
export async function neededTraces(
  session: TraceSession,
  options: FigureTraceOptions,
): Promise<NeededTraces> {
  const unstructured: NeededTrace<TraceUnstructuredResult>[] = [];
  for (const need of mergeNeeds(options.figures, options.sigmas)) {
    unstructured.push(await unstructuredTrace(session, options, need));
  }
  const others = needsOf(options.figures);
  return {
    unstructured,
    layers: others.has('layers') ? await structuredTrace(session, options) : undefined,
    overlap: others.has('overlap') ? await overlapTrace(session, options) : undefined,
    minimal: others.has('minimal') ? await minimalTrace(session) : undefined,
    gradCam: others.has('gradCam') ? await heatMaps(session, options) : undefined,
  };
}

/** The results that figures need; the missing ones are made. */
export async function makeResults(session: TraceSession, options: FigureTraceOptions): Promise<RunResults> {
  const needed = await neededTraces(session, options);
  const settled = async <Result>(trace: NeededTrace<Result>): Promise<Result> => {
    if (trace.made !== undefined) return trace.made;
    options.onStep?.(trace.step);
    return trace.make();
  };
  const traces: TraceUnstructuredResult[] = [];
  for (const trace of needed.unstructured) traces.push(await settled(trace));
  const { layers, overlap, minimal, gradCam: maps } = needed;
  const isNeeded = needsOf(options.figures).has('result');
  return {
    traces,
    result: isNeeded ? await session.folder.readTrainingResult() : undefined,
    layers: layers && (await settled(layers)),
    overlap: overlap && (await settled(overlap)),
    minimal: minimal && (await settled(minimal)),
    gradCam: maps && (await settled(maps)),
  };
}

/** The results that figures need besides unstructured traces. */
export function needsOf(figures: readonly Figure[]): ReadonlySet<string> {
  return new Set(figures.flatMap(({ needs }) => needs.results ?? []));
}

export function criteriaOf({ criteria }: Pick<FigureTraceOptions, 'criteria'>): readonly CriterionName[] {
  return criteria ?? ARTICLE_CRITERIA;
}

async function unstructuredTrace(
  session: TraceSession,
  options: FigureTraceOptions,
  need: TraceNeed,
): Promise<NeededTrace<TraceUnstructuredResult>> {
  const { perturbation, split, topK, compared } = need;
  const isAsked = options.nullDraws !== undefined;
  const given = {
    criteria: criteriaOf(options),
    perturbation,
    split,
    topK,
    sigmas: need.sigmas.length === 0 ? undefined : need.sigmas,
    repeats: options.repeats,
    ...nullOptions(options),
    // Without a number of draws, as many as the figures need.
    ...(isAsked || compared.length > 0 ? {} : { nullDraws: 0 }),
    comparedTopK: options.comparedTopK ?? (!isAsked && compared.length > 0 ? compared : topK),
  };
  const { rewindEpochs, ...settings } = unstructuredSettings(given, session.settings.protocol);
  const name = resultName({ kind: 'trace-unstructured', perturbation, split });
  const made = await session.folder.readResult(name, RESULTS.traces.schema);
  const isRewound = made?.rewound === undefined || made.rewound.epochs === rewindEpochs;
  return {
    step: `trace: ${perturbation}, ${split} split`,
    made: isRewound && covers(made, { ...recordedOf(session), ...settings }) ? made : undefined,
    make: () => traceUnstructuredIn(session, given),
  };
}

async function structuredTrace(
  session: TraceSession,
  options: FigureTraceOptions,
): Promise<NeededTrace<TraceStructuredResult>> {
  const { name, schema } = RESULTS.layers;
  const given = { criteria: criteriaOf(options), topK: options.layerTopK, ...nullOptions(options) };
  const settings = resolveSettings(TRACE_SETTINGS.structured, session.settings.protocol, given);
  const made = await session.folder.readResult(name, schema);
  return {
    step: 'trace: layer by layer',
    made: covers(made, { ...recordedOf(session), ...settings }) ? made : undefined,
    make: () => traceStructuredIn(session, given),
  };
}

async function overlapTrace(
  session: TraceSession,
  options: FigureTraceOptions,
): Promise<NeededTrace<TraceOverlapResult>> {
  const { name, schema } = RESULTS.overlap;
  const given = { criteria: criteriaOf(options), fraction: options.fraction };
  const settings = resolveSettings(TRACE_SETTINGS.overlap, session.settings.protocol, given);
  const made = await session.folder.readResult(name, schema);
  // Its figure shows all criteria that it has.
  const isSame = made?.criteria.length === settings.criteria.length;
  return {
    step: 'trace: overlap of the criteria',
    made: isSame && covers(made, { ...recordedOf(session), ...settings }) ? made : undefined,
    make: () => traceOverlapIn(session, given),
  };
}

/** The one of these weights that is there, however many examples were tried, or that of the defaults. */
async function minimalTrace(session: TraceSession): Promise<NeededTrace<TraceMinimalResult>> {
  const made = await session.folder.readResult(RESULTS.minimal.name, RESULTS.minimal.schema);
  return {
    step: 'trace: minimal neurons',
    made: made?.checkpoint === session.checkpoint ? made : undefined,
    make: () => traceMinimalIn(session, {}),
  };
}

/** The maps that are there, whatever they were compared with, or those of the run alone. */
async function heatMaps(
  session: TraceSession,
  options: FigureTraceOptions,
): Promise<NeededTrace<GradCamResult>> {
  const made = await session.folder.readResult(RESULTS.gradCam.name, RESULTS.gradCam.schema);
  const { run, seed, batchSize, onProgress, onWarning, signal } = options;
  return {
    step: 'heat maps',
    made: made?.after.checkpoint === session.checkpoint ? made : undefined,
    make: () =>
      gradCam({
        run,
        data: session.dataset,
        seed,
        batchSize,
        ...engineOptions(options),
        onProgress,
        onWarning,
        signal,
      }),
  };
}

function nullOptions({ samples, nullDraws, exceedances }: FigureTraceOptions) {
  return { samples, nullDraws, exceedances };
}

/** The fields that a session gives its traces; without `precision` they compute as the run did. */
function recordedOf(session: TraceSession) {
  return { precision: undefined, ...session.header };
}

/** Whether a result was made with these settings: of lists it may have more, and nothing else may differ. */
function covers(made: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) return Array.isArray(made) && wanted.every((value) => made.includes(value));
  if (typeof wanted !== 'object' || wanted === null) return made === wanted;
  if (typeof made !== 'object' || made === null) return false;
  const values = made as Readonly<Record<string, unknown>>;
  return Object.entries(wanted).every(([name, value]) => covers(values[name], value));
}
