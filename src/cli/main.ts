import { readFileSync } from 'node:fs';
import { Command, CommanderError, Help } from 'commander';
import { messageOf, SpurmemError, systemCode } from '../errors.js';
import { namedCommand, refuseUnknownOption } from './usage.js';

const USAGE_EXIT_CODE = 2;

/** The module of a command, loaded when the command is named: `--help` loads no others, and no libtorch. */
type CommandModule = Promise<{ readonly addCommand: (command: Command) => void }>;

const COMMANDS: Readonly<Record<string, readonly [description: string, ...load: (() => CommandModule)[]]>> = {
  init: ['ask about your images and write a settings file for train', () => import('../extras/init.js')],
  reproduce: ['reproduce the article\u2019s experiments', () => import('./commands/reproduce.js')],
  fetch: [
    'fetch data sets and weights from their official addresses, or from a copy',
    () => import('./commands/fetch.js'),
  ],
  dataset: ['build and inspect datasets', () => import('./commands/dataset.js')],
  model: ['inspect a network that torch.export wrote', () => import('./commands/model.js')],
  adopt: ['make a run of a checkpoint that was trained elsewhere', () => import('./commands/adopt.js')],
  train: ['train a network', () => import('./commands/train.js')],
  trace: [
    'perturb a few neurons, and compare what groups lose with random neurons',
    () => import('./commands/trace.js'),
  ],
  gradcam: [
    'show which parts of images raise an output, and their core region’s share (article, Fig. 10)',
    () => import('./commands/gradCam.js'),
  ],
  neurons: [
    'show which images neurons respond to, and what zeroing each one changes',
    () => import('../extras/atlas/command.js'),
  ],
  discover: [
    'find the images that a model gets wrong, name what they share, and test the name',
    () => import('../extras/discover/command.js'),
  ],
  study: [
    'train, trace and compare the runs that a study file describes, on one machine or a cluster',
    () => import('./commands/study.js'),
  ],
  runs: ['list runs with their settings and accuracies', () => import('./commands/runs.js')],
  compare: [
    'compare runs: differing settings, accuracies, paired differences',
    () => import('./commands/compare.js'),
  ],
  evaluate: [
    'evaluate a run\u2019s model on a split, without training',
    () => import('./commands/evaluate.js'),
  ],
  memorization: [
    'tell which training images are memorized, by runs that left some out',
    () => import('./commands/memorization.js'),
  ],
  report: [
    'write a run\u2019s report.html and figures from its results',
    () => import('./commands/report.js'),
  ],
  card: [
    'write a model card of a run, or of several seeds, as a folder to publish',
    () => import('../extras/card.js'),
  ],
  export: [
    'write a run\u2019s model as a folder that transformers loads',
    () => import('../extras/exportFolder.js'),
  ],
  build: [
    'compile the native addon for this machine\u2019s libtorch if no prebuild fits',
    () => import('./commands/build.js'),
  ],
  doctor: [
    'check what this machine has: addon, libtorch, BLAS, devices, data',
    () => import('./commands/doctor.js'),
  ],
};

/** The hidden command that a shell's completion script calls. */
const COMPLETE = 'complete';
const COMPLETION = 'completion';

/** Max columns of an option in help; a longer one has a line of its own. Commander does not wrap the text next to it. */
const MAX_TERM = 30;

function padWidth(command: Command, helper: Help): number {
  return Math.min(MAX_TERM, Help.prototype.padWidth.call(helper, command, helper));
}

function formatItem(term: string, termWidth: number, description: string, helper: Help): string {
  if (description === '') return `  ${term}`;
  const column = termWidth + 4;
  const margin = ' '.repeat(column);
  const text = helper.boxWrap(description, (helper.helpWidth ?? 80) - column).replaceAll('\n', `\n${margin}`);
  return term.length > termWidth ? `  ${term}\n${margin}${text}` : `  ${term.padEnd(termWidth)}  ${text}`;
}

/**
 * Returns the command line, with the options of the command that the arguments name.
 *
 * @param words the arguments
 */
export async function createProgram([first, second]: readonly string[], completes = false): Promise<Command> {
  const { version, description } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as { version: string; description: string };
  const program = new Command('spurmem').description(description).version(version);
  program.configureHelp({ subcommandTerm: (command) => command.name(), padWidth, formatItem });
  const named = first === 'help' ? second : first;
  for (const [name, [about, ...modules]] of Object.entries(COMMANDS)) {
    const command = program.command(name).description(about);
    if (name !== named) continue;
    for (const load of modules) (await load()).addCommand(command);
  }
  if (completes || named === COMPLETION) (await import('./completion.js')).addCompletion(program);
  else program.command(COMPLETION).description('print a script that completes commands in bash, zsh or fish');
  throwOnUsageErrors(program);
  return program;
}

/** Rejects misspelt options, applies a configuration file, and adds the named command's examples to its help. */
async function prepare(program: Command, words: readonly string[]): Promise<void> {
  const { command, args } = namedCommand(program, words);
  if (words[0] === 'help' || args.some((arg) => arg === '--help' || arg === '-h')) {
    const { addExamples } = await import('./examples.js');
    addExamples(command);
    return;
  }
  refuseUnknownOption(command, args);
  if (!args.some((arg) => /^--config(?:=|$)/.test(arg))) return;
  const { applyConfig } = await import('./configFile.js');
  try {
    await applyConfig(command, args);
  } catch (error) {
    if (!(error instanceof SpurmemError)) throw error;
    command.error(`error: ${error.message}`);
  }
}

/** Parses the arguments and runs the command; sets the exit code. */
export async function run(argv: readonly string[], create = createProgram): Promise<void> {
  endQuietlyWithReaders();
  try {
    const words = argv.slice(2);
    if (words[0] === COMPLETE) {
      const typed = words.slice(words.indexOf('--') + 1);
      const { printCompletions } = await import('./completion.js');
      await printCompletions(await createProgram(typed, true), typed);
      return;
    }
    const program = await create(words);
    if (words.length > 0) await prepare(program, words);
    await program.parseAsync([...argv]);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? 0 : USAGE_EXIT_CODE;
    if (error.exitCode === 0 || !argv.includes('--json')) return;
    const document = { error: { code: 'USAGE', message: error.message.replace(/^error: /, '') } };
    process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  }
}

/** Ends without an error if the reader of stdout has gone, as in `| head`; a job continues without readers of its progress. */
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

/** Has commander throw for a wrong option, instead of ending the process with 1: the exit code, 2, is set in one place. */
export function throwOnUsageErrors(command: Command): void {
  command.exitOverride().showHelpAfterError('(add --help for the options)');
  for (const subcommand of command.commands) throwOnUsageErrors(subcommand);
}
