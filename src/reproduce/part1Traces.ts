import type { TraceUnstructuredResult } from '../experiments/results.js';
import { fileOf, serves, structured, type Trace, type Traced, unstructured } from '../experiments/traces.js';
import type { SessionOptions, TraceSession } from '../experiments/traceSession.js';
import { TRACE_SETTINGS } from '../experiments/traceSettings.js';
import { ARTICLE_CRITERIA, type CriterionName } from '../neurons/criteria.js';
import type { Figure, RunResults, TraceNeed } from '../report/figure.js';
import type { Accepted } from '../settings/options.js';
import { type GivenOf, givenOf } from '../settings/setting.js';
import { callback } from '../settings/values.js';
import { ERM_SETTINGS, MODEL_SETTINGS } from '../train/ermSettings.js';
import { mergeNeeds } from './articleFigures.js';

const { sigmas, repeats, samples, nullDraws, exceedances, comparedTopK } = TRACE_SETTINGS.unstructured;
const ofFigures = { article: undefined, released: undefined };
/** Settings of traces that several figures share. Without a value, each figure has its own, and else the protocol's. */
export const FIGURE_SETTINGS = {
  criteria: TRACE_SETTINGS.structured.criteria,
  sigmas: { ...sigmas, ...ofFigures, otherwise: 'each figure\u2019s own' },
  repeats,
  layerTopK: { ...TRACE_SETTINGS.structured.topK, help: 'numbers of neurons of each layer in Fig. 7' },
  fraction: TRACE_SETTINGS.overlap.fraction,
  samples,
  nullDraws: { ...nullDraws, ...ofFigures, otherwise: '99 for Fig. 2, 39 for Fig. 7' },
  exceedances,
  comparedTopK,
} as const;

// Its report shows the selected epoch.
const { unit: _unit, epoch: _epoch, ...session } = TRACE_SETTINGS.session;
/** The settings of traces. */
export const TRACING = { ...session, ...FIGURE_SETTINGS };

const { epochs, lr, augmentation } = ERM_SETTINGS;
const { arch, weights } = MODEL_SETTINGS;
/** The settings of a model to train. */
export const ERM_PART = {
  types: { onEpoch: callback() },
  settings: {
    arch: { ...arch, article: undefined, released: undefined, otherwise: 'none is trained' },
    weights,
    epochs,
    lr,
    augmentation,
  },
} as const satisfies Accepted;

/** How figures are traced. */
export interface FigureTraceOptions
  extends Omit<SessionOptions, 'unit' | 'epoch'>, GivenOf<typeof FIGURE_SETTINGS> {
  /** Some of `OF_ONE_RUN`, or of one's own. */
  readonly figures: readonly Figure[];
  readonly onStep?: ((step: string) => void) | undefined;
}

/** A trace that figures need, and its settings. */
interface Needed {
  readonly trace: Trace;
  readonly given: Readonly<Record<string, unknown>>;
}

/** Returns the traces that figures need, each once. */
function neededBy(options: FigureTraceOptions): Needed[] {
  const { figures, layerTopK, criteria = ARTICLE_CRITERIA, ...all } = options;
  const others = new Set(figures.flatMap(({ needs }) => needs.others ?? []));
  return [
    ...mergeNeeds(figures, options.sigmas).map((need) => ({
      trace: unstructured,
      given: unstructuredGiven(options, need),
    })),
    ...[...others].map((trace) => ({
      trace,
      given: givenOf(trace.settings, {
        ...all,
        criteria,
        topK: trace === structured ? layerTopK : undefined,
      }),
    })),
  ];
}

/** The results that figures need; the missing ones are made. */
export async function makeResults(session: TraceSession, options: FigureTraceOptions): Promise<RunResults> {
  const { folder, header } = session;
  const made: Traced[] = [];
  for (const { trace, given } of neededBy(options)) {
    const found = (await folder.readResult(
      fileOf(trace, { ...given, epoch: header.epoch }),
      trace.schema,
    )) as Traced | undefined;
    if (found && serves(trace, found, session, given)) made.push(found);
    else {
      options.onStep?.(trace.step(given));
      made.push(await trace.measure(session, given));
    }
  }
  return {
    result: await folder.readTrainingResult(),
    traces: made.filter((one): one is TraceUnstructuredResult => one.kind === unstructured.kind),
    made: made.filter(({ kind }) => kind !== unstructured.kind),
  };
}

export function criteriaOf({ criteria }: Pick<FigureTraceOptions, 'criteria'>): readonly CriterionName[] {
  return criteria ?? ARTICLE_CRITERIA;
}

function unstructuredGiven(options: FigureTraceOptions, { isGrid: _isGrid, compared, ...need }: TraceNeed) {
  const { repeats, samples, nullDraws, exceedances, comparedTopK } = options;
  const isAsked = nullDraws !== undefined;
  return {
    ...need,
    criteria: criteriaOf(options),
    sigmas: need.sigmas.length === 0 ? undefined : need.sigmas,
    repeats,
    samples,
    exceedances,
    // Without a number of draws, as many as the figures need.
    nullDraws: isAsked || compared.length > 0 ? nullDraws : 0,
    comparedTopK: comparedTopK ?? (!isAsked && compared.length > 0 ? compared : need.topK),
  };
}
