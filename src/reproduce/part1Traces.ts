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
import type { SessionOptions, TraceSession } from '../experiments/traceSession.js';
import { repeatsOf, TRACE_SETTINGS } from '../experiments/traceSettings.js';
import { traceStructuredIn } from '../experiments/traceStructured.js';
import { resultName, traceUnstructuredIn } from '../experiments/traceUnstructured.js';
import { engineOptions } from '../native/engine.js';
import { ARTICLE_CRITERIA, type CriterionName } from '../neurons/criteria.js';
import { isDrawn } from '../neurons/perturbations.js';
import type { Figure, TraceNeed } from '../report/figure.js';
import type { RunResults } from '../report/reportData.js';
import { resolveSettings, without } from '../settings/setting.js';
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
  readonly controls?: number | undefined;
  readonly exceedances?: number | undefined;
  /** Numbers of neurons that are compared with random ones; default: the figures' own, and all where `controls` is given. */
  readonly comparedTopK?: readonly number[] | undefined;
  readonly onStep?: ((step: string) => void) | undefined;
}

/** A trace that figures need. */
export interface NeededTrace<Result = unknown> {
  /** What making it is called. */
  readonly step: string;
  /** The one in the run folder, where it was made of the same weights in the same way and covers what is needed. */
  readonly made: Result | undefined;
  readonly make: () => Promise<Result>;
}

/** All of them; those that no figure needs are left out. */
export interface NeededTraces {
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

/** What the figures need: what is not there is made. */
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

/** What figures need besides unstructured traces. */
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
  const isSame =
    made &&
    hasRepeats &&
    isRewound &&
    isOfSession(session, wanted, made) &&
    coversNeed(made, need, criteria, comparedOf(options, need));
  return {
    step: `trace: ${perturbation}, ${split} split`,
    made: isSame ? made : undefined,
    make: () =>
      traceUnstructuredIn(session, {
        criteria,
        ...{ topK, perturbation, split, repeats: options.repeats },
        sigmas: sigmas.length === 0 ? undefined : sigmas,
        ...controlsOf(wanted),
        comparedTopK: comparedOf(options, need),
      }),
  };
}

async function structuredTrace(
  session: TraceSession,
  options: FigureTraceOptions,
): Promise<NeededTrace<TraceStructuredResult>> {
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
  return {
    step: 'trace: layer by layer',
    made: isSame ? made : undefined,
    make: () => traceStructuredIn(session, { criteria, topK, ...controlsOf(options) }),
  };
}

async function overlapTrace(
  session: TraceSession,
  options: FigureTraceOptions,
): Promise<NeededTrace<TraceOverlapResult>> {
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
  return {
    step: 'trace: overlap of the criteria',
    made: isSame ? made : undefined,
    make: () => traceOverlapIn(session, { criteria, fraction }),
  };
}

/** What is there of these weights, however many examples were tried, or what the defaults give. */
async function minimalTrace(session: TraceSession): Promise<NeededTrace<TraceMinimalResult>> {
  const made = await session.folder.readResult('trace-minimal', minimalSchema);
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
  const made = await session.folder.readResult('grad-cam', gradCamSchema);
  const { run, seed, batchSize, onProgress, onWarning, signal } = options;
  return {
    step: 'heat maps',
    made: made?.after.checkpoint === session.checkpoint ? made : undefined,
    make: () =>
      gradCam({
        ...{ run, data: session.dataset, seed, batchSize, ...engineOptions(options) },
        ...{ onProgress, onWarning, signal },
      }),
  };
}

function hasSameValues<Value>(values: ReadonlySet<Value>, others: readonly Value[]): boolean {
  return values.size === others.length && others.every((other) => values.has(other));
}

function controlsOf({ samples, controls, exceedances }: FigureTraceOptions) {
  return { samples, controls, exceedances };
}

/** Whether a trace that is there was made of the same weights, in the same way, with the same controls. */
function isOfSession(
  session: TraceSession,
  options: FigureTraceOptions,
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
function controlledFor(options: FigureTraceOptions, { compared }: TraceNeed): FigureTraceOptions {
  return options.controls === undefined && compared.length === 0 ? { ...options, controls: 0 } : options;
}

/** Which numbers of neurons are compared: all of them where controls were asked for. */
function comparedOf(
  { controls: asked, comparedTopK }: FigureTraceOptions,
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
