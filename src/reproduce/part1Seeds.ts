import { join, resolve } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import { datasetOf } from '../data/dataset.js';
import { overModels, type RowOverModels } from '../experiments/overModels.js';
import { makeFolder, writeAtomic, writeJson } from '../files.js';
import { writeModelsReport } from '../report/models/report.js';
import { overModelsRow, overModelsTable } from '../report/models/table.js';
import type { Table } from '../report/table.js';
import { readRunData } from '../train/runData.js';
import { openRun } from '../train/runFolder.js';
import { SEEDS_TYPE } from '../train/runOptions.js';
import type { FigureResult } from './figureFiles.js';
import { checkPart1Options, PART1_TYPES, type Part1Options, reproducePart1 } from './part1.js';

export interface Part1SeedsOptions extends Omit<Part1Options, 'run' | 'seed'> {
  /** The folder of all of it: a model's run is in `seed-<n>`. */
  readonly run: string;
  /** Of each model: its data order, initial head, and the draws of its traces. */
  readonly seeds: readonly number[];
}

/** `<run>/<figure>.json`: a figure over models, a row a measurement; the same rows are in its CSV. */
interface FigureOverModels {
  readonly kind: string;
  readonly title: string;
  readonly seeds: readonly number[];
  readonly rows: readonly RowOverModels[];
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

/** The run of a seed's model. */
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
  const types = { ...PART1_TYPES, seeds: SEEDS_TYPE };
  checkPart1Options(options, { types, required: ['figures', 'run', 'seeds'] });
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
  }
  const summarized: Part1SeedsResult['figures'][number][] = [];
  for (const [at, { name, title }] of figures.entries()) {
    const figure: FigureOverModels = {
      kind: name,
      title,
      seeds,
      rows: overModels(ofSeeds.map((ofSeed) => ofSeed[at]?.rows ?? [])),
    };
    const json = join(run, `${name}.json`);
    const csv = join(run, `${name}.csv`);
    await writeJson(json, figure);
    await writeAtomic(csv, stringify(figure.rows.map(overModelsRow), { header: true }));
    summarized.push({ ...figure, json, csv, tables: [overModelsTable(figure)] });
  }
  options.onStep?.('report');
  const groups = await readRunData(await openRun(modelFolder(run, seeds[0] as number)));
  return { run, report: await writeModelsReport(run, summarized, groups), figures: summarized };
}
