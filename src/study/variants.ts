import { basename, join, normalize } from 'node:path';
import { union } from '../metrics/statistics.js';
import { defaultsOf, protocolOf, type SettingsTable } from '../settings/setting.js';
import { ERM_SETTINGS } from '../train/ermSettings.js';
import type { TrainingMethod } from '../train/method.js';
import { methodNamed } from '../train/methods.js';
import { finetune } from '../train/methods/finetune.js';
import type { Combination } from './part.js';
import { armOf, entryOf, type StudyDocument } from './schema.js';
import { chosenConfiguration, combinationsOf, type Tuned } from './tuning.js';

/** An arm on some data with all of its settings: everything that distinguishes its runs from others, except for the seed. */
export interface Variant {
  readonly arm: string;
  /** The arm's name, with the values of its grid. */
  readonly row: string;
  readonly method: TrainingMethod;
  readonly data: string;
  /** The tuned values; undefined until the tuning is finished. */
  readonly configuration: Combination | undefined;
  readonly settings: Combination;
  readonly from: Variant | undefined;
  /** Parts of its folder's name: settings that differ from the shared ones, and the values of grids. */
  readonly differs: string;
  readonly grid: string;
}

/** An arm's variants on some data: one for each combination of its grid with a variant of the arm that it starts from. */
export function variantsOf(
  study: StudyDocument,
  on: string,
  name: string,
  tuned: Tuned,
  configuration = chosenConfiguration(study, name, [on], tuned),
): Variant[] {
  const arm = armOf(study, name);
  const data = arm.data ?? on;
  const method = methodNamed(arm.method);
  const table: SettingsTable = method.settings;
  const { recipe, shared } = sharedSettings(study, data, name);
  const { epochs, batchSize } = recipeNumbers(recipe);
  const parents = arm.from === undefined ? [undefined] : variantsOf(study, on, arm.from, tuned);
  const ownSettings = ownSettingsOf(study, data, name);
  const derived = arm.derived ? method.inStudies?.({ epochs, batchSize }) : {};
  const grid = Object.entries(arm.grid).map(([setting, values]) => [
    setting,
    [...new Set(values.map((one) => epochOf(one, epochs)))],
  ]);
  return combinationsOf(Object.fromEntries(grid) as typeof arm.grid).flatMap((combination) =>
    parents.map((from): Variant => {
      const own = withoutNull({ ...derived, ...ownSettings, ...combination, ...configuration }, table);
      const settings = { ...shared, ...own };
      // An arm of another protocol has that one's defaults.
      const common =
        arm.from === undefined ? shared : { ...defaultsOf(table, protocolOf(table, settings)), ...shared };
      const inherited = (from?.grid ?? '').split('/').filter(Boolean);
      const ofGrid = [
        folderName(combination),
        ...inherited.map((part) => `${arm.from ?? ''}.${part}`),
      ].filter(Boolean);
      const values = ofGrid.length === 0 ? '' : `, ${described(combination, from, name)}`;
      return {
        arm: name,
        row: `${name}${values}`,
        method,
        data,
        configuration,
        settings,
        from,
        differs: [from?.differs ?? '', folderName(differing(own, common))].filter(Boolean).join('-'),
        grid: ofGrid.join('/'),
      };
    }),
  );
}

/** The settings of some data's recipe, and those of it, or of fine-tuning, that an arm shares with others. */
export function sharedSettings({ settings, ...study }: StudyDocument, data: string, name: string) {
  const entry = entryOf(study, data);
  const arm = armOf(study, name);
  const recipe: Combination = { ...settings.data, ...entry.settings.data };
  const run: Combination = { ...settings.run, ...entry.settings.run };
  if (arm.from === undefined) return { recipe, run, shared: recipe };
  const method = methodNamed(arm.method);
  const ofFinetune: SettingsTable = finetune.settings;
  const isShared = (setting: string): boolean =>
    method.likeFinetuning === true &&
    (setting === 'protocol' || method.settings[setting] === ofFinetune[setting]);
  return {
    recipe,
    run,
    shared: Object.fromEntries(Object.entries(run).filter(([setting]) => isShared(setting))),
  };
}

