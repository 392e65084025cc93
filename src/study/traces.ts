import { type Split, SPLITS } from '../data/split.js';
import { evaluateRun } from '../experiments/evaluateRun.js';
import { gradCam } from '../experiments/gradCam.js';
import { imageChanges } from '../experiments/imageChanges.js';
import { answersOf } from '../experiments/memorization.js';
import { judge, OUTCOMES } from '../experiments/outcomes.js';
import type { TraceEntry } from '../experiments/results.js';
import { traceOverlap } from '../experiments/traceOverlap.js';
import { type SessionOptions, TraceSession } from '../experiments/traceSession.js';
import { traceStructured } from '../experiments/traceStructured.js';
import { traceUnstructured } from '../experiments/traceUnstructured.js';
import { mean, quantile } from '../metrics/statistics.js';
import { NULL_NAMES } from '../neurons/nulls.js';
import { figuresNamed } from '../reproduce/articleFigures.js';
import { reproducePart1 } from '../reproduce/part1.js';
import { valuesIn } from './check.js';
import type { TraceJob } from './plan.js';
import { erasedRows, foundRows, minimalRows, plantingRows } from './planted/measure.js';
import type { RecordRow } from './records.js';
import type { Combination } from './tuning.js';

/** A run to measure; `from` is the run that it started from. */
interface TracedRun extends SessionOptions {
  readonly from?: string | undefined;
  readonly onStep?: ((step: string) => void) | undefined;
}
type MakeRows = (run: TracedRun, settings: Combination) => Promise<RecordRow[]>;

/** Tables of several stages of training, or of several arms. */
const WITH_STAGE: readonly TraceJob['trace'][] = [
  'effects',
  'models',
  'planted',
  'found',
  'erased',
  'minimal',
  'predictions',
  'changes',
];

/** Returns the columns that identify a job's run in the table of its trace. */
export function runColumns(
  { trace, row, seed }: Pick<TraceJob, 'trace' | 'row' | 'seed'>,
  configuration: Combination = {},
): RecordRow {
  if (trace === 'heat') return { arm: row, seed, configuration: JSON.stringify(configuration) };
  return WITH_STAGE.includes(trace) ? { seed, stage: row } : { seed };
}

/** Returns the values of a trace's first row, which distinguish it from its run's other traces. */
export function firstRow({ trace, settings }: Pick<TraceJob, 'trace' | 'settings'>): RecordRow {
  if (trace === 'models' || trace === 'heat' || trace === 'figures') return {};
  const columns = {
    effects: ['split', 'k', 'criterion'],
    perturbations: ['perturbation', 'k', 'criterion'],
    layers: ['criterion'],
  };
  const names = { k: 'topK', criterion: 'criteria' };
  const own = (columns as Readonly<Record<string, readonly string[]>>)[trace] ?? [];
  return Object.fromEntries(
    own.map((column) => {
      const name = (names as Readonly<Record<string, string>>)[column] ?? column;
      return [column, valuesIn({ trace, settings }, name)[0] as string | number];
    }),
  );
}

