import { type Split, SPLITS } from '../data/split.js';
import { evaluateRun } from '../experiments/evaluateRun.js';
import { gradCam } from '../experiments/gradCam.js';
import { judge } from '../experiments/outcomes.js';
import { traceOverlap } from '../experiments/traceOverlap.js';
import { type SessionOptions, TraceSession } from '../experiments/traceSession.js';
import { TRACE_SETTINGS } from '../experiments/traceSettings.js';
import { traceStructured } from '../experiments/traceStructured.js';
import { traceUnstructured } from '../experiments/traceUnstructured.js';
import type { CsvRow } from '../kit/rows.js';
import { mean, quantile } from '../metrics/statistics.js';
import { figuresNamed } from '../reproduce/articleFigures.js';
import { reproducePart1 } from '../reproduce/part1.js';
import { type Combination, session, type StudyTrace } from './part.js';
import { PARTS } from './parts.js';
import { effectRow, randomMeans } from './recordedEffects.js';

const { session: ofSession, unstructured, structured, overlap, gradCam: ofMaps } = TRACE_SETTINGS;

/** The accuracies of a run, which every study of models records. */
const models: StudyTrace = {
  settings: {},
  by: 'stage',
  async rows({ from: _from, onStep: _onStep, seed: _seed, ...run }) {
    const splits = SPLITS.map(async (split) =>
      accuracyRows(split, (await evaluateRun({ ...run, split })).accuracies),
    );
    return (await Promise.all(splits)).flat();
  },
};

/** How the top neurons of groups change each group, compared with random ones. */
const effects: StudyTrace = {
  settings: { ...ofSession, ...unstructured },
  by: 'stage',
  apart: { split: 'split', topK: 'k', criteria: 'criterion' },
  ofAnyArm: true,
  async rows(run, settings) {
    const { entries, split } = await traceUnstructured(session(run, settings));
    return entries.map((entry) => ({ split, ...effectRow(entry), ...randomMeans(entry) }));
  },
};

const perturbations: StudyTrace = {
  settings: { ...ofSession, ...unstructured },
  by: 'seed',
  apart: { perturbation: 'perturbation', sigmas: null, topK: 'k', criteria: 'criterion' },
  async rows(run, settings) {
    const { entries, perturbation } = await traceUnstructured(session(run, settings));
    return entries.map((entry) => ({ perturbation, sigma: entry.sigma, ...effectRow(entry) }));
  },
};

const layers: StudyTrace = {
  settings: { ...ofSession, ...structured },
  by: 'seed',
  apart: { criteria: 'criterion' },
  async rows(run, settings) {
    const { entries } = await traceStructured(session(run, settings));
    return entries.map(({ criterion, layer, group, change: accuracy, margin }) => {
      return { criterion, layer, group, accuracy, margin };
    });
  },
};

const overlaps: StudyTrace = {
  settings: { ...ofSession, ...overlap },
  by: 'seed',
  apart: {},
  async rows(run, settings) {
    const { entries } = await traceOverlap(session(run, settings));
    return entries.map(({ reading, group, chosenBy, rankedBy, neurons }) => {
      const ranks = neurons.map(({ percentile }) => percentile).sort((a, b) => a - b);
      const share = (least: number): number => ranks.filter((rank) => rank >= least).length / ranks.length;
      const measured = { neurons: ranks.length, mean: mean(ranks), top5: share(95), top50: share(50) };
      return { reading, group, chosenBy, rankedBy, ...measured };
    });
  },
};

const margins: StudyTrace = {
  settings: ofSession,
  by: 'seed',
  apart: {},
  async rows(run, settings) {
    const judged = await judgedMargins(session(run, settings));
    return judged.map((values, group) => ({ group, mean: mean(values), tenth: quantile(values, 0.1) }));
  },
};

/** Shares of Grad-CAM's heat in the core region. */
const heat: StudyTrace = {
  settings: ofMaps,
  by: 'configuration',
  apart: {},
  ofAnyArm: true,
  async rows({ from: compare, ...run }, settings) {
    const { groups } = await gradCam({ ...session(run, settings), compare });
    return groups.map(({ group, core, before, after, difference }) => ({
      group,
      core: core ?? null,
      before: before?.share?.mean ?? null,
      after: after.share?.mean ?? null,
      difference: difference?.mean ?? null,
    }));
  },
};

/** Figures and tables of Part I, in the run's files. Their settings are Part I's (`checkTracing`). */
const figures: StudyTrace = {
  settings: {},
  by: 'seed',
  apart: {},
  ofAnyArm: true,
  async rows({ from: _from, epoch: _epoch, ...run }, { figures: names, ...settings }) {
    await reproducePart1({ ...run, ...settings, figures: figuresNamed(figureNames({ figures: names })) });
    return [];
  },
};

/** Everything that a study measures, in the order of its parts; it records the accuracies (`models`) of its own accord. */
const STUDY_TRACES: Readonly<Record<string, StudyTrace>> = {
  effects,
  perturbations,
  layers,
  overlaps,
  margins,
  heat,
  figures,
  ...Object.fromEntries(PARTS.flatMap(({ traces }) => Object.entries(traces))),
};
/** The measurements of a trained run; each has its own table, except figures, which are files of the run. */
export const TRACE_NAMES: readonly string[] = Object.keys(STUDY_TRACES);

export function traceNamed(name: string): StudyTrace {
  const trace = name === 'models' ? models : STUDY_TRACES[name];
  if (!trace) throw new RangeError(`Studies have no trace named ${name}.`);
  return trace;
}

/** A trace of a run, as studies declare it. */
interface Declared {
  readonly trace: string;
  readonly settings: Combination;
}

/** Returns the columns that identify a job's run in the table of its trace. */
export function runColumns(
  { trace, row, seed }: { readonly trace: string; readonly row: string; readonly seed: number },
  configuration: Combination = {},
): CsvRow {
  const { by } = traceNamed(trace);
  if (by === 'configuration') return { arm: row, seed, configuration: JSON.stringify(configuration) };
  return by === 'stage' ? { seed, stage: row } : { seed };
}

/** Returns the values of a trace's first row, which distinguish it from its run's other traces. */
export function firstRow({ trace, settings }: Declared): CsvRow {
  const { apart = {} } = traceNamed(trace);
  return Object.fromEntries(
    Object.entries(apart).flatMap(([name, column]): [string, string | number][] =>
      column === null ? [] : [[column, valuesIn({ trace, settings }, name)[0] as string | number]],
    ),
  );
}

/** Returns the values of a trace's setting; default: the article's. */
export function valuesIn(
  { trace, settings, split }: Declared & { readonly split?: string | string[] | undefined },
  name: string,
): unknown[] {
  const table = traceNamed(trace).settings;
  const given = name === 'split' ? (split ?? settings.split ?? 'train') : settings[name];
  return [given ?? table[name]?.article].flat();
}

/** Returns the names of the figures that a trace of figures makes. */
export function figureNames({ figures = [] }: Combination): string[] {
  return [figures].flat().map(String);
}

/** Returns accuracies of groups, one row each. */
export function accuracyRows(
  split: Split,
  { accuracy }: { readonly accuracy: readonly (number | null)[] },
): CsvRow[] {
  return accuracy.map((value, group) => ({ split, group, accuracy: value }));
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
