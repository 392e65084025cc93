import { join } from 'node:path';
import type { Dataset, DatasetOptions } from '../data/dataset.js';
import { inScope } from '../errors.js';
import { defaultsOf, type SettingsTable } from '../settings/setting.js';
import type { TrainingMethod } from '../train/method.js';
import { erm } from '../train/methods/erm.js';
import { finetune, type FinetuneSettings } from '../train/methods/finetune.js';
import { methodNamed } from '../train/methods.js';
import type { ErmSettings } from '../train/recipe.js';
import type { TrainedRun } from '../train/results.js';
import type { EpochOptions } from '../train/trainRun.js';

/** One arm of a study: what differs from the study's own settings. */
export interface StudyArm {
  /** The row's name. */
  readonly name: string;
  /** The way to train; default: ERM. One that starts from a run starts from that of ERM. */
  readonly method?: string | undefined;
  /** What differs from its defaults, and in fine-tuning from the study's. */
  readonly settings?: Readonly<Record<string, unknown>> | undefined;
  /** What differs in ERM, and in the recipe that the baselines share with it. */
  readonly erm?: ErmSettings | undefined;
}

/** What the arms of a study share. */
export interface ArmOptions extends Omit<EpochOptions, 'out' | 'data' | 'seed' | 'resume'> {
  /** Where the study's runs go: `<out>/<setting>/seed-<n>`. Studies with one `out` share their runs. */
  readonly out: string;
  /** The dataset's folder, or the dataset where it is loaded already. */
  readonly data: string | Dataset;
  readonly datasetOptions?: DatasetOptions | undefined;
  /** Of every ERM run. */
  readonly erm: ErmSettings;
  /** Of every fine-tuning, and of what trains like it. */
  readonly finetune: FinetuneSettings;
}

/** What one seed of an arm gave. Accuracies are fractions. */
export interface SeedOutcome {
  readonly seed: number;
  readonly run: string;
  readonly bestEpoch: number;
  readonly valWorstGroupAccuracy: number;
  readonly testWorstGroupAccuracy: number;
  readonly testAverage: number;
  /** Test accuracy of each group, [numGroups]. */
  readonly testAccuracy: readonly number[];
}

/** A run of a study: a way to train with its settings, in a folder of its own. */
export interface StudyRun {
  readonly method: string;
  /** The part of the study's options that its settings come from, by which their parameters are named. */
  readonly scope: string;
  /** What `method` is given, the protocol among them. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly seed: number;
  readonly out: string;
  /** The folder of the study's run that it starts from; left out: it starts from the data. */
  readonly from?: string;
  readonly keepEpochs?: readonly number[] | undefined;
}

/** The runs of one arm with one seed: its own, which is the last, and before it the ERM run that it starts from. */
export function runsOf(
  {
    out,
    erm: recipe,
    finetune: finetuning,
    keepEpochs,
  }: Pick<ArmOptions, 'out' | 'erm' | 'finetune' | 'keepEpochs'>,
  arm: StudyArm,
  seed: number,
): readonly StudyRun[] {
  const folder = (...parts: readonly string[]): string =>
    join(out, parts.filter((part) => part !== '').join('-'), `seed-${seed}`);
  const method = methodNamed(arm.method ?? erm.name);
  const ermSlug = slug(arm.erm, recipe);
  const ofErm = { scope: 'erm', settings: { ...recipe, ...arm.erm }, seed } as const;
  const own = arm.settings ?? {};
  if (method.startsFrom === 'data') {
    return [
      {
        ...{ ...ofErm, method: method.name, settings: { ...ofErm.settings, ...own } },
        out: folder(method.name, ermSlug, slug(own)),
        ...(method.name === erm.name ? { keepEpochs } : {}),
      },
    ];
  }
  const from = folder(erm.name, ermSlug);
  const shared = sharedSettings(method, finetuning);
  const settings: Readonly<Record<string, unknown>> & FinetuneSettings = { ...shared, ...own };
  // An arm of another protocol has that one's defaults.
  const common = { ...defaultsOf(method.settings, settings.protocol ?? 'article'), ...shared };
  return [
    { ...ofErm, method: erm.name, out: from, keepEpochs },
    {
      method: method.name,
      scope: method.likeFinetuning === true ? finetune.name : method.name,
      ...{ settings, seed, out: folder(method.name, ermSlug, slug(own, common)), from },
    },
  ];
}

/**
 * Trains one arm with one seed, and the ERM run that it starts from; what is finished is not trained again.
 *
 * @throws what training throws, with the parameters `erm.<name>` and `finetune.<name>`
 */
export async function trainArm(options: ArmOptions, arm: StudyArm, seed: number): Promise<SeedOutcome> {
  const { out: _out, erm: _erm, finetune: _finetune, keepEpochs: _keepEpochs, ...job } = options;
  let last: TrainedRun | undefined;
  for (const { method, scope, settings, ...run } of runsOf(options, arm, seed)) {
    last = await inScope(scope, () =>
      methodNamed(method).train({ ...job, ...settings, ...run, resume: true }),
    );
  }
  return outcomeOf(seed, last as TrainedRun);
}

/** Those of a study's settings of fine-tuning that a way to train shares with it. */
function sharedSettings(method: TrainingMethod, finetuning: FinetuneSettings): FinetuneSettings {
  if (method.likeFinetuning !== true) return {};
  const own: SettingsTable = finetune.settings;
  const isShared = (name: string): boolean => name === 'protocol' || method.settings[name] === own[name];
  return Object.fromEntries(Object.entries(finetuning).filter(([name]) => isShared(name)));
}

function outcomeOf(seed: number, { run, bestEpoch, val, test }: TrainedRun): SeedOutcome {
  return {
    ...{ seed, run, bestEpoch },
    valWorstGroupAccuracy: val.worstGroupAccuracy,
    testWorstGroupAccuracy: test.worstGroupAccuracy,
    testAverage: test.average,
    testAccuracy: test.accuracy,
  };
}

/** A folder's name for what differs from the study's settings: `features=softmax-lambda=5`, in the order of the names. */
function slug(settings: object | undefined, common: object = {}): string {
  return Object.entries(settings ?? {})
    .filter(([name, value]) => value !== (common as Readonly<Record<string, unknown>>)[name])
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => nameInFolder(name, value))
    .join('-');
}

/** A setting as a part of a folder's name: `lambda=5`. */
export function nameInFolder(name: string, value: unknown): string {
  const text = value === undefined ? 'none' : JSON.stringify(value);
  // Paths, such as that of a weights file, must not become folders.
  return `${name}=${text.replaceAll('"', '').replace(/[^\w.=+,-]+/g, '_')}`;
}
