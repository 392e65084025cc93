import { SpurmemError } from './errors.js';

/** One step of a long job: `done` of `total` units of `task` are finished. */
export interface ProgressEvent {
  /** What is being done, in the user's words, such as `epoch 3/8`. The same text names the same bar. */
  readonly task: string;
  readonly done: number;
  readonly total: number;
  /** What a unit is, such as `images`. */
  readonly unit: string;
}

/** Receives the progress of long jobs; the command line draws bars from it. */
type ProgressReporter = (event: ProgressEvent) => void;

/** What every long job takes: where progress goes, and how it is told to stop. */
export interface JobOptions {
  readonly onProgress?: ProgressReporter | undefined;
  /** When aborted, the job stops at the next batch, keeps what it has written, and throws `INTERRUPTED`. */
  readonly signal?: AbortSignal | undefined;
  /** Receives what is worth knowing of a job, such as what it starts from and what a long step will take. */
  readonly onInfo?: ((text: string) => void) | undefined;
  /** Receives what the user should know of a job that goes on all the same. */
  readonly onWarning?: ((text: string) => void) | undefined;
}

/** What is left of a job that was stopped, and how it goes on. */
export const STOPPED_ADVICE: readonly string[] = [
  'What was finished is kept, and the same call goes on from there.',
  'A run is continued with `resume`.',
];

/**
 * Throws `INTERRUPTED` when the job was told to stop.
 *
 * @param task what is being stopped, as in `decoding images`
 */
export function throwIfAborted(signal: AbortSignal | undefined, task: string): void {
  if (signal?.aborted !== true) return;
  throw new SpurmemError('INTERRUPTED', `Stopped during ${task}.`, { advice: STOPPED_ADVICE });
}
