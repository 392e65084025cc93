import { InvalidArgumentError } from 'commander';
import { messageOf, SpurmemError } from '../errors.js';
import { nearestNames } from '../nearest.js';
import type { StudyGrid } from '../reproduce/study/studies.js';
import { firstRepeated } from '../settings/repeated.js';
import type { Setting } from '../settings/setting.js';
import { FINETUNE_SETTINGS } from '../train/finetune/settings.js';
import { optionWord, parseValue } from './settings.js';

/** The settings that a grid can vary, by the words of their options; those whose values have commas of their own cannot be. */
const VARIED: readonly (readonly [word: string, name: string, entry: Setting<unknown>])[] = Object.entries(
  FINETUNE_SETTINGS,
).flatMap(([name, entry]: readonly [string, Setting<unknown>]) => {
  const word = optionWord(name, entry);
  return word === undefined || entry.type.form === 'augmentation' ? [] : [[word, name, entry] as const];
});

/**
 * Parses `--grid lambda=1,5,10`, one key each time; keys and values are those of the options of fine-tuning.
 *
 * @throws `USAGE` for an unknown key, naming the nearest ones, and for a value that its option does not take
 */
export function parseGrid(texts: readonly string[]): StudyGrid {
  const axes = texts.map(parseAxis);
  const twice = firstRepeated(axes.map(([name]) => name));
  if (twice !== undefined) {
    throw new SpurmemError(
      'USAGE',
      `--grid varies ${twice} twice: give all its values at once, such as --grid lambda=1,5,10.`,
    );
  }
  return Object.fromEntries(axes);
}

function parseAxis(text: string): [string, unknown[]] {
  const [key = '', values = ''] = text.split(/=(.*)/s);
  const wanted = key.trim().replace(/^--/, '');
  const found = VARIED.find(([word, name]) => word === wanted || name === wanted);
  if (!found) {
    const words = VARIED.map(([word]) => word);
    throw new SpurmemError(
      'USAGE',
      `--grid ${text}: fine-tuning has no setting named ${wanted} that can be varied. The nearest are ` +
        `${nearestNames(wanted, words).join(', ')}.`,
    );
  }
  if (values.trim() === '') {
    throw new SpurmemError('USAGE', `--grid ${text}: it takes values, such as --grid lambda=1,5,10.`);
  }
  const [word, name, { type }] = found;
  const parse = (value: string): unknown => {
    try {
      return parseValue(value, type);
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      throw new SpurmemError('USAGE', `--grid ${text}: ${value} is no value of ${word}. ${messageOf(error)}`);
    }
  };
  const parsed = values.split(',').map((value) => parse(value.trim()));
  if (firstRepeated(parsed) !== undefined) {
    throw new SpurmemError('USAGE', `--grid ${text}: the values must differ from each other.`);
  }
  return [name, parsed];
}
