import { SpurmemError } from './errors.js';

/** One step of a long job: `done` of `total` units of `task` are finished. */
export interface ProgressEvent {
  /** The task in the user's words, such as `epoch 3/8`. The same text names the same bar. */
  readonly task: string;
  readonly done: number;
  readonly total: number;
  /** Such as `images`. */
  readonly unit: string;
}

/** Receives the progress of long jobs; the command line draws bars from it. */
type ProgressReporter = (event: ProgressEvent) => void;

/** Options of every long job. */
export interface JobOptions {
  readonly onProgress?: ProgressReporter | undefined;
  /** When aborted, the job stops at the next batch, keeps what it has written, and throws `INTERRUPTED`. */
  readonly signal?: AbortSignal | undefined;
  /** Receives lines about the job, such as its start and the time of a long step. */
  readonly onInfo?: ((text: string) => void) | undefined;
  /** Receives problems that do not stop the job. */
  readonly onWarning?: ((text: string) => void) | undefined;
}

/** The advice after a job was stopped: of one that continues by itself, and of training. */
export const STOPPED_ADVICE: readonly string[] = [
  'Finished work is kept: the same call continues from there.',
  'Finished epochs of a run are kept: continue it with `resume`.',
];

/** Throws `INTERRUPTED` when the job's signal was aborted during a task such as `decoding images`. */
export function throwIfAborted(signal: AbortSignal | undefined, task: string): void {
  if (signal?.aborted !== true) return;
  throw new SpurmemError('INTERRUPTED', `Stopped during ${task}.`, { advice: STOPPED_ADVICE });
}
