import { join } from 'node:path';
import type { DatasetOptions } from '../data/dataset.js';
import type { MemoryFormat } from '../native/addon.js';
import type { JobOptions } from '../progress.js';
import { trainDfr } from '../train/dfr.js';
import { trainErm, type ErmOptions, type ErmSettings } from '../train/erm.js';
import { trainFinetune, type FinetuneChoices } from '../train/finetune.js';
import { trainGroupDro } from '../train/groupDro.js';
import { trainJtt } from '../train/jtt.js';
import type { EpochMetrics, TrainingResult } from '../train/metrics.js';
import { trainRwg, trainRwy } from '../train/reweighting.js';
import { trainSubg, trainSuby } from '../train/subsampling.js';
import { FINETUNE_RECIPES } from '../train/finetuneRecipes.js';

export type StudyErm = Partial<Omit<ErmSettings, 'seed'>>;
export type StudyFinetune = Omit<FinetuneChoices, 'seed'>;

/** A baseline: trained with ERM's recipe, or (DFR) from its run; settings of its own that are not its defaults. */
export interface StudyBaseline {
  readonly method: 'rwy' | 'rwg' | 'suby' | 'subg' | 'groupdro' | 'jtt' | 'dfr';
  /** Of JTT. */
  readonly identificationEpochs?: number | undefined;
  readonly upweight?: number | undefined;
}

/** One setting of a study: what differs from the study's own. */
export interface StudyArm {
  /** The row's name. */
  readonly name: string;
  /** What differs in ERM. */
  readonly erm?: StudyErm | undefined;
  /** What differs in fine-tuning. Without this and the next, the arm is the ERM run itself. */
  readonly finetune?: StudyFinetune | undefined;
  readonly baseline?: StudyBaseline | undefined;
}

/** What the arms of a study share. */
export interface ArmOptions extends JobOptions {
  /** Where the study's runs go: `<out>/<setting>/seed-<n>`. Studies with one `out` share their runs. */
  readonly out: string;
  readonly data: string;
  readonly datasetOptions?: DatasetOptions | undefined;
  /** Of every ERM run. */
  readonly erm: Omit<ErmSettings, 'seed'>;
  /** Of every fine-tuning. */
  readonly finetune: StudyFinetune;
  readonly device: string;
  readonly threads: number;
  readonly memoryFormat?: MemoryFormat | undefined;
  /** ERM's epochs whose weights are kept, for arms that start from these. */
  readonly keepEpochs?: readonly number[] | undefined;
  readonly onEpoch?: ((metrics: EpochMetrics) => void) | undefined;
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

/**
 * Trains one arm with one seed, and the ERM run that it starts from; what is finished is not trained again.
 *
 * @throws what training throws
 */
export async function trainArm(options: ArmOptions, arm: StudyArm, seed: number): Promise<SeedOutcome> {
  const { out, data, datasetOptions, device, threads, memoryFormat, ...rest } = options;
  const { onProgress, signal, onWarning, onEpoch } = rest;
  const job = {
    ...{ datasetOptions, device, threads, memoryFormat, onProgress, signal, onWarning, onEpoch },
    ...{ data, seed, resume: true },
  };
  const folder = (...parts: readonly string[]): string =>
    join(out, parts.filter((part) => part !== '').join('-'), `seed-${seed}`);
  const ermSlug = slug(arm.erm, options.erm);
  const recipe = { ...options.erm, ...arm.erm, ...job };
  const trainFrom = async (): Promise<{ from: string; erm: TrainingResult }> => {
    const from = folder('erm', ermSlug);
    return { from, erm: await trainErm({ ...recipe, out: from, keepEpochs: options.keepEpochs }) };
  };
  if (arm.baseline) {
    const { method, ...own } = arm.baseline;
    const run = folder(method, ermSlug, slug(own, {}));
    if (method !== 'dfr')
      return outcomeOf(seed, run, await BASELINES[method]({ ...recipe, ...own, out: run }));
    const { from } = await trainFrom();
    return outcomeOf(seed, run, await trainDfr({ ...job, from, out: run }));
  }
  const { from, erm } = await trainFrom();
  if (!arm.finetune) return outcomeOf(seed, from, erm);
  const common = { ...FINETUNE_RECIPES[options.finetune.protocol ?? 'article'], ...options.finetune };
  const run = folder('finetune', ermSlug, slug(arm.finetune, common));
  const finetune = { ...options.finetune, ...arm.finetune };
  return outcomeOf(seed, run, await trainFinetune({ ...finetune, ...job, from, out: run }));
}

const BASELINES: Readonly<
  Record<
    Exclude<StudyBaseline['method'], 'dfr'>,
    (options: ErmOptions & Omit<StudyBaseline, 'method'>) => Promise<TrainingResult>
  >
> = {
  rwy: trainRwy,
  rwg: trainRwg,
  suby: trainSuby,
  subg: trainSubg,
  groupdro: trainGroupDro,
  jtt: trainJtt,
};

function outcomeOf(seed: number, run: string, { bestEpoch, val, test }: TrainingResult): SeedOutcome {
  return {
    ...{ seed, run, bestEpoch },
    valWorstGroupAccuracy: val.worstGroupAccuracy,
    testWorstGroupAccuracy: test.worstGroupAccuracy,
    testAverage: test.average,
    testAccuracy: test.accuracy,
  };
}

/** A folder's name for what differs from the study's settings: `features=softmax-lambda=5`, in the order of the names. */
function slug(settings: object | undefined, common: object): string {
  return Object.entries(settings ?? {})
    .filter(([name, value]) => value !== (common as Readonly<Record<string, unknown>>)[name])
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${text(value)}`)
    .join('-');
}

function text(value: unknown): string {
  // Paths, such as that of a weights file, must not become folders.
  return (value === undefined ? 'none' : JSON.stringify(value))
    .replaceAll('"', '')
    .replace(/[^\w.=+,-]+/g, '_');
}
