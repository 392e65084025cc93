import { basename, join, resolve } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import { datasetOf } from '../data/dataset.js';
import { SpurmemError } from '../errors.js';
import { overModels } from '../experiments/overModels.js';
import { makeFolder, writeAtomic, writeJson } from '../files.js';
import { csvRows } from '../kit/rows.js';
import type { Table } from '../kit/table.js';
import { numericOptions } from '../native/engine.js';
import { type FigureOverModels, overModelsTables, writeModelsReport } from '../report/models.js';
import { erm } from '../train/methods/erm.js';
import { configDifferences } from '../train/runConfig.js';
import { readRunData } from '../train/runData.js';
import { openRun } from '../train/runFolder.js';
import { SEEDS_TYPE } from '../train/runOptions.js';
import { figuresNamed } from './articleFigures.js';
import type { FigureResult } from './figureFiles.js';
import {
  checkPart1Options,
  hasToBeTrained,
  PART1_TYPES,
  type Part1Options,
  reproducePart1,
  tracingOf,
  trainingOf,
} from './part1.js';
import { type SweepPlan, withWholePaths } from './sweep/plan.js';

export interface Part1SeedsOptions extends Omit<Part1Options, 'run' | 'seed'> {
  /** The folder of all of it: a model's run is in `seed-<n>`. */
  readonly run: string;
  /** A model each: its data order, initial head, and the draws of its traces. */
  readonly seeds: readonly number[];
}

interface Part1SeedsResult {
  readonly run: string;
  readonly report: string;
  readonly figures: readonly (FigureOverModels & {
    readonly json: string;
    readonly csv: string;
    readonly tables: readonly Table[];
  })[];
}

const TYPES = { ...PART1_TYPES, seeds: SEEDS_TYPE };

export function modelFolder(run: string, seed: number): string {
  return join(run, `seed-${seed}`);
}

/**
 * Reproduces figures and tables of the article's Part I over models: each seed trains one by ERM, whose figures are made as those
 * of a single run are, and reports means and intervals over models. What is finished is not made again.
 *
 * @throws `USAGE` without seeds, and what `reproducePart1` throws
 */
export async function reproducePart1Seeds(options: Part1SeedsOptions): Promise<Part1SeedsResult> {
  checkPart1Options(options, { types: TYPES, required: ['figures', 'run', 'seeds'] });
  const { seeds, figures, ...rest } = options;
  const run = resolve(options.run);
  await makeFolder(run);
  // Once for all models.
  const data = options.data === undefined ? undefined : await datasetOf(options.data, options.datasetOptions);
  const ofSeeds: (readonly FigureResult[])[] = [];
  for (const [i, seed] of seeds.entries()) {
    options.onStep?.(`${i + 1}/${seeds.length} seed ${seed}`);
    const made = await reproducePart1({ ...rest, data, figures, seed, run: modelFolder(run, seed) });
    ofSeeds.push(made.figures);
    await requireSameTraining(modelFolder(run, seeds[0] as number), modelFolder(run, seed));
  }
  const summarized: Part1SeedsResult['figures'][number][] = [];
  for (const [at, { name, title }] of figures.entries()) {
    const rows = overModels(ofSeeds.map((ofSeed) => ofSeed[at]?.rows ?? []));
    const figure: FigureOverModels = { kind: name, title, seeds, rows };
    const [json, csv] = [join(run, `${name}.json`), join(run, `${name}.csv`)];
    await writeJson(json, figure);
    await writeAtomic(csv, stringify(csvRows(rows), { header: true }));
    summarized.push({ ...figure, json, csv, tables: overModelsTables(figure) });
  }
  options.onStep?.('report');
  const groups = await readRunData(await openRun(modelFolder(run, seeds[0] as number)));
  return { run, report: await writeModelsReport(run, summarized, groups), figures: summarized };
}

/** Throws `RUN_EXISTS` where two models differ in more than their seeds: there was one already, of other settings. */
async function requireSameTraining(first: string, other: string): Promise<void> {
  const { config: of } = await openRun(first);
  const { config: to, environment } = await openRun(other);
  // Each seed may start from a run of its own.
  const weights = environment.from === undefined ? to.weights : of.weights;
  const differences = configDifferences(of, { ...to, seed: of.seed, weights });
  if (differences.length === 0) return;
  throw new SpurmemError(
    'RUN_EXISTS',
    `${other} was trained otherwise than ${first}, and models of one figure differ in their seeds alone:\n  ${differences.join('\n  ')}`,
    { advice: ['Choose another `run`, or train with the settings of the models that are there.'] },
  );
}

/**
 * The models of `reproducePart1Seeds` as a list of jobs: each trains one, where there is none yet, and makes its figures. Once they are
 * finished, `reproducePart1Seeds` with the same options trains and traces nothing.
 *
 * @throws `USAGE` without `data`, and for a figure that is not one of `FIGURES`
 */
export async function planPart1Seeds(options: Part1SeedsOptions): Promise<SweepPlan> {
  checkPart1Options(options, { types: TYPES, required: ['figures', 'run', 'seeds', 'data'] });
  const names = options.figures.map(({ name }) => name);
  figuresNamed(names);
  const run = resolve(options.run);
  const models = options.seeds.map((seed) => ({ seed, out: modelFolder(run, seed) }));
  for (const { out } of models) await hasToBeTrained({ ...options, run: out });
  const data = await datasetOf(options.data ?? '', options.datasetOptions);
  return {
    kind: 'sweep-plan',
    data: data.folder,
    datasetOptions: data.options,
    ...numericOptions(options),
    jobs: models.map((model, index) => ({
      index,
      stage: 0,
      entry: basename(run),
      method: erm.name,
      settings: withWholePaths(trainingOf(options)),
      ...model,
      from: null,
      figures: { names, settings: tracingOf(options) },
    })),
  };
}
