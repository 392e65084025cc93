import { gradCam } from '../experiments/gradCam.js';
import type { GradCamResult } from '../experiments/gradCamResult.js';
import type {
  TraceOverlapResult,
  TraceStructuredResult,
  TraceUnstructuredResult,
} from '../experiments/results.js';
import { traceMinimalIn } from '../experiments/traceMinimal.js';
import type { TraceMinimalResult } from '../experiments/traceMinimalResult.js';
import { traceOverlapIn } from '../experiments/traceOverlap.js';
import { TraceSession, type SessionOptions } from '../experiments/traceSession.js';
import { repeatsOf, TRACE_SETTINGS } from '../experiments/traceSettings.js';
import { traceStructuredIn } from '../experiments/traceStructured.js';
import { resultName, traceUnstructuredIn } from '../experiments/traceUnstructured.js';
import { SpurmemError, inScope } from '../errors.js';
import { ARTICLE_CRITERIA, type CriterionName } from '../neurons/criteria.js';
import { perturbationNamed } from '../neurons/perturbations.js';
import type { Figure } from '../report/figure.js';
import type { RunResults } from '../report/reportData.js';
import { writeReport } from '../report/writeReport.js';
import { resolveSettings, without } from '../settings/setting.js';
import { trainErm } from '../train/methods.js';
import type { ErmOptions } from '../train/recipe.js';
import { RunFolder } from '../train/runFolder.js';
import { mergeNeeds, SIGMA_GRID, type ResolvedNeed } from './articleFigures.js';
import { writeFigures, type ReproducedFigure } from './figureFiles.js';

