/** The errors that a user can cause. A code never changes its meaning; messages may be reworded. */
export type ErrorCode =
  | 'USAGE' // an option or argument is invalid
  | 'DATASET_NOT_FOUND' // the dataset's folder or its table is missing
  | 'DATASET_INVALID' // the table or dataset.json has bad content
  | 'DATASET_EMPTY_GROUP' // a split lacks examples of a group
  | 'IMAGE_INVALID' // an image is missing, truncated or not an image
  | 'FETCH_FAILED' // a download failed, or its content is not the expected one
  | 'OUTPUT_UNWRITABLE' // a file or folder cannot be written
  | 'RUN_NOT_FOUND' // a folder holds no run
  | 'RUN_EXISTS' // the run folder holds a different or finished run
  | 'RUN_BUSY' // another process is writing to the run folder
  | 'RUN_INVALID' // a file of the run folder is damaged or missing
  | 'WEIGHTS_INVALID' // a weights file is damaged or does not fit the model
  | 'MODEL_INVALID' // an exported program is damaged or uses unsupported operators
  | 'NEURONS_INVALID' // a selection asks for neurons that do not exist
  | 'BASELINE_INVALID' // a file is not a benchmark result, or it lacks a case
  | 'PYTORCH_MISSING' // the Python that the benchmark compares with has no PyTorch
  | 'BENCH_FAILED' // a side of the benchmark failed
  | 'DEVICE_UNAVAILABLE' // the requested device is missing
  | 'LIBTORCH_UNUSABLE' // no libtorch was found, or it is too old, or a folder holds none
  | 'INSTALL_FAILED' // PyTorch could not be installed into the user's cache
  | 'NATIVE_LOAD_FAILED' // the addon or libtorch could not be loaded
  | 'NATIVE_BUILD_FAILED' // the addon could not be compiled
  | 'NATIVE_FAILED' // libtorch reported an error
  | 'PROCESS_LOST' // one of several processes that train together has ended
  | 'INTERRUPTED'; // the user stopped the job; the last checkpoint is kept

/** Details of an error besides its message. */
interface ErrorDetails {
  /** The invalid parameter, by its path in the caller's options: `fraction`, `erm.lr`. */
  readonly parameter?: string | undefined;
  /** The value that was given. */
  readonly value?: unknown;
  /** The valid values in words: `a whole number of at least 1`. */
  readonly expected?: string | undefined;
  /** Advice, one sentence per entry. */
  readonly advice?: readonly string[] | undefined;
  readonly cause?: unknown;
}

/**
 * An error that a user can cause and fix. Its message says what was wrong, where (file, line, column or parameter), and what
 * to do. Only parameters are in backticks, by their paths in the caller's options (`` `erm.lr` ``), so that a front end can
 * replace them with its own names.
 */
export class SpurmemError extends Error {
  override readonly name = 'SpurmemError';
  readonly code: ErrorCode;
  /** The message without its advice. */
  readonly problem: string;
  readonly advice: readonly string[];
  readonly parameter: string | undefined;
  readonly value: unknown;
  readonly expected: string | undefined;

  constructor(code: ErrorCode, problem: string, details: ErrorDetails = {}) {
    const { advice: lines = [], parameter, value, expected, ...options } = details;
    const shown = printable(problem);
    const advice = lines.map(printable);
    // After a list, the advice has a line of its own.
    const gap = advice.length === 0 || shown.endsWith('\n') ? '' : ' ';
    super(`${shown}${gap}${advice.join(' ')}`, options);
    this.code = code;
    this.problem = shown;
    this.advice = advice;
    this.parameter = parameter;
    this.value = value;
    this.expected = expected;
  }
}

/** Far longer than any message of ours; a message may quote a whole damaged file. */
const MAX_CHARACTERS = 4000;

/** Returns a message without control characters, which a quoted file may contain, cut to `MAX_CHARACTERS`. */
function printable(text: string): string {
  const cut = text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)}...\n` : text;
  return cut.replace(/(?![\n\t])[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, '\ufffd');
}

/** Returns the error of an invalid parameter. */
export function usageError(
  parameter: string,
  value: unknown,
  expected: string,
  problem: string,
  ...advice: readonly string[]
): SpurmemError {
  return new SpurmemError('USAGE', problem, { parameter, value, expected, advice });
}

/** Returns the error of an invalid value: `` `fraction` is 2: it takes a share above 0 and below 1. `` */
export function invalidParameter(
  parameter: string,
  value: unknown,
  expected: string,
  advice: readonly string[] = [],
): SpurmemError {
  const problem = `\`${parameter}\` is ${shown(value)}: it takes ${expected}.`;
  return usageError(parameter, value, expected, problem, ...advice);
}

/**
 * Runs a job on a part of the caller's options, such as ERM's within a study's. Its errors name parameters by their paths in the caller's
 * options.
 *
 * @param scope the part's name, such as `erm`
 * @param own the part's parameters by name; the others are the caller's
 */
export async function inScope<Result>(
  scope: string,
  own: object,
  job: () => Promise<Result>,
): Promise<Result> {
  try {
    return await job();
  } catch (error) {
    throw withinScope(error, scope, own);
  }
}

/** Returns a `SpurmemError` with a part's parameters by their paths in the caller's options; any other error unchanged. */
export function withinScope(error: unknown, scope: string, own: object): unknown {
  if (!(error instanceof SpurmemError)) return error;
  const { code, problem, advice, parameter, value, expected, cause } = error;
  const pathOf = (path: string): string => (path in own ? `${scope}.${path}` : path);
  const within = (text: string): string => mapParameters(text, (path) => `\`${pathOf(path)}\``);
  return new SpurmemError(code, within(problem), {
    advice: advice.map(within),
    parameter: parameter === undefined ? undefined : pathOf(parameter),
    value,
    expected,
    cause,
  });
}

/** Replaces a message's parameters, given their paths. Ignores backticks within a file's path. */
export function mapParameters(text: string, replace: (path: string) => string): string {
  return text.replace(
    /(?<![^\s("'])`([a-z][A-Za-z0-9]*(?:\.[a-z][A-Za-z0-9]*)*)`(?![\w/])/g,
    (_match, path: string) => replace(path),
  );
}

/** Characters of a value that a message shows. */
const MAX_SHOWN = 200;

function shown(value: unknown): string {
  const text = textOf(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}\u2026` : text;
}

function textOf(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'string' && (typeof value !== 'object' || value === null)) return String(value);
  try {
    return JSON.stringify(value);
  } catch {
    // Circular objects have no JSON.
    return 'an object';
  }
}

/** Returns the message of anything thrown. Checks the shape, not the class, which differs in workers and test runners. */
export function messageOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'message' in error) return String(error.message);
  return String(error);
}

/** Returns Node's error code (`ENOENT`, `EACCES`, ...) of anything thrown, or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
