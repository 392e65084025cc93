import { basename, resolve } from 'node:path';
import { datasetOf } from '../../data/dataset.js';
import { numericOptions } from '../../native/engine.js';
import { erm } from '../../train/methods/erm.js';
import { SEEDS_TYPE } from '../../train/runOptions.js';
import { figuresNamed } from '../articleFigures.js';
import { checkPart1Options, hasToBeTrained, PART1_TYPES, tracingOf, trainingOf } from '../part1.js';
import { modelFolder, type Part1SeedsOptions } from '../part1Seeds.js';
import { type SweepPlan, withWholePaths } from './plan.js';

/**
 * The models of `reproducePart1Seeds` as a list of jobs: each trains one, where there is none yet, and makes its figures. Once they are
 * finished, `reproducePart1Seeds` with the same options trains and traces nothing.
 *
 * @throws `USAGE` without `data`, for a figure that is not one of `FIGURES`, and what `reproducePart1Seeds` throws before its first run
 */
export async function planPart1Seeds(options: Part1SeedsOptions): Promise<SweepPlan> {
  const types = { ...PART1_TYPES, seeds: SEEDS_TYPE };
  checkPart1Options(options, { types, required: ['figures', 'run', 'seeds', 'data'] });
  const { seeds } = options;
  const names = options.figures.map(({ name }) => name);
  figuresNamed(names);
  const run = resolve(options.run);
  const outs = seeds.map((seed) => modelFolder(run, seed));
  for (const out of outs) await hasToBeTrained({ ...options, run: out });
  const data = await datasetOf(options.data ?? '', options.datasetOptions);
  return {
    kind: 'sweep-plan',
    data: data.folder,
    datasetOptions: data.options,
    ...numericOptions(options),
    jobs: seeds.map((seed, index) => ({
      index,
      stage: 0,
      entry: basename(run),
      method: erm.name,
      settings: withWholePaths(trainingOf(options)),
      seed,
      out: outs[index] ?? '',
      from: null,
      figures: { names, settings: tracingOf(options) },
    })),
  };
}
