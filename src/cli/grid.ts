import { InvalidArgumentError } from 'commander';
import { messageOf, SpurmemError } from '../errors.js';
import type { StudyGrid } from '../reproduce/study/studies.js';
import { nearestSentence } from '../settings/names.js';
import { firstRepeated } from '../settings/repeated.js';
import { metaOf } from '../settings/values.js';
import { FINETUNE_SETTINGS } from '../train/finetune/settings.js';
import { parseValue, settingOptions } from './settings.js';

/** The settings that a grid can vary: not those whose values have commas of their own. */
const VARIED = settingOptions(FINETUNE_SETTINGS).filter(
  ({ entry }) => metaOf(entry.type).form !== 'augmentation',
);

/**
 * Parses `--grid lambda=1,5,10`, one key each time; keys and values are those of the options of fine-tuning.
 *
 * @throws `USAGE` for an unknown key, naming the nearest ones, and for a value that its option does not take
 */
export function parseGrid(texts: readonly string[]): StudyGrid {
  const axes = texts.map(parseAxis);
  const twice = firstRepeated(axes.map(([name]) => name));
  if (twice === undefined) return Object.fromEntries(axes);
  throw refusal(` varies ${twice} twice: give all its values at once, such as --grid lambda=1,5,10.`);
}

function parseAxis(text: string): [string, unknown[]] {
  const [key = '', values = ''] = text.split(/=(.*)/s);
  const wanted = key.trim().replace(/^--/, '');
  const found = VARIED.find(({ word, name }) => word === wanted || name === wanted);
  const refuse = (problem: string): SpurmemError => refusal(` ${text}: ${problem}`);
  if (!found) {
    const words = VARIED.map(({ word }) => word);
    const problem = `fine-tuning has no setting named ${wanted} that can be varied.`;
    throw refuse(`${problem} ${nearestSentence(wanted, words)}`);
  }
  if (values.trim() === '') throw refuse('it takes values, such as --grid lambda=1,5,10.');
  const { word, name, entry } = found;
  const parse = (value: string): unknown => {
    try {
      return parseValue(value, entry.type);
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      throw refuse(`${value} is no value of ${word}. ${messageOf(error)}`);
    }
  };
  const parsed = values.split(',').map((value) => parse(value.trim()));
  if (firstRepeated(parsed) !== undefined) throw refuse('the values must differ from each other.');
  return [name, parsed];
}

function refusal(problem: string): SpurmemError {
  return new SpurmemError('USAGE', `--grid${problem}`);
}
