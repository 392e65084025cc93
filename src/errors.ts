/**
 * What a user can get wrong, by a stable code. A code never changes its meaning; messages may be reworded.
 */
export type ErrorCode =
  | 'USAGE' // an option or argument is invalid
  | 'DATASET_NOT_FOUND' // the dataset's folder or its table is missing
  | 'DATASET_INVALID' // the table or dataset.json has bad content
  | 'DATASET_EMPTY_GROUP' // a split lacks examples of a group
  | 'IMAGE_INVALID' // an image is missing, truncated or not an image
  | 'OUTPUT_UNWRITABLE' // a file or folder cannot be written
  | 'RUN_NOT_FOUND' // --run names no run folder
  | 'RUN_EXISTS' // the run folder holds a different or finished run
  | 'RUN_BUSY' // another process is writing to the run folder
  | 'RUN_INVALID' // a file of the run folder is damaged or missing
  | 'WEIGHTS_INVALID' // a weights file is damaged or does not fit the model
  | 'NEURONS_INVALID' // a selection asks for neurons that do not exist
  | 'BASELINE_INVALID' // --compare names no result of the benchmark, or it lacks a case
  | 'PYTORCH_MISSING' // the Python that the benchmark runs beside has no PyTorch
  | 'BENCH_FAILED' // the benchmark is not installed, or a side of it failed
  | 'DEVICE_UNAVAILABLE' // the device asked for is not there
  | 'NATIVE_LOAD_FAILED' // the addon or libtorch could not be loaded
  | 'NATIVE_FAILED' // libtorch reported an error
  | 'INTERRUPTED'; // the user stopped the job; the last checkpoint is kept

/**
 * An error that a user can cause and mend. The message says what was wrong, where (file, line, column or
 * option), and what to do.
 */
export class SpurmemError extends Error {
  override readonly name = 'SpurmemError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** Throws `USAGE` naming the option when its value is no positive integer. */
export function requireCount(option: string, value: number): void {
  if (Number.isInteger(value) && value >= 1) return;
  throw new SpurmemError('USAGE', `${option} is ${value}: it takes a whole number of at least 1.`);
}

/** Throws `USAGE` naming the option when its value is no number above 0. */
export function requirePositive(option: string, value: number): void {
  if (value > 0 && Number.isFinite(value)) return;
  throw new SpurmemError('USAGE', `${option} is ${value}: it takes a number above 0.`);
}

/**
 * The message of anything that was thrown. Goes by shape, not by class: errors of the file system may stem from another
 * realm than this code's (worker contexts, test runners), where `instanceof Error` is false.
 */
export function messageOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'message' in error) return String(error.message);
  return String(error);
}

/** Node's error code (`ENOENT`, `EACCES`, ...) of anything that was thrown, or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
