import { basename, dirname, join } from 'node:path';
import { defaultsOf, protocolOf, type SettingsTable } from '../../settings/setting.js';
import type { TrainingMethod } from '../../train/method.js';
import { methodNamed } from '../../train/methods.js';
import { erm } from '../../train/methods/erm.js';
import { finetune, type FinetuneSettings } from '../../train/methods/finetune.js';
import type { ErmSettings } from '../../train/recipe.js';
import type { EpochOptions } from '../../train/runOptions.js';
import { type Combination, folderName, type Grid, type SweepJob } from '../sweep/plan.js';

/** One arm of a study. */
export interface StudyArm {
  /** The row's name. */
  readonly name: string;
  /** The training method; default: ERM. One that starts from a run starts from ERM's. */
  readonly method?: string | undefined;
  /** Settings that differ from its defaults, and in fine-tuning from the study's. */
  readonly settings?: Readonly<Record<string, unknown>> | undefined;
  /** Settings that differ in ERM, and in the recipe that the baselines share with it. */
  readonly erm?: ErmSettings | undefined;
  /** Values of its settings, whose best combination on validation is taken (`StudyOptions.tuning`). */
  readonly grid?: Grid | undefined;
  /** Arms with an equal one take the combination that is best for all of them: they have equal grids. */
  readonly choice?: string | undefined;
  /** An arm with a grid, whose combination is taken: this one is not tuned by itself. */
  readonly tunedAs?: string | undefined;
}

/** The options of a study that decide its runs. */
export interface RunsOptions extends Pick<EpochOptions, 'keepEpochs'> {
  /** Where the study's runs go: `<out>/<setting>/seed-<n>`. Studies with one `out` share their runs. */
  readonly out: string;
  /** Settings of every ERM run. */
  readonly erm: ErmSettings;
  /** Settings of every fine-tuning, and of methods that train like it. */
  readonly finetune: FinetuneSettings;
}

/** The epochs of ERM that fine-tunings start from, where settings or an arm's grid name them. */
export function namedKickInEpochs(finetuning: FinetuneSettings, arms: readonly StudyArm[]): number[] {
  const named = [finetuning, ...arms.flatMap(({ settings = {}, grid = {} }) => [settings, grid])].flatMap(
    ({ kickInEpoch }: { readonly kickInEpoch?: unknown }) => [kickInEpoch].flat(),
  );
  return [...new Set(named.filter((epoch) => typeof epoch === 'number'))];
}

/** A job without its place in a list: `from` is the folder of the run that it starts from, undefined where it starts from the data. */
type StudyRun = Pick<SweepJob, 'method' | 'settings' | 'seed' | 'out' | 'keepEpochs'> & {
  readonly from?: string;
};

/** The runs of one arm with one seed: its own, and before it the ERM run that it starts from. */
function runsOf(
  { out, erm: recipe, finetune: finetuning, keepEpochs: epochs }: RunsOptions,
  arm: StudyArm,
  seed: number,
): StudyRun[] {
  const folder = (...parts: readonly string[]): string =>
    join(out, parts.filter((part) => part !== '').join('-'), `seed-${seed}`);
  const method = methodNamed(arm.method ?? erm.name);
  const kept = epochs === undefined ? {} : { keepEpochs: epochs };
  const ermFolder = folderName(differing(arm.erm, recipe));
  const ofErm: Combination = { ...recipe, ...arm.erm };
  const own = arm.settings ?? {};
  if (method.startsFrom === 'data') {
    return [
      {
        method: method.name,
        settings: { ...ofErm, ...own },
        seed,
        out: folder(method.name, ermFolder, folderName(differing(own, ofErm))),
        ...(method.name === erm.name ? kept : {}),
      },
    ];
  }
  const from = folder(erm.name, ermFolder);
  const shared = sharedSettings(method, finetuning);
  const settings: Combination & FinetuneSettings = { ...shared, ...own };
  // An arm of another protocol has that one's defaults.
  const common = { ...defaultsOf(method.settings, protocolOf(method.settings, settings)), ...shared };
  return [
    { method: erm.name, settings: ofErm, seed, out: from, ...kept },
    {
      method: method.name,
      settings,
      seed,
      out: folder(method.name, ermFolder, folderName(differing(own, common))),
      from,
    },
  ];
}

/** The jobs of arms with seeds, each folder once: first those that start from the data, then those that start from one of these. */
export function jobsOfArms(
  options: RunsOptions,
  arms: readonly StudyArm[],
  seeds: readonly number[],
): SweepJob[] {
  const runs = seeds.flatMap((seed) => arms.flatMap((arm) => runsOf(options, arm, seed)));
  // Arms with equal settings are one run.
  const once = runs.filter(({ out }, at) => runs.findIndex((run) => run.out === out) === at);
  const ordered = [false, true].flatMap((starts) =>
    once.filter(({ from }) => (from !== undefined) === starts),
  );
  return ordered.map(({ from, method, settings, seed, out, keepEpochs }, index) => ({
    index,
    stage: from === undefined ? 0 : 1,
    entry: basename(dirname(out)),
    method,
    settings,
    seed,
    out,
    from: from === undefined ? null : ordered.findIndex((run) => run.out === from),
    ...(keepEpochs === undefined ? {} : { keepEpochs }),
  }));
}

/** The part of a study's options that a job's settings come from, for errors. */
export function scopeOf({ from, method }: SweepJob): string {
  if (from === null) return erm.name;
  return methodNamed(method).likeFinetuning === true ? finetune.name : method;
}

/** The settings of fine-tuning that a training method shares with it. */
function sharedSettings(method: TrainingMethod, finetuning: FinetuneSettings): FinetuneSettings {
  if (method.likeFinetuning !== true) return {};
  const own: SettingsTable = finetune.settings;
  const isShared = (name: string): boolean => name === 'protocol' || method.settings[name] === own[name];
  return Object.fromEntries(Object.entries(finetuning).filter(([name]) => isShared(name)));
}

/** The settings that differ, in the order of their names. */
function differing(settings: object | undefined, common: object = {}): Combination {
  return Object.fromEntries(
    Object.entries(settings ?? {})
      .filter(([name, value]) => value !== (common as Combination)[name])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
