import { basename, dirname, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { isSameData } from '../../data/dataset.js';
import { SpurmemError } from '../../errors.js';
import { MISSING } from '../../kit/columns.js';
import type { Row } from '../../kit/rows.js';
import { summarize } from '../../kit/summarize.js';
import { checkValues } from '../../settings/options.js';
import { inWords } from '../../settings/setting.js';
import { severalOf } from '../../settings/values.js';
import type { TrainingResult } from '../../train/results.js';
import type { RunConfig } from '../../train/runConfig.js';
import { RunFolder } from '../../train/runFolder.js';
import { RUN_TYPE } from '../../train/runOptions.js';
import { type ListedRun, readRun } from './listRuns.js';
import { differenceFrom, grouped, MEASURES, outcomeOf, outcomeRow, type SeedOutcome } from './overSeeds.js';

export interface RunsComparison {
  /** The settings that differ between rows. */
  readonly differing: readonly string[];
  /** [numGroups], of the first run's data. */
  readonly groupNames: readonly string[];
  /**
   * A row per runs that differ in nothing but their seeds: `run`, their name, `method`, `runs`, `seeds`, the settings that differ, and means over seeds of
   * accuracies (fractions). `testWorstMinusFirst` is the test worst-group accuracy minus that of the first row, over the seeds that both
   * have, in `pairedSeeds`; `testWorstMinusFirstP` is the paired t-test's.
   */
  readonly rows: readonly Row[];
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
  const runs = byGroupsOfRepair(await Promise.all(paths.map(finishedRun)));
  const [first] = runs as [FinishedRun];
  for (const { path, config } of runs) requireSameData(first, path, config);
  const groups = groupBySeeds(runs);
  const differing = differingSettings(groups.map(([run]) => run));
  const reference = groups[0] as Group;
  const { path } = runs.find(({ result }) => result.before) ?? first;
  return {
    differing,
    groupNames: (await new RunFolder(path).readData())?.groupNames ?? first.result.test.accuracy.map(String),
    rows: groups.map((group) => rowOf(group, differing, reference)),
  };
}

async function finishedRun(path: string): Promise<FinishedRun> {
  const run = await readRun(path);
  if (run?.result) return { ...run, result: run.result };
  const what = run ? 'its training is not finished' : 'config.json is missing';
  throw new SpurmemError('RUN_NOT_FOUND', `${path} holds no finished run: ${what}.`);
}

/** A repair by other groups has measured the run that it started from by these: that run's numbers are replaced. */
function byGroupsOfRepair(runs: readonly FinishedRun[]): FinishedRun[] {
  return runs.map((run) => {
    const repair = runs.find(({ from, result }) => from === resolve(run.path) && result.before);
    return repair
      ? {
          ...run,
          config: { ...run.config, dataset: repair.config.dataset },
          result: { ...run.result, ...repair.result.before },
        }
      : run;
  });
}

function requireSameData(first: ListedRun, path: string, { dataset }: RunConfig): void {
  if (isSameData(dataset, first.config.dataset)) return;
  throw new SpurmemError(
    'DATASET_INVALID',
    `${path} was trained on ${dataset.name}, and ${first.path} on ${first.config.dataset.name}, with other images, labels or groups: compare runs on one dataset. A repair by other groups is compared with the run that it started from alone.`,
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
  config: { seed: _seed, dataset: _same, weights, ...settings },
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

function rowOf(group: Group, differing: readonly string[], reference: Group): Row {
  const [{ method, result }] = group;
  const settings = settingsOf(group[0]);
  const outcomes = outcomesOf(group);
  const measures = [...MEASURES, ...result.test.accuracy.map((_, at) => `testAccuracy${at}`)];
  const [means] = summarize(outcomes.map(outcomeRow), { by: [], over: 'seed', measures });
  const compared = group === reference ? null : differenceFrom(outcomesOf(reference), outcomes);
  return {
    run: nameOf(outcomes.map(({ run }) => run)),
    method,
    ...Object.fromEntries(differing.map((name) => [name, inWords(settings[name] ?? MISSING)])),
    runs: outcomes.map(({ run }) => run).join(', '),
    seeds: outcomes.map(({ seed }) => seed).join(', '),
    ...means,
    ...(compared && {
      testWorstMinusFirst: compared.difference.mean,
      testWorstMinusFirstLow: compared.difference.interval?.[0] ?? null,
      testWorstMinusFirstHigh: compared.difference.interval?.[1] ?? null,
      testWorstMinusFirstP: compared.difference.pValue,
      pairedSeeds: compared.seeds.join(', '),
    }),
  };
}

/** A folder's name; of a study's `seed-<n>`, that of the folder above. */
function nameOf([first = '', ...others]: readonly string[]): string {
  const name = basename(first);
  return others.length > 0 || /^seed-\d+$/.test(name) ? basename(dirname(first)) : name;
}

function outcomesOf(group: Group): SeedOutcome[] {
  return group.map(({ path, config, result }) => outcomeOf(config.seed, path, result));
}