/** Make the rows of each trace. Figures' rows are in the files of the run. */
export const TRACE_ROWS: Readonly<Record<TraceJob['trace'], MakeRows>> = {
  async models({ from: _from, onStep: _onStep, seed: _seed, ...run }) {
    const splits = SPLITS.map(async (split) =>
      accuracyRows(split, (await evaluateRun({ ...run, split })).accuracies),
    );
    return (await Promise.all(splits)).flat();
  },
  async effects(run, settings) {
    const { entries, split } = await traceUnstructured(session(run, settings));
    return entries.map((entry) => ({ split, ...effectOf(entry), ...randomMeans(entry) }));
  },
  async perturbations(run, settings) {
    const { entries, perturbation } = await traceUnstructured(session(run, settings));
    return entries.map((entry) => ({ perturbation, sigma: entry.sigma, ...effectOf(entry) }));
  },
  async layers(run, settings) {
    const { entries } = await traceStructured(session(run, settings));
    return entries.map(({ criterion, layer, group, change: accuracy, margin }) => {
      return { criterion, layer, group, accuracy, margin };
    });
  },
  async overlaps(run, settings) {
    const { entries } = await traceOverlap(session(run, settings));
    return entries.map(({ reading, group, chosenBy, rankedBy, neurons }) => {
      const ranks = neurons.map(({ percentile }) => percentile).sort((a, b) => a - b);
      const share = (least: number): number => ranks.filter((rank) => rank >= least).length / ranks.length;
      const measured = { neurons: ranks.length, mean: mean(ranks), top5: share(95), top50: share(50) };
      return { reading, group, chosenBy, rankedBy, ...measured };
    });
  },
  async margins(run, settings) {
    const margins = await judgedMargins(session(run, settings));
    return margins.map((values, group) => ({ group, mean: mean(values), tenth: quantile(values, 0.1) }));
  },
  async heat({ from: compare, ...run }, settings) {
    const { groups } = await gradCam({ ...session(run, settings), compare });
    return groups.map(({ group, core, before, after, difference }) => ({
      group,
      core: core ?? null,
      before: before?.share?.mean ?? null,
      after: after.share?.mean ?? null,
      difference: difference?.mean ?? null,
    }));
  },
  async figures({ from: _from, epoch: _epoch, ...run }, { figures, ...settings }) {
    await reproducePart1({ ...run, ...settings, figures: figuresNamed(figureNames({ figures })) });
    return [];
  },
  planted: (run) => plantingRows(session(run, {})),
  found: (run, settings) => foundRows({ ...session(run, {}), ...settings }),
  erased: (run, settings) => erasedRows(session(run, {}), settings),
  minimal: (run, settings) => minimalRows(session(run, {}), settings),
  predictions: ({ from: _from, onStep: _onStep, seed: _seed, ...run }) => answersOf(run),
  changes: (run, settings) => imageChanges(session(run, settings)),
};

/** Returns the names of the figures that a trace of figures makes. */
export function figureNames({ figures = [] }: Combination): string[] {
  return [figures].flat().map(String);
}

function session({ from: _from, onStep: _onStep, ...run }: TracedRun, settings: Combination): SessionOptions {
  return { ...run, ...settings };
}

/** Returns accuracies of groups, one row each. */
export function accuracyRows(
  split: Split,
  { accuracy }: { readonly accuracy: readonly (number | null)[] },
): RecordRow[] {
  return accuracy.map((value, group) => ({ split, group, accuracy: value }));
}

/** Returns a set of neurons with the changes of each group, and minority minus majority. */
function effectOf({ criterion, group, k, neurons, change, margin, loss, difference }: TraceEntry): RecordRow {
  const ofGroups = change.flatMap((accuracy, g) => [
    [`accuracy${g}`, accuracy],
    [`margin${g}`, margin[g] ?? null],
    [`loss${g}`, loss[g] ?? null],
  ]);
  const interactions = OUTCOMES.map((outcome) => [`${outcome}Interaction`, difference?.[outcome] ?? null]);
  return {
    criterion,
    chosenFor: group,
    k,
    neurons: neurons.map(({ layer, index }) => `${layer}:${index}`).join(' '),
    ...(Object.fromEntries([...ofGroups, ...interactions]) as RecordRow),
  };
}

/** Returns means over random neurons: for the group of the chosen ones, and for minority minus majority. */
function randomMeans({ comparisons, group }: TraceEntry): RecordRow {
  const columns = NULL_NAMES.flatMap((name) =>
    (['accuracy', 'margin'] as const).flatMap((outcome) => [
      [`${name} ${outcome}`, comparisons?.[name]?.groups[group]?.[outcome].mean ?? null],
      [`${name} ${outcome}Interaction`, comparisons?.[name]?.difference?.[outcome].mean ?? null],
    ]),
  );
  return Object.fromEntries(columns) as RecordRow;
}

/** Returns margins of the training examples to test neurons on, [numGroups][examples]. */
async function judgedMargins(options: SessionOptions): Promise<number[][]> {
  using session = await TraceSession.open(options);
  const { dataset, loader, model } = session;
  const margins = dataset.groupNames.map((): number[] => []);
  for await (const batch of loader.evaluation(session.judgedOn('train'), session.job.batchSize)) {
    using images = batch;
    using logits = (await model.network.run(images.images)).logits;
    const labels = images.indices.map((index) => dataset.labels[index] as number);
    judge((await logits.data()) as Float32Array, labels).margins.forEach((margin, i) => {
      margins[dataset.groups[images.indices[i] as number] as number]?.push(margin);
    });
  }
  return margins;
}