export interface Part1Options extends Omit<SessionOptions, 'unit'> {
  /** Some of `OF_ONE_RUN`, or of one's own. */
  readonly figures: readonly Figure[];
  /** Where the run is, or is trained by ERM where it is not: then `data` and `erm.arch` are needed. */
  readonly run: string;
  /** What ERM takes besides, where the run has to be trained. */
  readonly erm?: Partial<Pick<ErmOptions, 'arch' | 'weights' | 'epochs' | 'lr' | 'onEpoch'>> | undefined;
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

export interface Part1Result {
  readonly run: string;
  readonly report: string;
  readonly figures: readonly ReproducedFigure[];
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
  const grid = options.sigmas ?? SIGMA_GRID;
  using session = await TraceSession.open(options);
  const content = {
    ...{ results: await makeResults(session, options, grid), grid },
    ...{ checkpoint: session.checkpoint, dataset: session.dataset },
  };
  const { folder } = session;
  const figures = await folder.locked(() => writeFigures(folder, options.figures, content));
  options.onStep?.('report');
  const report = await writeReport({ run: options.run });
  return { run: options.run, report, figures };
}

async function trainWhereMissing(options: Part1Options): Promise<void> {
  const { run, data, erm = {}, ...rest } = options;
  const folder = new RunFolder(run);
  if ((await folder.readTrainingResult()) !== undefined) return;
  if (data === undefined || erm.arch === undefined) {
    throw new SpurmemError('USAGE', `${folder.path} holds no finished run.`, {
      parameter: 'run',
      advice: ['Name one as `run`.', 'Or let one be trained there: give `data` and `erm.arch`.'],
    });
  }
  options.onStep?.(`ERM: ${erm.arch}`);
  await inScope('erm', () => trainErm({ ...rest, ...erm, data, out: run, resume: true }));
}

/** What the figures need; the rest is left out. */
async function makeResults(
  session: TraceSession,
  options: Part1Options,
  grid: readonly number[],
): Promise<RunResults> {
  const traces: TraceUnstructuredResult[] = [];
  for (const need of mergeNeeds(options.figures, grid)) {
    traces.push(await unstructuredTrace(session, options, need));
  }
  const others = new Set(options.figures.flatMap(({ needs }) => needs.results ?? []));
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
  need: ResolvedNeed,
): Promise<TraceUnstructuredResult> {
  const { perturbation, split, topK, sigmas } = need;
  const name = resultName({ kind: 'trace-unstructured', perturbation, split });
  const made = await session.folder.readResult<TraceUnstructuredResult>(name);
  const repeats = (criterion: CriterionName): number =>
    repeatsOf(criterion, session.settings.protocol, options);
  const hasRepeats =
    perturbationNamed(perturbation).values === null ||
    ARTICLE_CRITERIA.every((criterion) => made?.repeats?.[criterion] === repeats(criterion));
  if (made && hasRepeats && isOfSession(session, options, made) && coversNeed(made, need)) return made;
  options.onStep?.(`trace: ${perturbation}, ${split} split`);
  return traceUnstructuredIn(session, {
    criteria: ARTICLE_CRITERIA,
    ...{ topK, perturbation, split, repeats: options.repeats },
    sigmas: sigmas.length === 0 ? undefined : sigmas,
    ...controlsOf(options),
  });
}

async function structuredTrace(session: TraceSession, options: Part1Options): Promise<TraceStructuredResult> {
  const { topK } = resolveSettings({ topK: TRACE_SETTINGS.structured.topK }, session.settings.protocol, {
    topK: options.layerTopK,
  });
  const made = await session.folder.readResult<TraceStructuredResult>('trace-structured');
  const isSame =
    made &&
    isOfSession(session, options, made) &&
    made.split === 'train' &&
    ARTICLE_CRITERIA.every((criterion) =>
      topK.every((k) => made.entries.some((entry) => entry.criterion === criterion && entry.k === k)),
    );
  if (isSame) return made;
  options.onStep?.('trace: layer by layer');
  return traceStructuredIn(session, { criteria: ARTICLE_CRITERIA, topK, ...controlsOf(options) });
}

async function overlapTrace(session: TraceSession, options: Part1Options): Promise<TraceOverlapResult> {
  const { fraction } = resolveSettings(
    without(TRACE_SETTINGS.overlap, 'criteria'),
    session.settings.protocol,
    options,
  );
  const made = await session.folder.readResult<TraceOverlapResult>('trace-overlap');
  const isSame =
    made?.fraction === fraction &&
    hasHeaderOf(session, made) &&
    hasSameValues(new Set(made.entries.map(({ chosenBy }) => chosenBy)), ARTICLE_CRITERIA);
  if (isSame) return made;
  options.onStep?.('trace: overlap of the criteria');
  return traceOverlapIn(session, { fraction });
}

/** What is there of these weights, however many examples were tried, or what the defaults give. */
async function minimalTrace(session: TraceSession, options: Part1Options): Promise<TraceMinimalResult> {
  const made = await session.folder.readResult<TraceMinimalResult>('trace-minimal');
  if (made?.checkpoint === session.checkpoint) return made;
  options.onStep?.('trace: minimal neurons');
  return traceMinimalIn(session, {});
}

/** The maps that are there, whatever they were compared with, or those of the run alone. */
async function heatMaps(session: TraceSession, options: Part1Options): Promise<GradCamResult> {
  const made = await session.folder.readResult<GradCamResult>('grad-cam');
  if (made?.after.checkpoint === session.checkpoint) return made;
  options.onStep?.('heat maps');
  return gradCam({ ...options, data: session.dataset });
}

function hasSameValues<Value>(values: ReadonlySet<Value>, others: readonly Value[]): boolean {
  return values.size === others.length && others.every((other) => values.has(other));
}

const { controls, controlSamples } = TRACE_SETTINGS.unstructured;
const CONTROLS = { controls, controlSamples } as const;

function controlsOf(options: Part1Options): Pick<Part1Options, 'controls' | 'controlSamples'> {
  return { controls: options.controls, controlSamples: options.controlSamples };
}

/** Whether a trace that is there was made of the same weights, in the same way, with the same controls. */
function isOfSession(
  session: TraceSession,
  options: Part1Options,
  made: TraceUnstructuredResult | TraceStructuredResult,
): boolean {
  const { controls: draws, controlSamples: samplesPerGroup } = resolveSettings(
    CONTROLS,
    session.settings.protocol,
    options,
  );
  const hasControls =
    draws === 0
      ? made.controls === null
      : made.controls?.draws === draws && made.controls.samplesPerGroup === samplesPerGroup;
  return hasControls && hasHeaderOf(session, made);
}

function hasHeaderOf(session: TraceSession, made: object): boolean {
  const values = made as Readonly<Record<string, unknown>>;
  return Object.entries(session.header).every(
    ([name, value]) => JSON.stringify(values[name]) === JSON.stringify(value),
  );
}

function coversNeed(made: TraceUnstructuredResult, { topK, sigmas }: ResolvedNeed): boolean {
  const has = (criterion: string, k: number, sigma: number | null): boolean =>
    made.entries.some((entry) => entry.criterion === criterion && entry.k === k && entry.sigma === sigma);
  return ARTICLE_CRITERIA.every((criterion) =>
    topK.every((k) => (sigmas.length === 0 ? [null] : sigmas).every((sigma) => has(criterion, k, sigma))),
  );
}
