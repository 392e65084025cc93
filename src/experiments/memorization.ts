import { isSameData } from '../data/dataset.js';
import { SpurmemError, usageError } from '../errors.js';
import { groupedBy, numbers, pick, type Row, select } from '../kit/rows.js';
import { summarize } from '../kit/summarize.js';
import { momentsOf } from '../metrics/statistics.js';
import { checkOptions } from '../settings/options.js';
import { severalOf } from '../settings/values.js';
import { configDifferences } from '../train/runConfig.js';
import { type OpenedRun, openRun } from '../train/runFolder.js';
import { RUN_TYPE } from '../train/runOptions.js';
import { evaluateRun } from './evaluateRun.js';
import { OF_RUN_TYPES, type OfRunOptions } from './traceSession.js';

/** Images with more count as memorized in tables. */
export const MEMORIZED = 0.5;

/** A model's answer to an image of the training split; 1: yes, 0: no. */
export type Answer = Readonly<Record<'file' | 'class' | 'attribute', string>> &
  Readonly<Record<'group' | 'trained' | 'right' | 'margin', number>>;

/** Rows, as pandas takes them; `null` where a number needs more models. */
export interface Memorization {
  /**
   * A row per image: `in` and `out`, the models that trained on it or left it out; their shares that are right, `rightIn` and `rightOut`;
   * `memorization`, the first minus the second (Feldman and Zhang 2020); mean margins; each with its standard error in `…Se`.
   */
  readonly images: readonly Row[];
  /** A row per group: means over models with 95 % intervals by Student's t, and `memorized`, its images with more than 0.5. */
  readonly groups: readonly Row[];
}

export interface MemorizationOptions extends Omit<OfRunOptions, 'run'> {
  /** Runs with `leaveOut` that differ in their seeds alone. */
  readonly runs: readonly string[];
}

/**
 * Measures the memorization of each training image: the share of correct answers among the models that trained on it, minus the share among
 * the other models. Writes no files.
 *
 * @throws `USAGE` for fewer than two runs, runs that left out nothing, share a seed, or differ in other settings; `DATASET_INVALID` if
 *   the runs have different images; the errors of `evaluateRun`
 */
export async function memorization(options: MemorizationOptions): Promise<Memorization> {
  const { run: _run, ...types } = OF_RUN_TYPES;
  checkOptions(options, { types: { ...types, runs: severalOf(RUN_TYPE) }, required: ['runs'] });
  const { runs, ...job } = options;
  const opened = await Promise.all(runs.map(openRun));
  await requireAlike(opened);
  const answers: Row[] = [];
  for (const { folder, config } of opened) {
    const own = await answersOf({ ...job, run: folder.path });
    answers.push(...own.map((row) => ({ seed: config.seed, ...row })));
  }
  return { images: imageRows(answers), groups: groupRows(answers) };
}

/** Returns a model's answers to the training split. Throws `USAGE` if it trained on all of it. */
export async function answersOf(
  run: OfRunOptions & { readonly epoch?: number | undefined },
): Promise<Answer[]> {
  const { rows = [] } = await evaluateRun({ ...run, split: 'train', rows: true });
  return rows.map(({ file, class: label, attribute, group, trained, prediction, margin }) => {
    if (trained === undefined) throw leftOutNothing(run.run);
    const right = Number(prediction === label);
    return { file, class: label, attribute, group, trained: Number(trained), right, margin };
  });
}

/** Returns a row per image of models' answers, `Memorization.images`. */
export function imageRows(answers: readonly Row[]): Row[] {
  return groupedBy(answers, ['stage', 'file']).map((own) => {
    const [trained, leftOut] = [1, 0].map((value) => select(own, { trained: value })) as [Row[], Row[]];
    const [rightIn, rightOut] = [trained, leftOut].map((rows) => shareOf(numbers(rows, 'right'))) as Pair;
    const [marginIn, marginOut] = [trained, leftOut].map((rows) => meanOf(numbers(rows, 'margin'))) as Pair;
    const memorized = { mean: rightIn.mean - rightOut.mean, se: Math.hypot(rightIn.se, rightOut.se) };
    const measures = { rightIn, rightOut, memorization: memorized, marginIn, marginOut };
    return {
      ...(own[0]?.stage === undefined ? {} : pick(own[0], ['stage'])),
      ...pick(own[0], ['file', 'class', 'attribute', 'group']),
      in: trained.length,
      out: leftOut.length,
      ...Object.fromEntries(
        Object.entries(measures).flatMap(([name, { mean, se }]) => [
          [name, known(mean)],
          [`${name}Se`, known(se)],
        ]),
      ),
    };
  });
}

