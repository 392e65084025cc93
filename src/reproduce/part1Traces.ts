import { gradCam } from '../experiments/gradCam.js';
import { RESULTS } from '../experiments/resultFiles.js';
import type { TraceUnstructuredResult } from '../experiments/results.js';
import { traceOverlapIn } from '../experiments/traceOverlap.js';
import type { SessionOptions, TraceSession } from '../experiments/traceSession.js';
import { TRACE_SETTINGS, unstructuredSettings } from '../experiments/traceSettings.js';
import { traceStructuredIn } from '../experiments/traceStructured.js';
import { resultName, traceUnstructuredIn } from '../experiments/traceUnstructured.js';
import { engineOptions } from '../native/engine.js';
import { ARTICLE_CRITERIA, type CriterionName } from '../neurons/criteria.js';
import type { Recorded } from '../recorded.js';
import type { Figure, OwnResult, RunResults, TraceNeed } from '../report/figure.js';
import { type GivenOf, resolveSettings } from '../settings/setting.js';
import type * as z from '../zod.js';
import { mergeNeeds } from './articleFigures.js';

const { sigmas, repeats, samples, nullDraws, exceedances, comparedTopK } = TRACE_SETTINGS.unstructured;
/** Settings of traces that several figures share. Without a value, each figure has its own, and else the protocol's. */
export const FIGURE_SETTINGS = {
  criteria: TRACE_SETTINGS.structured.criteria,
  sigmas,
  repeats,
  layerTopK: TRACE_SETTINGS.structured.topK,
  fraction: TRACE_SETTINGS.overlap.fraction,
  samples,
  nullDraws,
  exceedances,
  comparedTopK,
} as const;

/** How figures are traced. */
export interface FigureTraceOptions
  extends Omit<SessionOptions, 'unit' | 'epoch'>, GivenOf<typeof FIGURE_SETTINGS> {
  /** Some of `OF_ONE_RUN`, or of one's own. */
  readonly figures: readonly Figure[];
  readonly onStep?: ((step: string) => void) | undefined;
}

/** A trace that figures need. */
interface NeededTrace<Result = unknown> {
  /** The name of making it. */
  readonly step: string;
  /** The one in the run folder, where it was made of the same weights in the same way and covers what is needed. */
  readonly made: Result | undefined;
  readonly make: () => Promise<Result>;
}

/** The traces that figures need; undefined: none needs it. */
async function neededTraces(session: TraceSession, options: FigureTraceOptions) {
  const unstructured: NeededTrace<TraceUnstructuredResult>[] = [];
  for (const need of mergeNeeds(options.figures, options.sigmas)) {
    unstructured.push(await unstructuredTrace(session, options, need));
  }
  const others = needsOf(options.figures);
  return {
    unstructured,
    layers: others.has('layers') ? await structuredTrace(session, options) : undefined,
    overlap: others.has('overlap') ? await overlapTrace(session, options) : undefined,
    gradCam: others.has('gradCam') ? await heatMaps(session, options) : undefined,
    own: await Promise.all(
      options.figures.flatMap(({ own }) => (own ? [ownTrace(session, own, options)] : [])),
    ),
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
  const { layers, overlap, gradCam: maps } = needed;
  const own: Record<string, Awaited<ReturnType<OwnResult['make']>>> = {};
  const isNeeded = needsOf(options.figures).has('result');
  const results = {
    traces,
    result: isNeeded ? await session.folder.readTrainingResult() : undefined,
    layers: layers && (await settled(layers)),
    overlap: overlap && (await settled(overlap)),
    gradCam: maps && (await settled(maps)),
  };
  for (const trace of needed.own) {
    const made = await settled(trace);
    own[made.kind] = made;
  }
  return { ...results, own };
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
  const file = {
    name: resultName({ kind: 'trace-unstructured', perturbation, split }),
    schema: RESULTS.traces.schema,
  };
  return neededTrace(session, `trace: ${perturbation}, ${split} split`, file, {
    isSame: (made) =>
      (made.rewound === undefined || made.rewound.epochs === rewindEpochs) && covers(session, made, settings),
    make: () => traceUnstructuredIn(session, given),
  });
}

function structuredTrace(session: TraceSession, options: FigureTraceOptions) {
  const given = { criteria: criteriaOf(options), topK: options.layerTopK, ...nullOptions(options) };
  const settings = resolveSettings(TRACE_SETTINGS.structured, session.settings.protocol, given);
  return neededTrace(session, 'trace: layer by layer', RESULTS.layers, {
    isSame: (made) => covers(session, made, settings),
    make: () => traceStructuredIn(session, given),
  });
}

function overlapTrace(session: TraceSession, options: FigureTraceOptions) {
  const given = { criteria: criteriaOf(options), fraction: options.fraction };
  const settings = resolveSettings(TRACE_SETTINGS.overlap, session.settings.protocol, given);
  return neededTrace(session, 'trace: overlap of the criteria', RESULTS.overlap, {
    // Its figure shows all criteria that it has.
    isSame: (made) => made.criteria.length === settings.criteria.length && covers(session, made, settings),
    make: () => traceOverlapIn(session, given),
  });
}

/** The maps that are there, whatever they were compared with, or those of the run alone. */
function heatMaps(session: TraceSession, options: FigureTraceOptions) {
  const { run, seed, batchSize, onProgress, onWarning, signal } = options;
  const own = { run, data: session.dataset, seed, batchSize, onProgress, onWarning, signal };
  return neededTrace(session, 'heat maps', RESULTS.gradCam, {
    isSame: ({ after }) => after.checkpoint === session.checkpoint,
    make: () => gradCam({ ...own, ...engineOptions(options) }),
  });
}

/** A result that a figure brings along. */
function ownTrace(session: TraceSession, own: OwnResult, { samples }: FigureTraceOptions) {
  return neededTrace(session, own.step, own, {
    isSame: (made) => made.checkpoint === session.checkpoint && own.isCurrent?.(made, session) !== false,
    make: () => own.make(session, { samples }),
  });
}

async function neededTrace<Schema extends z.ZodType>(
  { folder }: TraceSession,
  step: string,
  { name, schema }: { readonly name: string; readonly schema: Schema },
  how: {
    readonly isSame: (made: Recorded<Schema>) => boolean;
    readonly make: () => Promise<Recorded<Schema>>;
  },
): Promise<NeededTrace<Recorded<Schema>>> {
  const found = await folder.readResult(name, schema);
  return { step, made: found && how.isSame(found) ? found : undefined, make: how.make };
}

function nullOptions({ samples, nullDraws, exceedances }: FigureTraceOptions) {
  return { samples, nullDraws, exceedances };
}

/** Whether a trace was made in such a session with these settings; the header of one without `precision` or `heldOutHalf` leaves it out. */
function covers({ header }: TraceSession, made: object, settings: object): boolean {
  return hasAll(made, { precision: undefined, heldOutHalf: undefined, ...header, ...settings });
}

/** Whether values are equal, except that `made`'s lists may be longer. */
function hasAll(made: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) return Array.isArray(made) && wanted.every((value) => made.includes(value));
  if (typeof wanted !== 'object' || wanted === null) return made === wanted;
  if (typeof made !== 'object' || made === null) return false;
  const values = made as Readonly<Record<string, unknown>>;
  return Object.entries(wanted).every(([name, value]) => hasAll(values[name], value));
}
