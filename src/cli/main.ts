import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addBenchCommand } from './commands/bench.js';
import { addDatasetCommands } from './commands/dataset.js';
import { addDoctorCommand } from './commands/doctor.js';
import { addGradCamCommand } from './commands/gradCam.js';
import { addReportCommand } from './commands/report.js';
import { addReproduceCommands } from './commands/reproduce.js';
import { addTraceCommands } from './commands/trace.js';
import { addTrainCommands } from './commands/train.js';
import { messageOf, systemCode } from '../errors.js';

const USAGE_EXIT_CODE = 2;

/** The whole command line. Commands load what they need when they run, so that `--help` loads no libtorch. */
export function createProgram(): Command {
  const { version, description } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as { version: string; description: string };
  const program = new Command('spurmem').description(description).version(version);
  addReproduceCommands(program);
  addDatasetCommands(program);
  addTrainCommands(program);
  addTraceCommands(program);
  addGradCamCommand(program);
  addReportCommand(program);
  addBenchCommand(program);
  addDoctorCommand(program);
  throwOnUsageErrors(program);
  return program;
}

/** Parses the arguments and runs the command; sets the exit code. */
export async function run(argv: readonly string[]): Promise<void> {
  endQuietlyWithReaders();
  try {
    await createProgram().parseAsync([...argv]);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? 0 : USAGE_EXIT_CODE;
    if (error.exitCode === 0 || !argv.includes('--json')) return;
    const document = { error: { code: 'USAGE', message: error.message.replace(/^error: /, '') } };
    process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  }
}

/** A reader of stdout that has seen enough, as in `| head`, is no error; a job goes on without readers of its progress. */
function endQuietlyWithReaders(): void {
  process.stdout.on('error', (error) => {
    if (systemCode(error) !== 'EPIPE') {
      process.exitCode = 1;
      process.stderr.write(`Cannot write to stdout: ${messageOf(error)}\n`);
    }
    process.exit();
  });
  process.stderr.on('error', () => undefined);
}

/** Commander ends the process with 1 for a wrong option; here that is 2, and set in one place. */
function throwOnUsageErrors(command: Command): void {
  command.exitOverride().showHelpAfterError('(add --help for the options)');
  for (const subcommand of command.commands) throwOnUsageErrors(subcommand);
}
