import type { Command } from 'commander';
import { createProgram } from '../../src/cli/main.js';
import { namedCommand, refuseUnknownOption } from '../../src/cli/usage.js';
import { commandsOf, markdownDocuments } from './documents.js';

/** Lets the command line read a command as it would, and run nothing. */
async function check(words: readonly string[]): Promise<void> {
  const given = words.filter((word) => word !== '...');
  const program = await createProgram(given);
  silence(program);
  const { command, args } = namedCommand(program, given);
  if (command.commands.length === 0) {
    refuseUnknownOption(command, args);
    command.action(() => undefined);
    // Words left out stand in the file, or in the words before.
    if (words.includes('...') || words.includes('--config')) return;
  }
  await program.parseAsync([...given], { from: 'user' });
}

function silence(command: Command): void {
  command.configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
  for (const inner of command.commands) silence(inner);
}

// CONTRIBUTING.md names the parts that its recipes add (recipes.slow.test.ts).
// The reference lists commands without their arguments.
const documents = markdownDocuments().filter(
  ({ path }) => !['CONTRIBUTING.md', 'docs/reference.md'].includes(path),
);
const commands = documents.flatMap(({ blocks }) =>
  blocks
    .filter(({ language }) => language === 'sh')
    .flatMap(({ place, text }) => commandsOf(text).map((words) => ({ place, words }))),
);
/** Within text, commands often leave out what is not told there, and families of commands the program's name. */
const MENTIONED = /^(?:(?:npx )?spurmem|(?=(?:dataset|fetch|reproduce|study|trace|train) [a-z])) ?(?=[a-z])/;
const mentioned = documents.flatMap(({ path, codes }) =>
  codes
    .filter((text) => MENTIONED.test(text))
    .flatMap((text) =>
      commandsOf(text.replace(MENTIONED, 'spurmem ')).map((words) => ({
        place: path,
        words: [...words, '...'],
      })),
    ),
);

/** The command line's answer to those that it does not take. */
async function refusals(shown: typeof commands): Promise<string[]> {
  const refused: string[] = [];
  for (const { place, words } of shown) {
    await check(words).catch((error: unknown) => {
      refused.push(`${place}: spurmem ${words.join(' ')}: ${String(error)}`);
    });
  }
  return refused;
}

test('the command line takes every command that the documents show', async () => {
  expect(await refusals(commands)).toEqual([]);
  expect(commands.length).toBeGreaterThan(60);
});

test('and has those that they mention, with their options', async () => {
  expect(await refusals(mentioned)).toEqual([]);
  expect(mentioned.length).toBeGreaterThan(30);
});

test.each([
  ['an option that there is not', 'spurmem train erm --data x --learning-rate 1', /--learning-rate/],
  ['a command that there is not', 'spurmem trane erm', /unknown command/],
  ['a training method that there is not', 'npx spurmem train gdro --data x', /unknown command/],
  ['a value that an option does not take', 'spurmem trace unstructured --run x --top-k 1,two', /top-k/],
  ['an option that is missing', 'bin/spurmem.js train rwg --epochs 3', /--data/],
  ['an argument too many', 'spurmem report --run a b # comment', /too many arguments/],
])('%s is refused', async (_name, text, message) => {
  const [words = []] = commandsOf(text);
  await expect(check(words)).rejects.toThrow(message);
});
