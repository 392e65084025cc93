import { join } from 'node:path';
import type { DatasetOptions } from '../data/dataset.js';
import { SpurmemError } from '../errors.js';
import {
  pairedDifference,
  summarizeSeeds,
  type PairedDifference,
  type SeedSummary,
} from '../metrics/seeds.js';
import { trainErm, type ErmSettings } from '../train/erm.js';
import { FINETUNE_RECIPES, trainFinetune, type FinetuneChoices } from '../train/finetune.js';
import type { EpochMetrics, TrainingResult } from '../train/metrics.js';
import { throwIfAborted, type JobOptions } from '../progress.js';

export type StudyErm = Partial<Omit<ErmSettings, 'seed'>>;
export type StudyFinetune = Omit<FinetuneChoices, 'seed'>;

/** One setting of a study: what differs from the study's own. */
export interface StudyArm {
  /** The row's name. */
  readonly name: string;
  /** What differs in the ERM run that it starts from. */
  readonly erm?: StudyErm | undefined;
  /** What differs in fine-tuning; left out: the arm is the ERM run itself. */
  readonly finetune?: StudyFinetune | undefined;
}

export interface StudyOptions extends JobOptions {
  /** Where the study's runs go: `<out>/<setting>/seed-<n>`. Studies with one `out` share their runs. */
  readonly out: string;
  readonly data: string;
  readonly datasetOptions?: DatasetOptions | undefined;
  /** Of every ERM run. */
  readonly erm: Omit<ErmSettings, 'seed'>;
  /** Of every fine-tuning. */
  readonly finetune: StudyFinetune;
  readonly arms: readonly StudyArm[];
  /** The arm that the others are compared with; default: the first one. */
  readonly reference?: string | undefined;
  /** An arm that is compared with each of the others, besides. */
  readonly focus?: string | undefined;
  readonly seeds: readonly number[];
  readonly device: string;
  readonly threads: number;
  /** ERM's epochs whose weights are kept, for arms that start from these. */
  readonly keepEpochs?: readonly number[] | undefined;
  readonly onStep?: ((step: string) => void) | undefined;
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

/** One row of a study. */
export interface StudyRow {
  readonly arm: string;
  readonly seeds: readonly SeedOutcome[];
  readonly valWorstGroupAccuracy: SeedSummary;
  readonly testWorstGroupAccuracy: SeedSummary;
  readonly testAverage: SeedSummary;
  /** Test worst-group accuracy minus the reference arm's, paired by seed; null for the reference itself. */
  readonly difference: PairedDifference | null;
}

export interface StudyResult {
  readonly reference: string;
  readonly rows: readonly StudyRow[];
  /** The arm that matters most, minus each of the others: test worst-group accuracy, paired by seed. */
  readonly focus?: {
    readonly arm: string;
    readonly against: readonly { readonly arm: string; readonly difference: PairedDifference }[];
  };
}

/**
 * Trains every arm with every seed, and summarizes over seeds. Each run is a run folder of its own: one that is finished is
 * not trained again, one that was stopped goes on, and arms with equal settings are one run.
 *
 * @throws `USAGE` without arms or seeds, and what training throws
 */
export async function runStudy(options: StudyOptions): Promise<StudyResult> {
  const { arms, seeds } = options;
  const [first] = arms;
  if (!first || seeds.length === 0) {
    throw new SpurmemError('USAGE', 'A study needs at least one setting and one seed (--seeds).');
  }
  const outcomes = new Map<string, SeedOutcome[]>(arms.map(({ name }) => [name, []]));
  let done = 0;
  for (const seed of seeds) {
    for (const arm of arms) {
      throwIfAborted(options.signal, arm.name);
      done += 1;
      options.onStep?.(`${done}/${arms.length * seeds.length} ${arm.name}, seed ${seed}`);
      outcomes.get(arm.name)?.push(await trainArm(options, arm, seed));
    }
  }
  const reference = options.reference ?? first.name;
  const rows = arms.map(({ name }) => rowOf(name, outcomes, reference));
  const { focus } = options;
  return { reference, rows, ...(focus === undefined ? {} : { focus: compareFocus(focus, rows) }) };
}

async function trainArm(options: StudyOptions, arm: StudyArm, seed: number): Promise<SeedOutcome> {
  const { out, data, datasetOptions, device, threads, onProgress, signal, onWarning, onEpoch } = options;
  const job = { datasetOptions, device, threads, onProgress, signal, onWarning, onEpoch, seed, resume: true };
  const ermSlug = slug(arm.erm, options.erm);
  const ermRun = join(out, ['erm', ermSlug].filter(Boolean).join('-'), `seed-${seed}`);
  const erm = await trainErm({
    ...options.erm,
    ...arm.erm,
    ...job,
    ...{ data, out: ermRun, keepEpochs: options.keepEpochs },
  });
  if (!arm.finetune) return outcomeOf(seed, ermRun, erm);
  const common = { ...FINETUNE_RECIPES[options.finetune.protocol ?? 'article'], ...options.finetune };
  const names = ['finetune', ermSlug, slug(arm.finetune, common)].filter(Boolean);
  const run = join(out, names.join('-'), `seed-${seed}`);
  const result = await trainFinetune({
    ...options.finetune,
    ...arm.finetune,
    ...job,
    ...{ data, from: ermRun, out: run },
  });
  return outcomeOf(seed, run, result);
}

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

function compareFocus(focus: string, rows: readonly StudyRow[]): StudyResult['focus'] & object {
  const valuesOf = ({ seeds }: StudyRow): number[] =>
    seeds.map(({ testWorstGroupAccuracy }) => testWorstGroupAccuracy);
  const own = rows.find(({ arm }) => arm === focus);
  if (!own) throw new RangeError(`The study has no arm ${focus}`);
  return {
    arm: focus,
    against: rows
      .filter(({ arm }) => arm !== focus)
      .map((row) => ({ arm: row.arm, difference: pairedDifference(valuesOf(own), valuesOf(row)) })),
  };
}

function rowOf(
  name: string,
  outcomes: ReadonlyMap<string, readonly SeedOutcome[]>,
  reference: string,
): StudyRow {
  const seeds = outcomes.get(name) ?? [];
  const of = (key: 'valWorstGroupAccuracy' | 'testWorstGroupAccuracy' | 'testAverage'): number[] =>
    seeds.map((outcome) => outcome[key]);
  const compared = outcomes.get(reference);
  return {
    arm: name,
    seeds,
    valWorstGroupAccuracy: summarizeSeeds(of('valWorstGroupAccuracy')),
    testWorstGroupAccuracy: summarizeSeeds(of('testWorstGroupAccuracy')),
    testAverage: summarizeSeeds(of('testAverage')),
    difference:
      name === reference || !compared
        ? null
        : pairedDifference(
            of('testWorstGroupAccuracy'),
            compared.map(({ testWorstGroupAccuracy }) => testWorstGroupAccuracy),
          ),
  };
}