/** The settings that an arm has of its own on some data, with those of all arms that its method has. */
export function ownSettingsOf(
  { settings, ...study }: StudyDocument,
  data: string,
  name: string,
): Combination {
  const entry = entryOf(study, data);
  const arm = armOf(study, name);
  const { settings: table } = methodNamed(arm.method);
  const all = Object.entries({ ...settings.all, ...entry.settings.all });
  return {
    ...Object.fromEntries(all.filter(([setting]) => Object.hasOwn(table, setting))),
    ...arm.settings,
    ...entry.override[name],
  };
}

/** The traces of an arm on some data, one for each split, with the data's nulls. */
export function tracesOn(study: StudyDocument, data: string, arm: string) {
  const { without, nulls } = entryOf(study, data);
  return study.traces.flatMap(({ trace, of, split: splits, settings: given }, at) => {
    if (![of].flat().includes(arm) || without.includes(trace)) return [];
    const settings: Combination =
      nulls === undefined || given.nulls === undefined ? given : { ...given, nulls };
    if (splits === undefined) return [{ trace, settings, at: String(at) }];
    return [splits]
      .flat()
      .map((split) => ({ trace, settings: { ...settings, split }, at: `${at} ${split}` }));
  });
}

/** Settings that are null are left out, unless null is one of their values. */
function withoutNull(settings: Combination, table: SettingsTable): Combination {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [
      name,
      value === null && table[name]?.type.safeParse(null).success !== true ? undefined : value,
    ]),
  );
}

/** Settings that differ, in the order of their names. */
function differing(settings: Combination, common: Combination): Combination {
  const own = Object.entries(settings).filter(([name, value]) => value !== common[name]);
  return Object.fromEntries(own.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A recipe's epochs and batch size. */
function recipeNumbers({
  epochs = ERM_SETTINGS.epochs.article,
  batchSize = ERM_SETTINGS.batchSize.article,
}: Combination) {
  return { epochs: Number(epochs), batchSize: Number(batchSize) };
}

/** An epoch that is given as a share of so many; other values stay. */
function epochOf(value: unknown, epochs: number): unknown {
  if (typeof value !== 'object' || value === null || !('share' in value)) return value;
  return Math.max(1, Math.round(Number(value.share) * epochs));
}

/** The epochs whose weights an arm's runs keep by themselves. */
export function keptEpochs(study: StudyDocument, { arm, data }: Variant): number[] {
  const { recipe } = sharedSettings(study, data, arm);
  const { epochs } = recipeNumbers(recipe);
  return union(
    [],
    (armOf(study, arm).keepEpochs ?? []).map((one) => Number(epochOf(one, epochs))),
  );
}

/** `lambda 5, erm lr 0.001` */
function described(combination: Combination, from: Variant | undefined, arm: string): string {
  const own = Object.entries(combination).map(
    ([name, value]) => `${name} ${JSON.stringify(value).replaceAll('"', '')}`,
  );
  const inherited = from === undefined || from.row === from.arm ? [] : [`from ${from.row}`];
  return [...own, ...inherited].join(', ') || arm;
}

/** The folder of a variant's run. */
export function folderOf(study: StudyDocument, variant: Variant, seed: number): string {
  const { arm, method, data, differs, grid } = variant;
  const settings = [method.name, differs].filter(Boolean).join('-');
  const template = armOf(study, arm).folder ?? study.folder;
  return join(study.runs, filled(template, { data, arm, seed, settings, grid, runs: basename(study.runs) }));
}

/** Fills the names in braces of a path. */
export function filled(template: string, values: Readonly<Record<string, string | number>>): string {
  return normalize(template.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? '')));
}

/** Settings as a part of a folder's path: `lr=0.001-batchSize=32`. */
function folderName(settings: Combination): string {
  return Object.entries(settings)
    .map(([name, value]) => {
      const text = value === undefined ? 'none' : JSON.stringify(value);
      // Paths, such as that of a weights file, must not become folders.
      return `${name}=${text.replaceAll('"', '').replace(/[^\w.=+,-]+/g, '_')}`;
    })
    .join('-');
}
