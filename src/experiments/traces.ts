import { isDeepStrictEqual } from 'node:util';
import { type GivenOf, resolveSettings, type SettingsTable } from '../settings/setting.js';
import type * as z from '../zod.js';
import { type GradCamResult, gradCamSchema } from './gradCamResult.js';
import { MINIMAL_SETTINGS, minimalSchema, type TraceMinimalResult } from './minimal.js';
import {
  atEpoch,
  memorizedSchema,
  overlapSchema,
  structuredSchema,
  type TraceMemorizedResult,
  type TraceOverlapResult,
  type TraceStructuredResult,
  type TraceUnstructuredResult,
  unstructuredName,
  unstructuredSchema,
} from './results.js';
import type { TraceSession } from './traceSession.js';
import { TRACE_SETTINGS, unstructuredSettings } from './traceSettings.js';

/** The fields that every trace result has. */
export interface Traced {
  readonly kind: string;
  readonly epoch?: number | undefined;
}

type Given = Readonly<Record<string, unknown>>;

/**
 * A measurement of a run. Its command, its file, and what figures, reports and studies take of it follow from this object. To add one: write it
 * here, or in a folder of `extras`, and name it in the figure that shows it.
 */
export interface Trace<Result extends Traced = Traced, Table extends SettingsTable = SettingsTable> {
  /** The word of its command: `trace <name>`; left out if it has a command of its own. */
  readonly name?: string;
  readonly description?: string;
  /** Its results' kind, with which their files' names begin. */
  readonly kind: Result['kind'];
  readonly schema: z.ZodType;
  readonly settings: Table;
  /** The settings of the session that its command takes; default: all of them and the protocol. */
  readonly session?: SettingsTable;
  /** Its name in reports of progress. */
  step(given: GivenOf<Table>): string;
  /** Measures in an open session, and writes the result. Loads its modules: figures and reports only read results. */
  measure(session: TraceSession, given: GivenOf<Table>): Promise<Result>;
  /** Whether only its command makes it and its figure, and no other figures with them: it takes what these lack. */
  readonly isMadeAlone?: boolean;
  /** The name of a result's file; default: its kind, with the epoch unless that is the selected one. */
  fileOf?(result: Given & Pick<Traced, 'epoch'>): string;
  /** Whether a result of the session's weights serves those who ask for these settings; default: it was made by them. */
  serves?(made: Result, session: TraceSession, given: GivenOf<Table>): boolean;
  /** sha256 of the traced weights; default: its `checkpoint`. */
  weightsOf?(made: Result): string;
  /** Returns it without pictures of the data; undefined: it has none. */
  withoutImages?(made: Result): Result;
  /** Whether no report may show images of the data next to it. */
  hidesImages?(made: Result): boolean;
}

export const unstructured: Trace<TraceUnstructuredResult, (typeof TRACE_SETTINGS)['unstructured']> = {
  name: 'unstructured',
  description: 'perturb the top-k neurons of the whole model for each group (article, Figs 2, 4, 5)',
  kind: 'trace-unstructured',
  schema: unstructuredSchema,
  settings: TRACE_SETTINGS.unstructured,
  step: ({ perturbation = 'zero', split = 'train' }) =>
    `trace: ${typeof perturbation === 'string' ? perturbation : perturbation.name}, ${split} split`,
  measure: async (session, given) =>
    (await import('./traceUnstructured.js')).traceUnstructuredIn(session, given),
  fileOf: unstructuredName,
  serves(made, session, given) {
    const { rewindEpochs, ...settings } = unstructuredSettings(given, session.settings.protocol);
    const isRewound = made.rewound === undefined || made.rewound.epochs === rewindEpochs;
    return isRewound && isMadeBy(made, session, settings);
  },
  withoutImages: (made) => ({ ...made, pictures: [] }),
};

export const structured: Trace<TraceStructuredResult, (typeof TRACE_SETTINGS)['structured']> = {
  name: 'structured',
  description: 'zero the top-k neurons of each layer for each group (article, Fig. 7)',
  kind: 'trace-structured',
  schema: structuredSchema,
  settings: TRACE_SETTINGS.structured,
  step: () => 'trace: layer by layer',
  measure: async (session, given) => (await import('./traceStructured.js')).traceStructuredIn(session, given),
};

