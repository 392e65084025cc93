import { constants } from 'node:os';
import { SpurmemError, messageOf, systemCode, type ErrorCode } from '../errors.js';
import { STOPPED_ADVICE, type JobOptions } from '../progress.js';
import type { CommonOptions } from './options.js';
import { Output } from './output.js';

/**
 * Runs a command: gives it an output and a signal that Ctrl-C or SIGTERM aborts, prints what it throws, and sets the
 * exit code: 1 for a failed job, 2 for wrong usage, 130 after Ctrl-C, 143 after SIGTERM. A second signal ends the process
 * at once.
 */
export async function runJob(
  options: CommonOptions,
  job: (output: Output, control: Required<JobOptions>) => Promise<void>,
): Promise<void> {
  const output = new Output(options);
  await output.loadBars();
  const abort = new AbortController();
  let stoppedBy: NodeJS.Signals = 'SIGINT';
  const onSignal = (signal: NodeJS.Signals): void => {
    if (abort.signal.aborted) {
      reportError(output, 'INTERRUPTED', `Stopped at once. ${STOPPED_ADVICE}`);
      // By the signal itself: process.exit would take libtorch down under a running kernel.
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
      process.kill(process.pid, signal);
      return;
    }
    stoppedBy = signal;
    abort.abort();
    output.info('Stopping after this batch; Ctrl-C again stops at once.');
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    await job(output, {
      onProgress: output.progress,
      signal: abort.signal,
      onWarning: (text) => {
        output.info(`Warning: ${text}`);
      },
    });
  } catch (error) {
    const { code, text } = describeError(error);
    process.exitCode = code === 'INTERRUPTED' ? signalExitCode(stoppedBy) : code === 'USAGE' ? 2 : 1;
    reportError(output, code, text);
    if (options.debug && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
    else if (code === 'UNEXPECTED') process.stderr.write('Run again with --debug for the stack trace.\n');
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

type ReportedCode = ErrorCode | 'UNEXPECTED';

function reportError(output: Output, code: ReportedCode, message: string): void {
  output.error(message, { error: { code, message } });
}

/** As shells report a process that a signal ended. */
function signalExitCode(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

function describeError(error: unknown): { code: ReportedCode; text: string } {
  if (error instanceof SpurmemError) return { code: error.code, text: error.message };
  const message = messageOf(error);
  // The addon's errors are plain ones: out of memory, and what the checks here have missed.
  if (systemCode(error) === 'NATIVE_FAILED') return { code: 'NATIVE_FAILED', text: `libtorch: ${message}` };
  return { code: 'UNEXPECTED', text: `Unexpected error: ${message}` };
}
