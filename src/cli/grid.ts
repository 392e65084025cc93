import { InvalidArgumentError, type Option } from 'commander';
import { nearestNames } from '../data/nearest.js';
import { SpurmemError, messageOf } from '../errors.js';
import type { StudyGrid } from '../reproduce/part2Studies.js';

/** Settings whose values have commas of their own. */
const NOT_IN_GRIDS = ['viewAugmentation'];

/**
 * Parses `--grid lambda=1,5,10`, one key each time; keys and values are those of the options of fine-tuning.
 *
 * @throws `USAGE` for an unknown key, naming the nearest ones, and for a value that its option does not take
 */
export function parseGrid(texts: readonly string[], options: readonly Option[]): StudyGrid {
  const known = options.filter((option) => !NOT_IN_GRIDS.includes(option.attributeName()));
  return Object.fromEntries(texts.map((text) => parseAxis(text, known)));
}

function parseAxis(text: string, options: readonly Option[]): [string, unknown[]] {
  const [key = '', values = ''] = text.split(/=(.*)/s);
  const wanted = key.trim().replace(/^--/, '');
  const option = options.find((one) => one.attributeName() === wanted || one.name() === wanted);
  if (!option) {
    const names = options.map((one) => one.name());
    throw new SpurmemError(
      'USAGE',
      `--grid ${text}: fine-tuning has no setting named ${wanted} that can be varied. The nearest are ` +
        `${nearestNames(wanted, names).join(', ')}.`,
    );
  }
  if (values.trim() === '') {
    throw new SpurmemError('USAGE', `--grid ${text}: it takes values, such as --grid lambda=1,5,10.`);
  }
  return [option.attributeName(), values.split(',').map((value) => parseValue(value.trim(), text, option))];
}

function parseValue(value: string, text: string, option: Option): unknown {
  try {
    if (!option.parseArg) return value;
    return option.parseArg<unknown>(value, undefined);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new SpurmemError(
      'USAGE',
      `--grid ${text}: ${value} is no value of ${option.name()}. ${messageOf(error)}`,
    );
  }
}
