import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';
import { namedCommand } from './usage.js';

/** Placeholders of values that the shell completes itself. */
const PATH = /[<[](?:folder|file|run|csv|file or url)(?:\.\.\.)?[>\]]/;
/** Tells the shell's script to offer files. */
const FILES = ':0\n';

/** Adds `completion <shell>`, which prints a shell's script, and `complete`, which the script asks for the words that may follow. */
export function addCompletion(program: Command): void {
  tab(program, { completionCommandName: 'completion' });
}

/**
 * Prints the candidates for the last word: commands, options, an option's choices, or the sign to offer files.
 *
 * @param words the arguments typed so far
 */
export async function printCompletions(program: Command, words: readonly string[]): Promise<void> {
  const { command } = namedCommand(program, words);
  const before = words.at(-2);
  const option = command.options.find(({ long }) => long !== undefined && long === before);
  const takesPath = option
    ? PATH.test(option.flags)
    : command.registeredArguments.some(({ variadic }) => variadic);
  if (takesPath && words.at(-1)?.startsWith('-') !== true) process.stdout.write(FILES);
  else await program.parseAsync(['complete', '--', ...words], { from: 'user' });
}
