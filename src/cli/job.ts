import { constants } from 'node:os';
import type { Command } from 'commander';
import { type ErrorCode, messageOf, SpurmemError, systemCode } from '../errors.js';
import { isOutOfMemory } from '../native/outOfMemory.js';
import type { ProcessGroup } from '../native/processGroup.js';
import { type JobOptions, STOPPED_ADVICE } from '../progress.js';
import type { CommonOptions } from './options.js';
import { Output } from './output.js';
import { errorText, inOptions, type ParameterNames, parameterNames } from './parameters.js';

/** What a command does with its options, and with the arguments that stand without one. */
export type Job<Options> = (
  options: Options,
  output: Output,
  control: Required<JobOptions>,
  operands: readonly string[],
) => Promise<void>;

interface JobTraits {
  /** Whether the processes that torchrun or srun started do it together; the first one prints. */
  readonly isShared?: boolean;
}

/**
 * Makes a job the command's action: gives it an output and a signal that Ctrl-C or SIGTERM aborts, prints what it throws, and
 * sets the exit code: 1 for a failed job, 2 for wrong usage, 130 after Ctrl-C, 143 after SIGTERM. A second signal ends the
 * process at once.
 *
 * @param names the options of parameters that are not called as these
 */
export function addJob<Options extends CommonOptions>(
  command: Command,
  job: Job<Options>,
  names: ParameterNames = {},
  { isShared = false }: JobTraits = {},
): void {
  command.action(async () => {
    await runJob(command.opts<Options>(), job, parameterNames(command, names), command.args, isShared);
  });
}

async function runJob<Options extends CommonOptions>(
  options: Options,
  job: Job<Options>,
  names: ParameterNames,
  operands: readonly string[],
  isShared: boolean,
): Promise<void> {
  let output = new Output(options);
  let group: ProcessGroup | undefined;
  await output.loadBars();
  const abort = new AbortController();
  let stoppedBy: NodeJS.Signals = 'SIGINT';
  const onSignal = (signal: NodeJS.Signals): void => {
    if (abort.signal.aborted) {
      const stopped = new SpurmemError('INTERRUPTED', 'Stopped at once.', { advice: STOPPED_ADVICE });
      reportError(output, describeError(stopped, names));
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
  // A file beyond ulimit -f then fails to be written, which is told, instead of ending the process.
  process.on('SIGXFSZ', ignore);
  try {
    if (isShared) ({ group, output } = await joined(options, output));
    const control = {
      onProgress: output.progress,
      signal: abort.signal,
      onInfo: (text: string) => {
        output.info(inOptions(text, names));
      },
      onWarning: (text: string) => {
        output.info(`Warning: ${inOptions(text, names)}`);
      },
    };
    await job(options, output, control, operands);
  } catch (error) {
    const described = describeError((await group?.lostProcess(error)) ?? error, names);
    const { code } = described;
    process.exitCode = code === 'INTERRUPTED' ? signalExitCode(stoppedBy) : code === 'USAGE' ? 2 : 1;
    reportError(output, described);
    if (options.debug && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
    else if (code === 'UNEXPECTED') process.stderr.write('Run again with --debug for the stack trace.\n');
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal).off('SIGXFSZ', ignore);
  }
}

/** Joins the other processes, where there are some: the first one prints. */
async function joined(
  options: CommonOptions,
  output: Output,
): Promise<{ readonly group: ProcessGroup; readonly output: Output }> {
  const { joinProcessGroup } = await import('../native/processGroup.js');
  const group = await joinProcessGroup();
  return { group, output: group.isRankZero ? output : new Output({ ...options, muted: true }) };
}
const ignore = (): void => undefined;

interface DescribedError {
  readonly code: ErrorCode | 'UNEXPECTED';
  readonly message: string;
  /** The option that is wrong, its value and what it takes, where one is to blame. */
  readonly option?: string | undefined;
  readonly value?: unknown;
  readonly expected?: string | undefined;
}

function reportError(output: Output, error: DescribedError): void {
  output.error(error.message, { error });
}

/** As shells report a process that a signal ended. */
function signalExitCode(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

function describeError(error: unknown, names: ParameterNames): DescribedError {
  if (error instanceof SpurmemError) {
    const { code, parameter, value, expected } = error;
    const option = parameter === undefined ? undefined : names[parameter];
    return { code, message: errorText(error, names), option, value, expected };
  }
  const message = messageOf(error);
  // The addon's errors are plain ones: out of memory, and what the checks here have missed.
  if (systemCode(error) === 'NATIVE_FAILED') {
    const smaller = isOutOfMemory(error) && names.batchSize ? `. Try a smaller ${names.batchSize}.` : '';
    return { code: 'NATIVE_FAILED', message: `libtorch: ${message}${smaller}` };
  }
  return { code: 'UNEXPECTED', message: `Unexpected error: ${message}` };
}
