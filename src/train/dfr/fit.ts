import { setImmediate as nextTurn } from 'node:timers/promises';
import { balancedSubset } from '../../data/sampling.js';
import { GroupCounter } from '../../metrics/groups.js';
import type { Generator } from '../../native/interface.js';
import { type JobOptions, throwIfAborted } from '../../progress.js';
import { type Design, fitLogistic, type LogisticFit } from './logisticRegression.js';

/** Penultimate features of a split's examples, with their labels. */
export interface LabelledFeatures {
  /** [N, numFeatures], row by row. */
  readonly features: Float32Array;
  readonly numFeatures: number;
  readonly numClasses: number;
  /** [N] */
  readonly labels: Int32Array;
  /** [N] */
  readonly groups: Int32Array;
}

/** For features as they are. */
export interface LinearLayer {
  /** [numClasses, numFeatures], row by row. */
  readonly weight: Float64Array;
  /** [numClasses] */
  readonly bias: Float64Array;
}

/** As of scikit-learn's solvers; below it the accuracies do not change. */
const TOLERANCE = 1e-4;

/** A value of C with the worst-group accuracy on the half that it was not fitted on. */
export interface TunedStrength {
  readonly inverseStrength: number;
  readonly worstGroupAccuracy: number;
}

/**
 * The last layer of DFR of at least two examples of each group: C is chosen by the worst-group accuracy on one half of the
 * examples, half of each group, of fits on a group-balanced subset of the other half; layers fitted with it on group-balanced
 * subsets of all examples are averaged. Features are standardized by each subset's mean and deviation.
 */
export async function fitDfr(
  data: LabelledFeatures,
  settings: { readonly inverseStrengths: readonly number[]; readonly draws: number },
  generator: Generator,
  job: JobOptions,
) {
  const { inverseStrengths, draws } = settings;
  const total = inverseStrengths.length + draws;
  let done = 0;
  const fit = async (subset: Standardized, inverseStrength: number): Promise<LinearLayer> => {
    const layer = await fitLayer(subset, inverseStrength, job);
    done += 1;
    job.onProgress?.({ task: 'last-layer retraining', done, total, unit: 'fits' });
    return layer;
  };

  const [tuned, fitted] = halves(data.groups, generator);
  const half = standardized(data, balanced(data, fitted, generator));
  const tuning: TunedStrength[] = [];
  for (const inverseStrength of inverseStrengths) {
    const layer = await fit(half, inverseStrength);
    tuning.push({ inverseStrength, worstGroupAccuracy: worstGroupAccuracy(layer, data, tuned) });
  }
  const best = Math.max(...tuning.map((one) => one.worstGroupAccuracy));
  const { inverseStrength } = tuning.find((one) => one.worstGroupAccuracy === best) as TunedStrength;

  const all = Int32Array.from(data.groups.keys());
  const layers: LinearLayer[] = [];
  for (let draw = 0; draw < draws; draw += 1) {
    layers.push(await fit(standardized(data, balanced(data, all, generator)), inverseStrength));
  }
  return { layer: meanOf(layers), inverseStrength, tuning };
}

/** Two random halves of the examples, with half of each group, rounded down, in the first. */
function halves(groups: Int32Array, generator: Generator): [Int32Array, Int32Array] {
  const halfSizes = new Map<number, number>();
  for (const group of groups) halfSizes.set(group, (halfSizes.get(group) ?? 0) + 0.5);
  const order = generator.randperm(groups.length);
  const first = order.filter((position) => {
    const group = groups[position] as number;
    const left = halfSizes.get(group) as number;
    halfSizes.set(group, left - 1);
    return left >= 1;
  });
  const inFirst = new Set(first);
  return [first, order.filter((position) => !inFirst.has(position))];
}

function balanced({ groups }: LabelledFeatures, rows: Int32Array, generator: Generator): Int32Array {
  const ofRows = rows.map((row) => groups[row] as number);
  return balancedSubset(rows, ofRows, generator);
}

type Standardized = ReturnType<typeof standardized>;