export const overlap: Trace<TraceOverlapResult, (typeof TRACE_SETTINGS)['overlap']> = {
  name: 'overlap',
  description: 'rank the top neurons of each criterion under the others (article, Fig. 3)',
  kind: 'trace-overlap',
  schema: overlapSchema,
  settings: TRACE_SETTINGS.overlap,
  step: () => 'trace: overlap of the criteria',
  measure: async (session, given) => (await import('./traceOverlap.js')).traceOverlapIn(session, given),
  serves(made, session, given) {
    const settings = resolveSettings(TRACE_SETTINGS.overlap, session.settings.protocol, given);
    // Its figure shows all criteria that it has.
    return made.criteria.length === settings.criteria.length && isMadeBy(made, session, settings);
  },
};

export const memorized: Trace<TraceMemorizedResult, (typeof TRACE_SETTINGS)['memorized']> = {
  name: 'memorized',
  description:
    'zero the top-k neurons of each minority group, and compare memorized images with others of the same margin',
  kind: 'trace-memorized',
  schema: memorizedSchema,
  settings: TRACE_SETTINGS.memorized,
  step: () => 'trace: memorized images',
  isMadeAlone: true,
  measure: async (session, given) => (await import('./traceMemorized.js')).traceMemorizedIn(session, given),
};

/** The maps that are there, whatever they were compared with, or those of the run alone. */
export const gradCam: Trace<GradCamResult, (typeof TRACE_SETTINGS)['gradCam']> = {
  kind: 'grad-cam',
  schema: gradCamSchema,
  settings: TRACE_SETTINGS.gradCam,
  step: () => 'heat maps',
  isMadeAlone: true,
  measure: async (session) => (await import('./gradCam.js')).gradCamIn(session),
  serves: () => true,
  weightsOf: ({ after }) => after.checkpoint,
  withoutImages: (made) => ({ ...made, examples: [] }),
};

const { unit, loss, epoch, batchSize } = TRACE_SETTINGS.session;

/** A trace of these weights that is there is taken, however many examples were tried. */
export const minimalNeurons: Trace<TraceMinimalResult, typeof MINIMAL_SETTINGS> = {
  name: 'minimal',
  description: 'test how few neurons a training example of each group depends on (Maini et al. 2023)',
  kind: 'trace-minimal',
  schema: minimalSchema,
  settings: MINIMAL_SETTINGS,
  session: { unit, loss, epoch, batchSize },
  step: () => 'trace: minimal neurons',
  measure: async (session, given) => (await import('./traceMinimal.js')).traceMinimalIn(session, given),
  serves: (made, { header }) =>
    made.loss === header.loss && isDeepStrictEqual(made.precision, header.precision),
};

/** The traces of the package besides the extras', in the order in which they are made. */
export const TRACES: readonly Trace[] = [
  unstructured,
  structured,
  overlap,
  memorized,
  // Its command is `gradcam`.
  gradCam,
  minimalNeurons,
];

export function fileOf(trace: Trace, result: Given & Pick<Traced, 'epoch'>): string {
  return trace.fileOf?.(result) ?? atEpoch(trace.kind, result);
}

export function weightsOf(trace: Trace, made: Traced): string {
  return trace.weightsOf?.(made) ?? (made as Traced & { readonly checkpoint: string }).checkpoint;
}

/** Whether a result is of the session's weights, and serves those who ask for these settings. */
export function serves(trace: Trace, made: Traced, session: TraceSession, given: Given): boolean {
  if (weightsOf(trace, made) !== session.checkpoint) return false;
  if (trace.serves) return trace.serves(made, session, given);
  return isMadeBy(made, session, resolveSettings(trace.settings, session.settings.protocol, given));
}

/** Whether a trace was made in such a session with these settings; the header of one without `precision` or `heldOutHalf` leaves it out. */
function isMadeBy(made: object, { header }: TraceSession, settings: object): boolean {
  return hasAll(made, { precision: undefined, heldOutHalf: undefined, ...header, ...settings });
}

/** Whether values are equal, except that `made`'s lists may be longer. */
function hasAll(made: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) return Array.isArray(made) && wanted.every((value) => made.includes(value));
  if (typeof wanted !== 'object' || wanted === null) return made === wanted;
  if (typeof made !== 'object' || made === null) return false;
  const values = made as Given;
  return Object.entries(wanted).every(([name, value]) => hasAll(values[name], value));
}
