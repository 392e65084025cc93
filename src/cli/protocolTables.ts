import { TRACE_SETTINGS } from '../experiments/traceSettings.js';
import { FIGURES } from '../report/figures.js';
import { defaultInWords, type Setting, type SettingsTable } from '../settings/setting.js';
import { FINETUNE_SETTINGS } from '../train/finetune/settings.js';
import { TRAINING_METHODS } from '../train/methods.js';
import { finetune } from '../train/methods/finetune.js';
import { RECIPE_SETTINGS } from '../train/recipe.js';
import { optionWord } from './settings.js';
import { markdown } from './textTable.js';

const { session, unstructured, structured, overlap, gradCam } = TRACE_SETTINGS;

/** Returns docs/reference.md with its tables of settings. */
export function withProtocolTables(document: string): string {
  const tables = {
    training: RECIPE_SETTINGS,
    tracing: { ...session, ...unstructured },
    structured,
    overlap,
    gradcam: gradCam,
    ...Object.fromEntries(
      FIGURES.filter(({ beyondArticle }) => beyondArticle === true).flatMap(
        ({ name, needs: { others = [] } }) => others.map(({ settings }) => [name, settings]),
      ),
    ),
    finetuning: FINETUNE_SETTINGS,
  };
  const texts = Object.entries<SettingsTable>(tables).map(([name, table]) => [name, settingsTable(table)]);
  const all = { ...(Object.fromEntries(texts) as Record<string, string>), baselines: baselinesTable() };
  return withTables(document, 'settings', all);
}

/**
 * Returns a document with the content between each `<!-- kind: name -->` and `<!-- end -->` replaced by that table.
 *
 * @throws RangeError for a place of an unknown name, or a table without a place
 */
export function withTables(document: string, kind: string, tables: Readonly<Record<string, string>>): string {
  const placed = new Set<string>();
  const result = document.replace(
    new RegExp(`(<!-- ${kind}: ([\\w-]+) -->\\n)[\\s\\S]*?(<!-- end -->)`, 'g'),
    (_place, start: string, name: string, end: string) => {
      if (!(name in tables)) throw new RangeError(`There is no table of ${kind} named ${name}`);
      placed.add(name);
      return `${start}\n${tables[name] ?? ''}\n\n${end}`;
    },
  );
  const missing = Object.keys(tables).filter((name) => !placed.has(name));
  if (missing.length > 0) throw new RangeError(`The document has no place for ${missing.join(', ')}`);
  return result;
}

/** Returns the settings that each baseline has of its own, not shared with ERM or fine-tuning. */
function baselinesTable(): string {
  const shared: ReadonlySet<unknown> = new Set([RECIPE_SETTINGS, FINETUNE_SETTINGS].flatMap(Object.values));
  const baselines = TRAINING_METHODS.filter(({ name }) => name !== finetune.name);
  const rows = baselines.flatMap(({ title, settings }) =>
    Object.entries(settings)
      .filter(([, entry]) => !shared.has(entry))
      .map(([name, entry]) => [
        title,
        `${optionOf(name, entry)}: ${entry.help}`,
        entry.source,
        defaultInWords(entry, 'article'),
      ]),
  );
  return markdown(['baseline', 'option', 'source', 'default'], rows);
}

function settingsTable(table: SettingsTable): string {
  const rows = Object.entries(table).map(([name, entry]) => [
    `${entry.isDeparture === true ? '\\* ' : ''}${optionOf(name, entry)}: ${entry.help}`,
    entry.source,
    entry.published ?? '–',
    defaultInWords(entry, 'article'),
    defaultInWords(entry, 'released'),
  ]);
  return markdown(['option', 'the article', 'the published code', '`article`', '`released`'], rows);
}

function optionOf(name: string, entry: Setting<unknown>): string {
  const word = optionWord(name, entry);
  return word === undefined ? `(${name})` : `\`--${word}\``;
}