/** Some rows as columns of mean 0 and deviation 1; a feature that does not vary is only centred, as scikit-learn does. */
function standardized(data: LabelledFeatures, rows: Int32Array) {
  const { features, numFeatures, labels, numClasses } = data;
  const means = new Float64Array(numFeatures);
  const deviations = new Float64Array(numFeatures);
  const columns = Array.from(means.keys(), (j) => {
    const values = Float64Array.from(rows, (row) => features[row * numFeatures + j] as number);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    means[j] = mean;
    deviations[j] = variance > 0 ? Math.sqrt(variance) : 1;
    return values.map((value) => (value - mean) / (deviations[j] as number));
  });
  return { columns, means, deviations, labels: rows.map((row) => labels[row] as number), numClasses };
}

/** Two classes halve one fit between them; of more, each has a fit against the others. */
async function fitLayer(
  subset: Standardized,
  inverseStrength: number,
  { signal, onWarning }: JobOptions,
): Promise<LinearLayer> {
  const { columns, labels, numClasses, means, deviations } = subset;
  const classes = numClasses === 2 ? [1] : Array.from({ length: numClasses }, (_, y) => y);
  const fits: Row[] = [];
  for (const y of classes) {
    const design: Design = { columns, targets: Float64Array.from(labels, (label) => (label === y ? 1 : 0)) };
    const fit = await fitLogistic(design, inverseStrength, {
      tolerance: TOLERANCE,
      // A lock that is not refreshed lapses, and Ctrl-C waits for a turn of its own.
      async beforeStep() {
        await nextTurn();
        throwIfAborted(signal, 'last-layer retraining');
      },
    });
    if (!fit.converged) {
      onWarning?.(`The last layer's fit with C ${inverseStrength} stopped short of its optimum.`);
    }
    fits.push(forRawFeatures(fit, means, deviations));
  }
  const rows = numClasses === 2 ? fits.flatMap((fit) => [timesOf(fit, -0.5), timesOf(fit, 0.5)]) : fits;
  return {
    weight: Float64Array.from(rows.flatMap(({ weights }) => [...weights])),
    bias: Float64Array.from(rows, ({ intercept }) => intercept),
  };
}

type Row = Pick<LogisticFit, 'weights' | 'intercept'>;

function forRawFeatures(
  { weights, intercept }: LogisticFit,
  means: Float64Array,
  deviations: Float64Array,
): Row {
  const raw = weights.map((weight, j) => weight / (deviations[j] as number));
  return {
    weights: raw,
    intercept: raw.reduce((sum, weight, j) => sum - weight * (means[j] as number), intercept),
  };
}

function timesOf({ weights, intercept }: Row, factor: number): Row {
  return { weights: weights.map((weight) => factor * weight), intercept: factor * intercept };
}

function meanOf(layers: readonly LinearLayer[]): LinearLayer {
  const mean = (arrays: readonly Float64Array[]): Float64Array =>
    (arrays[0] as Float64Array).map(
      (_, i) => arrays.reduce((sum, values) => sum + (values[i] as number), 0) / arrays.length,
    );
  return { weight: mean(layers.map(({ weight }) => weight)), bias: mean(layers.map(({ bias }) => bias)) };
}

function worstGroupAccuracy(layer: LinearLayer, data: LabelledFeatures, rows: Int32Array): number {
  const predictions = rows.map((row) => predicted(layer, data, row));
  const counter = new GroupCounter(data.groups.reduce((most, group) => Math.max(most, group + 1), 0));
  counter.addBatch(data, rows, predictions);
  return counter.accuracies([]).worstGroupAccuracy;
}

function predicted(
  { weight, bias }: LinearLayer,
  { features, numFeatures }: LabelledFeatures,
  row: number,
): number {
  const outputs = bias.map((output, y) => {
    let sum = output;
    for (let j = 0; j < numFeatures; j += 1) {
      sum += (weight[y * numFeatures + j] as number) * (features[row * numFeatures + j] as number);
    }
    return sum;
  });
  return outputs.indexOf(Math.max(...outputs));
}
