import { TRACE_SETTINGS } from '../experiments/traceSettings.js';
import { defaultInWords, type Setting, type SettingsTable } from '../settings/setting.js';
import { FINETUNE_SETTINGS } from '../train/finetune/settings.js';
import { TRAINING_METHODS } from '../train/methods.js';
import { RECIPE_SETTINGS } from '../train/recipe.js';
import { markdown } from './markdown.js';
import { optionWord } from './settings.js';

const { session, unstructured, structured, overlap, minimal, gradCam } = TRACE_SETTINGS;

/** The tables of docs/protocols.md by the names of their places in it. */
const TABLES: Readonly<Record<string, () => string>> = {
  training: () => markdownTable(RECIPE_SETTINGS),
  tracing: () => markdownTable({ ...session, ...unstructured }),
  structured: () => markdownTable(structured),
  overlap: () => markdownTable(overlap),
  minimal: () => markdownTable(minimal),
  gradcam: () => markdownTable(gradCam),
  finetuning: () => markdownTable(FINETUNE_SETTINGS),
  baselines: baselinesTable,
};

const HEAD = ['option', 'the article', 'the published code', '`article`', '`released`'];

/**
 * A document with the tables of settings in their places, each between `<!-- settings: name -->` and `<!-- end -->`; what stood
 * there is replaced.
 *
 * @throws RangeError for a place of an unknown name, and when a table has none
 */
export function withProtocolTables(document: string): string {
  const placed = new Set<string>();
  const result = document.replace(
    /(<!-- settings: (\w+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_place, start: string, name: string, end: string) => {
      const table = TABLES[name];
      if (!table) throw new RangeError(`There is no table of settings named ${name}`);
      placed.add(name);
      return `${start}\n${table()}\n\n${end}`;
    },
  );
  const missing = Object.keys(TABLES).filter((name) => !placed.has(name));
  if (missing.length > 0) throw new RangeError(`The document has no place for ${missing.join(', ')}`);
  return result;
}

/** The settings of each baseline beside ERM's. */
function baselinesTable(): string {
  const rows = TRAINING_METHODS.flatMap(({ title, settings }) =>
    Object.entries(settings)
      .filter(([name]) => !(name in RECIPE_SETTINGS) && !(name in FINETUNE_SETTINGS))
      .map(([name, entry]) => [
        title,
        `${optionOf(name, entry)}: ${entry.help}`,
        entry.source,
        defaultInWords(entry, 'article'),
      ]),
  );
  return markdown(['baseline', 'option', 'source', 'default'], rows);
}

function markdownTable(table: SettingsTable): string {
  const rows = Object.entries(table).map(([name, entry]) => [
    `${entry.isDeparture === true ? '\\* ' : ''}${optionOf(name, entry)}: ${entry.help}`,
    entry.source,
    entry.published ?? '–',
    defaultInWords(entry, 'article'),
    defaultInWords(entry, 'released'),
  ]);
  return markdown(HEAD, rows);
}

function optionOf(name: string, entry: Setting<unknown>): string {
  const word = optionWord(name, entry);
  return word === undefined ? `(${name})` : `\`--${word}\``;
}
