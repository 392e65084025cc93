import { constants } from 'node:os';
import { isatty } from 'node:tty';
import type { Command, OptionValues } from 'commander';
import { type ErrorCode, messageOf, SpurmemError, systemCode } from '../errors.js';
import { releaseAll } from '../lock.js';
import { isOutOfMemory } from '../native/context.js';
import { joinProcessGroup, type ProcessGroup } from '../native/processGroup.js';
import { type JobOptions, STOPPED_ADVICE } from '../progress.js';
import { addCommonOptions, type CommonOptions, type GivenBy, type OptionSet } from './options.js';
import { Output } from './output.js';
import { errorText, inOneLine, inOptions, type ParameterNames, parameterNames } from './parameters.js';

/** The work of a command, with what its options give and its arguments. */
type Job<Given> = (
  given: Given,
  output: Output,
  control: Required<JobOptions>,
  operands: readonly string[],
) => Promise<void>;

/**
 * Gives a command its options and a job. Ctrl-C, SIGTERM or a closed terminal's SIGHUP aborts its signal, and a second one ends the
 * process at once. Errors are printed and set the exit code: 1 for a failed job, 2 for wrong usage, 128 plus the signal's number for a
 * stopped one (130 after Ctrl-C).
 *
 * @param isShared whether all processes of torchrun or srun share the job; the first one prints
 */
export function addJob<const Sets extends readonly OptionSet[]>(
  command: Command,
  sets: Sets,
  job: Job<GivenBy<Sets>>,
  isShared = false,
): void {
  for (const option of sets.flatMap(({ options }) => options)) command.addOption(option);
  addCommonOptions(command);
  const names = Object.assign({}, ...sets.map((set) => set.names)) as ParameterNames;
  const read = (values: OptionValues) =>
    Object.assign({}, ...sets.map((set) => set.read(values))) as GivenBy<Sets>;
  command.action(() => runJob(command, read, job, parameterNames(command, names), isShared));
}

async function runJob<Given>(
  command: Command,
  read: (values: OptionValues) => Given,
  job: Job<Given>,
  names: ParameterNames,
  isShared: boolean,
): Promise<void> {
  const options = command.opts<CommonOptions>();
  let output = new Output(options);
  let group: ProcessGroup | undefined;
  const abort = new AbortController();
  const hadTerminal = [0, 1, 2].some((stream) => isatty(stream));
  let stoppedBy: NodeJS.Signals = 'SIGINT';
  const wasHungUp = (): boolean => stoppedBy === 'SIGHUP';
  const onSignal = (signal: NodeJS.Signals): void => {
    if (abort.signal.aborted) {
      // A closing terminal sends it twice: by the shell and by the system.
      if (signal === 'SIGHUP') return;
      const stopped = new SpurmemError('INTERRUPTED', 'Stopped at once.', { advice: STOPPED_ADVICE });
      output.reportError(describeError(stopped, names));
      // By the signal itself: process.exit would unload libtorch under a running kernel.
      for (const name of STOPPING) process.off(name, onSignal);
      releaseAll();
      process.kill(process.pid, signal);
      return;
    }
    stoppedBy = signal;
    abort.abort();
    output.info('Stopping; Ctrl-C again stops at once.');
  };
  for (const name of STOPPING) process.on(name, onSignal);
  // Otherwise it ends the process. Ignored, writing beyond ulimit -f fails and is reported.
  process.on('SIGXFSZ', ignore);
  try {
    if (isShared) {
      group = await joinProcessGroup();
      if (!group.isRankZero) output = new Output({ ...options, muted: true });
    }
    await job(read(options), output, controlOf(output, abort.signal, names), command.args);
  } catch (error) {
    const described = describeError((await group?.lostProcess(error)) ?? error, names);
    const { code } = described;
    // The exit code of shells for a process ended by a signal.
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
  // Node.js aborts on exit if its terminal is gone.
  if (hadTerminal && wasHungUp()) process.removeAllListeners('SIGHUP').kill(process.pid, 'SIGHUP');
}

/** A job's callbacks for progress and messages, and the signal that stops it. */
function controlOf(output: Output, signal: AbortSignal, names: ParameterNames): Required<JobOptions> {
  return {
    onProgress: output.progress,
    signal,
    onInfo: (text) => {
      output.info(inOptions(text, names));
    },
    onWarning: (text) => {
      output.info(`Warning: ${inOptions(text, names)}`);
    },
  };
}

const STOPPING: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

const ignore = (): void => undefined;

interface DescribedError {
  readonly code: ErrorCode | 'UNEXPECTED';
  readonly message: string;
  /** The invalid option, its value and the valid ones, if an option is to blame. */
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
  // Errors of the addon: out of memory, or a case that our checks missed.
  if (systemCode(error) === 'NATIVE_FAILED') {
    const smaller = isOutOfMemory(error) && names.batchSize ? `. Try a smaller ${names.batchSize}.` : '';
    return { code: 'NATIVE_FAILED', message: `libtorch: ${message}${smaller}` };
  }
  return { code: 'UNEXPECTED', message: `Unexpected error: ${message}` };
}
