import { SpurmemError, messageOf, systemCode, type ErrorCode } from '../errors.js';
import type { JobOptions } from '../progress.js';
import type { CommonOptions } from './options.js';
import { Output } from './output.js';

/** Shells report a process that Ctrl-C ended as 128 + SIGINT. */
const INTERRUPTED_EXIT_CODE = 130;

/**
 * Runs a command: gives it an output and a signal that Ctrl-C aborts, prints what it throws, and sets the exit code: 1 for
 * a failed job, 2 for wrong usage, 130 after Ctrl-C. A second Ctrl-C ends the process at once.
 */
export async function runJob(
  options: CommonOptions,
  job: (output: Output, control: Required<JobOptions>) => Promise<void>,
): Promise<void> {
  const output = new Output(options);
  const abort = new AbortController();
  const onSignal = (): void => {
    if (abort.signal.aborted) process.exit(INTERRUPTED_EXIT_CODE);
    abort.abort();
    output.info('Stopping after this batch; Ctrl-C again stops at once.');
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    await job(output, { onProgress: output.progress, signal: abort.signal });
  } catch (error) {
    process.exitCode = exitCodeOf(error);
    const { code, text } = describeError(error);
    output.error(text, { error: { code, message: text } });
    if (options.debug && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
    else if (code === 'UNEXPECTED') process.stderr.write('Run again with --debug for the stack trace.\n');
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

function describeError(error: unknown): { code: ErrorCode | 'UNEXPECTED'; text: string } {
  if (error instanceof SpurmemError) return { code: error.code, text: error.message };
  const message = messageOf(error);
  // The addon's errors are plain ones: out of memory, and what the checks here have missed.
  if (systemCode(error) === 'NATIVE_FAILED') return { code: 'NATIVE_FAILED', text: `libtorch: ${message}` };
  return { code: 'UNEXPECTED', text: `Unexpected error: ${message}` };
}

function exitCodeOf(error: unknown): number {
  if (!(error instanceof SpurmemError)) return 1;
  if (error.code === 'INTERRUPTED') return INTERRUPTED_EXIT_CODE;
  return error.code === 'USAGE' ? 2 : 1;
}
