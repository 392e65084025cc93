import type { Command } from 'commander';
import { nearestSentence } from '../settings/names.js';

/** Returns the command that the arguments name, and the arguments after its name. */
export function namedCommand(
  program: Command,
  words: readonly string[],
): { readonly command: Command; readonly args: readonly string[] } {
  let command = program;
  let at = words[0] === 'help' ? 1 : 0;
  for (; at < words.length; at += 1) {
    const inner = command.commands.find((known) => known.name() === words[at]);
    if (!inner) break;
    command = inner;
  }
  return { command, args: words.slice(at) };
}

/** Rejects an unknown option and names the nearest ones. Commander would first report the required option that a misspelt one leaves out. */
export function refuseUnknownOption(command: Command, args: readonly string[]): void {
  if (command.commands.length > 0) return;
  const help = ['--help', '-h'];
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? '';
    if (arg === '--' || help.includes(arg)) return;
    if (!arg.startsWith('--')) continue;
    const flag = arg.replace(/=.*/s, '');
    const option = command.options.find(({ long }) => long === flag);
    if (!option) {
      const nearest = nearestSentence(
        flag,
        command.options.flatMap(({ long }) => long ?? []),
      );
      command.error(`error: unknown option '${flag}'. ${nearest}`, { code: 'commander.unknownOption' });
    } else if (option.required && flag === arg) {
      at += 1;
    }
  }
}

/** `train erm` */
export function commandName(command: Command): string {
  const { parent } = command;
  return parent?.parent ? `${commandName(parent)} ${command.name()}` : command.name();
}
