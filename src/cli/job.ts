import { constants } from 'node:os';
import { isatty } from 'node:tty';
import type { Command } from 'commander';
import { type ErrorCode, messageOf, SpurmemError, systemCode } from '../errors.js';
import { isOutOfMemory } from '../native/context.js';
import { joinProcessGroup, type ProcessGroup } from '../native/processGroup.js';
import { type JobOptions, STOPPED_ADVICE } from '../progress.js';
import type { CommonOptions } from './options.js';
import { Output } from './output.js';
import { errorText, inOneLine, inOptions, type ParameterNames, parameterNames } from './parameters.js';

/** The work of a command, with its options and its arguments. */
export type Job<Options> = (
  options: Options,
  output: Output,
  control: Required<JobOptions>,
  operands: readonly string[],
) => Promise<void>;

/**
 * Makes a job the command's action. Ctrl-C, SIGTERM, or SIGHUP of a terminal that is closed aborts its signal, and a second one ends the
 * process at once. An error is printed and sets the exit code: 1 for a failed job, 2 for wrong usage, 128 and the signal's number for a
 * stopped one (130 after Ctrl-C).
 *
 * @param names the options of parameters that have other names
 * @param isShared whether the processes that torchrun or srun started do it together; the first one prints
 */
export function addJob<Options extends CommonOptions>(
  command: Command,
  job: Job<Options>,
  names: ParameterNames = {},
  isShared = false,
): void {
  command.action(() => runJob(command, job, parameterNames(command, names), isShared));
}

async function runJob<Options extends CommonOptions>(
  command: Command,
  job: Job<Options>,
  names: ParameterNames,
  isShared: boolean,
): Promise<void> {
  const options = command.opts<Options>();
  let output = new Output(options);
  let group: ProcessGroup | undefined;
  const abort = new AbortController();
  const hadTerminal = [0, 1, 2].some((stream) => isatty(stream));
  let stoppedBy: NodeJS.Signals = 'SIGINT';
  const wasHungUp = (): boolean => stoppedBy === 'SIGHUP';
  const onSignal = (signal: NodeJS.Signals): void => {
    if (abort.signal.aborted) {
      // A terminal that closes has it sent twice, by the shell and by the system.
      if (signal === 'SIGHUP') return;
      const stopped = new SpurmemError('INTERRUPTED', 'Stopped at once.', { advice: STOPPED_ADVICE });
      output.reportError(describeError(stopped, names));
      // By the signal itself: process.exit would take libtorch down under a running kernel.
      for (const name of STOPPING) process.off(name, onSignal);
      process.kill(process.pid, signal);
      return;
    }
    stoppedBy = signal;
    abort.abort();
    output.info('Stopping; Ctrl-C again stops at once.');
  };
  for (const name of STOPPING) process.on(name, onSignal);
  // Otherwise it ends the process: a file beyond ulimit -f then fails to be written, which is reported.
  process.on('SIGXFSZ', ignore);
  try {
    if (isShared) {
      group = await joinProcessGroup();
      if (!group.isRankZero) output = new Output({ ...options, muted: true });
    }
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
    await job(options, output, control, command.args);
  } catch (error) {
    const described = describeError((await group?.lostProcess(error)) ?? error, names);
    const { code } = described;
    // As shells report a process that a signal ended.
    if (code === 'INTERRUPTED') process.exitCode = 128 + constants.signals[stoppedBy];
    else process.exitCode = code === 'USAGE' ? 2 : 1;
    const given = [...(Object.values(options) as unknown[]), ...command.args];
    output.reportError({ ...described, message: inOneLine(described.message, given) });
    if (options.debug && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
    else if (code === 'UNEXPECTED') process.stderr.write('Run again with --debug for the stack trace.\n');
  } finally {
    for (const name of STOPPING) process.off(name, onSignal);
    process.off('SIGXFSZ', ignore);
  }
  // Node.js aborts at its exit where its terminal is gone.
  if (hadTerminal && wasHungUp()) process.removeAllListeners('SIGHUP').kill(process.pid, 'SIGHUP');
}

const STOPPING: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

const ignore = (): void => undefined;

interface DescribedError {
  readonly code: ErrorCode | 'UNEXPECTED';
  readonly message: string;
  /** The option that is wrong, its value and what it takes, where one is to blame. */
  readonly option?: string | undefined;
  readonly value?: unknown;
  readonly expected?: string | undefined;
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
