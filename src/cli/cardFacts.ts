import { basename } from 'node:path';
import type { DataDescription } from '../data/dataDescription.js';
import { SpurmemError } from '../errors.js';
import { compareRuns } from '../experiments/runs/compareRuns.js';
import type { TrainingMethod } from '../train/method.js';
import { methodOfRun } from '../train/methods.js';
import type { TrainingResult } from '../train/results.js';
import { FORMAT_VERSION, type RunConfig, type RunEnvironment } from '../train/runConfig.js';
import { readRunData } from '../train/runData.js';
import { type HistoryEntry, openRun, type RunFolder } from '../train/runFolder.js';

/** A finished run that a card describes. */
export interface CardRun {
  readonly folder: RunFolder;
  readonly config: RunConfig;
  readonly environment: RunEnvironment;
  readonly result: TrainingResult;
  /** Its weights file. */
  readonly weights: string;
  /** The origin of its result; undefined where its folder does not say. */
  readonly origin: HistoryEntry | undefined;
  /** The time of all epochs, validation included. */
  readonly seconds: number;
}

/** Runs that differ in their seeds alone, by seed, and what they share. */
export interface CardFacts {
  readonly runs: readonly [CardRun, ...CardRun[]];
  readonly method: TrainingMethod;
  readonly data: DataDescription;
}

/** Reads what a card tells. Throws `USAGE` for runs that differ in more than their seeds, and `RUN_NOT_FOUND` for unfinished ones. */
export async function cardFacts(paths: readonly string[]): Promise<CardFacts> {
  if (paths.length > 1) await requireSeedsAlone(paths);
  const runs = await Promise.all(paths.map(cardRun));
  runs.sort((a, b) => a.config.seed - b.config.seed);
  const [first] = runs as [CardRun];
  return {
    runs: runs as [CardRun, ...CardRun[]],
    method: methodOfRun(first.config),
    data: await readRunData(first),
  };
}

async function requireSeedsAlone(paths: readonly string[]): Promise<void> {
  const { rows, differing } = await compareRuns(paths);
  if (rows.length < 2) return;
  const isMethod = new Set(rows.map(({ method }) => method)).size > 1;
  const names = [...(isMethod ? ['the training method'] : []), ...differing].join(', ');
  const what = names === '' ? 'two of them have the same seed' : `they differ in ${names}`;
  throw new SpurmemError(
    'USAGE',
    `\`run\` names runs that are not seeds of one another: ${what}. A card is of one run, or of seeds of equal settings.`,
    { parameter: 'run', value: paths },
  );
}

async function cardRun(path: string): Promise<CardRun> {
  const run = await openRun(path);
  const { folder, config, environment, weights } = run;
  const result = await folder.readTrainingResult();
  if (!result) {
    throw new SpurmemError('RUN_NOT_FOUND', `${folder.path} holds no finished run: let it finish first.`);
  }
  const origin = (await folder.readHistory()).findLast((entry) => entry.result === result.kind);
  const seconds = (await folder.readMetrics()).reduce((sum, epoch) => sum + epoch.seconds, 0);
  return { folder, config, environment, result, weights, origin, seconds };
}

/** A run's config.json without the paths of the machine that trained it. */
export function publicConfig({ config, environment }: CardRun): object {
  const { data: _data, weightsPath, archPath, from, ...others } = environment;
  return {
    formatVersion: FORMAT_VERSION,
    config,
    environment: {
      data: config.dataset.name,
      weightsPath: weightsPath === null ? null : basename(weightsPath),
      ...(from === undefined ? {} : { from: basename(from) }),
      ...(archPath === undefined ? {} : { archPath: basename(archPath) }),
      ...others,
    },
  };
}