type Pair = [Estimate, Estimate];
interface Estimate {
  readonly mean: number;
  readonly se: number;
}

/** A share with its binomial standard error, sqrt(p (1 - p) / n). */
function shareOf(right: readonly number[]): Estimate {
  const { count, mean } = momentsOf(right);
  return { mean, se: Math.sqrt((mean * (1 - mean)) / count) };
}

function meanOf(values: readonly number[]): Estimate {
  const { count, mean, variance } = momentsOf(values);
  return { mean, se: Math.sqrt(variance / count) };
}

const known = (value: number): number | null => (Number.isFinite(value) ? value : null);

/** Returns a row per group of models' answers, `Memorization.groups`: each model's accuracies on its two parts are a pair. */
export function groupRows(answers: readonly Row[]): Row[] {
  const images = imageRows(answers);
  const ofModels = groupedBy(answers, ['stage', 'group', 'seed']).map((own) => {
    const [rightIn, rightOut] = [1, 0].map(
      (trained) => momentsOf(numbers(select(own, { trained }), 'right')).mean,
    ) as [number, number];
    const names = pick(own[0], ['stage', 'group', 'class', 'attribute', 'seed']);
    return { ...names, rightIn, rightOut, memorization: rightIn - rightOut };
  });
  const by = ['stage', 'group', 'class', 'attribute'];
  const measures = ['rightIn', 'rightOut', 'memorization'];
  const rows = summarize(ofModels, { by, over: 'seed', measures }).map(({ stage = null, ...row }) => {
    const place = { group: row.group ?? null, ...(stage === null ? {} : { stage }) };
    const own = select(images, place);
    const memorized = numbers(own, 'memorization').filter((value) => value > MEMORIZED).length;
    return { ...place, ...row, images: own.length, memorized };
  });
  return rows.sort((a, b) => Number(a.group) - Number(b.group));
}

/** Throws unless runs differ in nothing but their seeds. */
async function requireAlike(runs: readonly OpenedRun[]): Promise<void> {
  const [first, ...others] = runs;
  if (!first || others.length === 0) {
    const problem = 'Memorization takes two runs or more: an image is in some, and others left it out.';
    throw usageError('runs', runs.length, 'two runs or more', problem);
  }
  const seen = new Map<number, string>();
  const { images } = (await first.folder.readProgress()) ?? {};
  for (const { config, folder } of runs) {
    if (config.leaveOut === undefined) throw leftOutNothing(folder.path);
    const before = seen.get(config.seed);
    if (before !== undefined) {
      const problem = `${before} and ${folder.path} have the same seed, ${config.seed}, and left out the same images.`;
      throw usageError('runs', folder.path, 'runs of different seeds', problem);
    }
    seen.set(config.seed, folder.path);
    const progress = await folder.readProgress();
    if (!isSameData(config.dataset, first.config.dataset) || progress?.images !== images) {
      const problem = `${folder.path} was trained on other images than ${first.folder.path}: the table or the images have changed in between.`;
      throw new SpurmemError('DATASET_INVALID', problem, { parameter: 'runs', value: folder.path });
    }
    const differences = configDifferences({ ...first.config, seed: config.seed }, config);
    if (differences.length === 0) continue;
    const problem = `${folder.path} has other settings than ${first.folder.path}: ${differences.join(', ')}.`;
    throw usageError('runs', folder.path, 'runs that differ in their seeds alone', problem);
  }
}

function leftOutNothing(run: string): SpurmemError {
  const problem = `${run} trained on all images: none tells what it would have said without an image.`;
  const advice = 'Train with `leaveOut`, such as 0.5, and several seeds.';
  return usageError('runs', run, 'runs with `leaveOut`', problem, advice);
}
