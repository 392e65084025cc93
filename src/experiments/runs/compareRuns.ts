import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { SpurmemError } from '../../errors.js';
import { type PairedDifference, type SeedSummary, summarizeSeeds } from '../../metrics/seeds.js';
import { checkValues } from '../../settings/options.js';
import { severalOf } from '../../settings/values.js';
import type { TrainingResult } from '../../train/results.js';
import type { RunConfig } from '../../train/runConfig.js';
import { RunFolder } from '../../train/runFolder.js';
import { RUN_TYPE } from '../../train/runOptions.js';
import { type ListedRun, readRun } from './listRuns.js';
import {
  differenceFrom,
  grouped,
  outcomeOf,
  type OverSeeds,
  type SeedOutcome,
  summarizeOutcomes,
} from './overSeeds.js';

/** Runs that differ in nothing but their seeds. Accuracies are fractions. */
export interface ComparedRuns extends OverSeeds {
  readonly method: string;
  /** The settings that differ between rows. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly seeds: readonly number[];
  readonly runs: readonly string[];
  /** One for each group, [numGroups]. */
  readonly testAccuracy: readonly SeedSummary[];
  /** Test worst-group accuracy minus that of the first row, over the seeds that both have; null for that row, and without any. */
  readonly difference: (PairedDifference & { readonly seeds: readonly number[] }) | null;
}

export interface RunsComparison {
  readonly differing: readonly string[];
  /** [numGroups], of the first run's data. */
  readonly groupNames: readonly string[];
  readonly rows: readonly ComparedRuns[];
}

type FinishedRun = ListedRun & { readonly result: TrainingResult };

/**
 * Sets finished runs side by side: the settings in which they differ, their accuracies over seeds, and the differences from the
 * first ones, paired by seed.
 *
 * @throws `USAGE` for fewer than two, `RUN_NOT_FOUND` for a folder without a finished run, `DATASET_INVALID` for runs on different
 *   data
 */
export async function compareRuns(paths: readonly string[]): Promise<RunsComparison> {
  checkValues({ paths }, { types: { paths: severalOf(RUN_TYPE) }, required: ['paths'] });
  const folders = new Set(paths.map((path) => resolve(path)));
  if (folders.size < Math.max(2, paths.length)) {
    throw new SpurmemError(
      'USAGE',
      `A comparison takes two runs or more, each named once: ${paths.length} names of ${folders.size} were given.`,
    );
  }
  const runs = await Promise.all(paths.map(finishedRun));
  const [first] = runs as [FinishedRun];
  for (const { path, config } of runs) requireSameData(first, path, config);
  const groups = groupBySeeds(runs);
  const differing = differingSettings(groups.map(([run]) => run));
  const reference = groups[0] as Group;
  return {
    differing,
    groupNames:
      (await new RunFolder(first.path).readData())?.groupNames ?? first.result.test.accuracy.map(String),
    rows: groups.map((group) => rowOf(group, differing, reference)),
  };
}

async function finishedRun(path: string): Promise<FinishedRun> {
  const run = await readRun(path);
  if (run?.result) return { ...run, result: run.result };
  const what = run ? 'its training is not finished' : 'config.json is missing';
  throw new SpurmemError('RUN_NOT_FOUND', `${path} holds no finished run: ${what}.`);
}

function requireSameData(first: ListedRun, path: string, { dataset }: RunConfig): void {
  if (dataset.fingerprint === first.config.dataset.fingerprint) return;
  throw new SpurmemError(
    'DATASET_INVALID',
    `${path} was trained on ${dataset.name}, and ${first.path} on other data, ${first.config.dataset.name}: compare runs on one dataset.`,
  );
}

type Group = readonly [FinishedRun, ...FinishedRun[]];

/** Runs of equal settings together, each seed once; those that have a seed a second time are a row of their own. */
function groupBySeeds(runs: readonly FinishedRun[]): Group[] {
  const groups = grouped(
    runs,
    (run, group) =>
      isDeepStrictEqual(settingsOf(group[0]), settingsOf(run)) &&
      group.every((other) => other.config.seed !== run.config.seed),
  );
  return groups.map((group) => group.sort((a, b) => a.config.seed - b.config.seed));
}

/** Settings in which rows can differ. Weights of runs that start from others do not count: each seed starts from a run of its own. */
function settingsOf({
  config: { seed: _seed, weights, ...settings },
  from,
}: Pick<FinishedRun, 'config' | 'from'>): Readonly<Record<string, unknown>> {
  return { ...settings, weights: from === undefined ? weights : 'of a run' };
}

function differingSettings(runs: readonly FinishedRun[]): string[] {
  const [first = {}, ...others] = runs.map(settingsOf);
  const names = new Set([first, ...others].flatMap((settings) => Object.keys(settings)));
  return [...names].filter(
    (name) => name !== 'command' && others.some((other) => !isDeepStrictEqual(other[name], first[name])),
  );
}

function rowOf(group: Group, differing: readonly string[], reference: Group): ComparedRuns {
  const [first] = group;
  const { method, result } = first;
  const settings = settingsOf(first);
  const outcomes = outcomesOf(group);
  const compared = group === reference ? null : differenceFrom(outcomesOf(reference), outcomes);
  return {
    method,
    settings: Object.fromEntries(differing.map((name) => [name, settings[name]])),
    seeds: outcomes.map(({ seed }) => seed),
    runs: outcomes.map(({ run }) => run),
    ...summarizeOutcomes(outcomes),
    testAccuracy: result.test.accuracy.map((_, at) =>
      summarizeSeeds(outcomes.map(({ testAccuracy }) => testAccuracy[at] as number)),
    ),
    difference: compared && { ...compared.difference, seeds: compared.seeds },
  };
}

function outcomesOf(group: Group): SeedOutcome[] {
  return group.map(({ path, config, result }) => outcomeOf(config.seed, path, result));
}
