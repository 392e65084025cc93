import type { Command } from 'commander';
import { mapParameters, SpurmemError } from '../errors.js';
import { STOPPED_ADVICE } from '../progress.js';
import { kebabCase } from './settings.js';

/** The options that stand for the parameters of the library's functions, by the parameters' paths. */
export type ParameterNames = Readonly<Record<string, string>>;

/** Returns a command's options by the parameters that they set: of the same name, or as in `given`. */
export function parameterNames(command: Command, given: ParameterNames = {}): ParameterNames {
  const own = command.options.map((option) => [option.attributeName(), `--${option.name()}`] as const);
  // Without a prototype, `constructor` names nothing.
  return Object.assign(Object.create(null) as object, Object.fromEntries(own), given);
}

/**
 * Returns a message of the library in the words of a command, with its options in place of parameters. Parameters without an option
 * become plain words.
 */
export function inOptions(text: string, names: ParameterNames): string {
  return mapParameters(text, (path) => names[path] ?? plainWords(path));
}

/** Returns an error's message in the words of a command. Omits advice that needs an option the command lacks. */
export function errorText({ problem, advice }: SpurmemError, names: ParameterNames): string {
  const [again = ''] = STOPPED_ADVICE;
  const possible = advice.filter(
    (sentence) =>
      parametersOf(sentence).every((path) => path in names) && !(sentence === again && 'resume' in names),
  );
  return [problem, ...possible].map((sentence) => inOptions(sentence, names)).join(' ');
}

/** Returns a message with given values that contain line breaks, such as paths, on one line. */
export function inOneLine(message: string, given: readonly unknown[]): string {
  return given.reduce<string>(
    (text, value) =>
      typeof value === 'string' && value.includes('\n')
        ? text.replaceAll(value, value.replaceAll('\n', '\\n'))
        : text,
    message,
  );
}

/** Returns the error of options that do not go together. */
export function misuse(parameter: string, value: unknown, problem: string): SpurmemError {
  return new SpurmemError('USAGE', problem, { parameter, value });
}

function parametersOf(text: string): string[] {
  const paths: string[] = [];
  mapParameters(text, (path) => {
    paths.push(path);
    return path;
  });
  return paths;
}

/** `erm.batchSize` -> `batch size` */
function plainWords(path: string): string {
  return kebabCase(path.split('.').at(-1) ?? path).replaceAll('-', ' ');
}
