import { native } from '../../native/addon.js';
import type { ComputeContext } from '../../native/context.js';
import type { Tensor } from '../../native/interface.js';
import { type JobOptions, throwIfAborted } from '../../progress.js';
import type { LinearLayer } from './fit.js';
import { addScaled, dot } from './vectors.js';

/** Largest slope of the mean loss at the optimum, as of scikit-learn's `lbfgs`. */
const TOLERANCE = 1e-4;
const MAX_STEPS = 1000;
/** Steps, with the changes of the slope, that L-BFGS remembers. */
const MEMORY = 10;
/** The least share of the decrease that the slope promises. */
const SUFFICIENT_DECREASE = 1e-4;
const SMALLEST_SHARE = 1e-6;

/** What a fit minimizes: sum_i w_i CE_i / sum_i w_i + penalty / 2 * |W - center|^2; the bias is free without a center. */
export interface SoftmaxObjective {
  /** w of each example, [N]; 0: not in the fit. */
  readonly weights: Float64Array;
  readonly penalty: number;
  /**
   * The layer to stay near, for features as they are, as AFR does. By default the weights stay small, and features are standardized by the
   * mean and deviation of the examples in the fit.
   */
  readonly center?: LinearLayer | undefined;
}

/** The penalty that equals scikit-learn's C: it adds up examples, and two classes halve one fit between them. */
export function l2Penalty(inverseStrength: number, examples: number, numClasses: number): number {
  return (numClasses === 2 ? 2 : 1) / (inverseStrength * examples);
}

/** A fitted layer, for features as they are, and its logits of all examples, [N, numClasses]. */
interface SoftmaxFit {
  readonly layer: LinearLayer;
  readonly logits: Float32Array;
}

/** Multinomial logistic regressions on some of the same examples, whose products libtorch computes. */
export class SoftmaxRegression implements Disposable {
  private constructor(
    /** Standardized over all examples, [N, numFeatures]. */
    private readonly values: Float32Array,
    private readonly all: Moments,
    private readonly tensor: Tensor,
    private readonly labels: Int32Array,
    private readonly numClasses: number,
    private readonly context: ComputeContext,
  ) {}

  /** @param features [N, numFeatures], row by row */
  static async of(
    features: Float32Array,
    labels: Int32Array,
    numClasses: number,
    context: ComputeContext,
  ): Promise<SoftmaxRegression> {
    const size = features.length / labels.length;
    const all = momentsOf(features, new Float64Array(labels.length).fill(1));
    const values = new Float32Array(features.length);
    for (let at = 0; at < values.length; at += 1) {
      const j = at % size;
      values[at] = ((features[at] as number) - (all.means[j] as number)) / (all.deviations[j] as number);
    }
    const tensor = await context.tensor(values, [labels.length, size]);
    return new SoftmaxRegression(values, all, tensor, labels, numClasses, context);
  }

  /** Fits by L-BFGS. Throws `INTERRUPTED`. */
  async fit(
    { weights, penalty, center }: SoftmaxObjective,
    { signal }: JobOptions = {},
  ): Promise<SoftmaxFit> {
    const { numClasses: classes, all, labels } = this;
    const size = all.means.length;
    // The variables are weights for (x - shift) / scale, and a bias, of each class.
    const { means: shift, deviations: scale } = center ? inverse(all) : momentsOf(this.values, weights);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const start = new Float64Array(classes * (size + 1));
    center?.weight.forEach((weight, at) => (start[at] = weight));
    center?.bias.forEach((bias, y) => (start[classes * size + y] = bias));
    const objective = async (variables: Float64Array): Promise<{ value: number; slope: Float64Array }> => {
      throwIfAborted(signal, 'logistic regression');
      const logits = await this.logits(...this.#layerOfX(variables, shift, scale));
      const residuals = new Float32Array(logits.length);
      const slope = new Float64Array(variables.length);
      let value = 0;
      for (let i = 0; i < labels.length; i += 1) {
        const weight = (weights[i] as number) / total;
        if (weight === 0) continue;
        const y = labels[i] as number;
        const own = logits.subarray(i * classes, (i + 1) * classes);
        const highest = Math.max(...own);
        let sum = 0;
        for (const logit of own) sum += Math.exp(logit - highest);
        value += weight * (Math.log(sum) + highest - (own[y] as number));
        for (let k = 0; k < classes; k += 1) {
          const residual = weight * (Math.exp((own[k] as number) - highest) / sum - Number(k === y));
          residuals[k * labels.length + i] = residual;
          slope[classes * size + k] = (slope[classes * size + k] as number) + residual;
        }
      }
      const products = await this.#products(residuals);
      for (let at = 0; at < classes * size; at += 1) {
        const [k, j] = [Math.floor(at / size), at % size];
        const away = (variables[at] as number) - (center ? (start[at] as number) : 0);
        const ofLoss =
          (products[at] as number) - (slope[classes * size + k] as number) * (shift[j] as number);
        slope[at] = ofLoss / (scale[j] as number) + penalty * away;
        value += (penalty / 2) * away ** 2;
      }
      for (let at = classes * size; center && at < slope.length; at += 1) {
        const away = (variables[at] as number) - (start[at] as number);
        slope[at] = (slope[at] as number) + penalty * away;
        value += (penalty / 2) * away ** 2;
      }
      return { value, slope };
    };
    const [weight, bias] = this.#layerOfX(await minimize(objective, start), shift, scale);
    const raw = weight.map((value, at) => value / (all.deviations[at % size] as number));
    const rawBias = bias.map((value, y) =>
      all.means.reduce((sum, mean, j) => sum - mean * (raw[y * size + j] as number), value),
    );
    return { layer: { weight: raw, bias: rawBias }, logits: await this.logits(weight, bias) };
  }

  [Symbol.dispose](): void {
    this.tensor.dispose();
  }

  /** Returns the layer for standardized features that equals one for (x - shift) / scale. */
  #layerOfX(variables: Float64Array, shift: Float64Array, scale: Float64Array): [Float64Array, Float64Array] {
    const size = shift.length;
    const bias = variables.slice(this.numClasses * size);
    const weight = variables.subarray(0, this.numClasses * size).map((value, at) => {
      const own = value / (scale[at % size] as number);
      const y = Math.floor(at / size);
      bias[y] = (bias[y] as number) - own * (shift[at % size] as number);
      return own;
    });
    return [weight, bias];
  }

  /** [N, numClasses] of a layer for standardized features. */
  private async logits(weight: Float64Array, bias: Float64Array): Promise<Float32Array<ArrayBuffer>> {
    const size = this.all.means.length;
    const columns = new Float32Array(weight.length);
    for (const [at, value] of weight.entries())
      columns[(at % size) * this.numClasses + Math.floor(at / size)] = value;
    using layer = await this.context.tensor(columns, [size, this.numClasses]);
    using made = await native().matmul(this.tensor, layer);
    const logits = (await made.data()) as Float32Array<ArrayBuffer>;
    return logits.map((value, at) => value + (bias[at % this.numClasses] as number));
  }

  /** [numClasses, numFeatures]: the features of all examples, summed with these weights, [numClasses, N]. */
  async #products(residuals: Float32Array): Promise<Float32Array> {
    using rows = await this.context.tensor(residuals, [this.numClasses, this.labels.length]);
    using made = await native().matmul(rows, this.tensor);
    return (await made.data()) as Float32Array;
  }
}

interface Moments {
  readonly means: Float64Array;
  /** 1 for a feature that does not vary. */
  readonly deviations: Float64Array;
}

/** The mean and deviation of each feature over the examples of a weight above 0. */
function momentsOf(features: Float32Array, weights: Float64Array): Moments {
  const size = features.length / weights.length;
  const means = new Float64Array(size);
  const squares = new Float64Array(size);
  let count = 0;
  for (let i = 0; i < weights.length; i += 1) {
    if (weights[i] === 0) continue;
    count += 1;
    for (let j = 0; j < size; j += 1) {
      const value = features[i * size + j] as number;
      const away = value - (means[j] as number);
      means[j] = (means[j] as number) + away / count;
      squares[j] = (squares[j] as number) + away * (value - (means[j] as number));
    }
  }
  return { means, deviations: squares.map((sum) => Math.sqrt(sum / count) || 1) };
}

/** The moments that undo a standardization. */
function inverse({ means, deviations }: Moments): Moments {
  return {
    means: means.map((mean, j) => -mean / (deviations[j] as number)),
    deviations: deviations.map((one) => 1 / one),
  };
}

/** Minimizes a convex function by L-BFGS with backtracking (Nocedal and Wright 2006, algorithm 7.4). */
async function minimize(
  objective: (at: Float64Array) => Promise<{ value: number; slope: Float64Array }>,
  start: Float64Array,
): Promise<Float64Array> {
  let at = start;
  let { value, slope } = await objective(at);
  const memory: { step: Float64Array; change: Float64Array; curvature: number }[] = [];
  for (let i = 0; i < MAX_STEPS && slope.some((one) => Math.abs(one) > TOLERANCE); i += 1) {
    const direction = slope.map((one) => -one);
    const shares = memory.toReversed().map(({ step, change, curvature }) => {
      const share = dot(step, direction) / curvature;
      addScaled(direction, change, -share);
      return share;
    });
    const last = memory.at(-1);
    const length = last ? last.curvature / dot(last.change, last.change) : 1 / Math.max(1, norm(slope));
    for (const [j] of direction.entries()) direction[j] = (direction[j] as number) * length;
    for (const [j, { step, change, curvature }] of memory.entries()) {
      addScaled(direction, step, (shares.at(-1 - j) as number) - dot(change, direction) / curvature);
    }
    const promised = dot(slope, direction);
    const along = async (share: number) => {
      const to = at.map((one, j) => one + share * (direction[j] as number));
      return { to, ...(await objective(to)) };
    };
    let share = 1;
    let next = await along(share);
    while (next.value > value + SUFFICIENT_DECREASE * share * promised && share > SMALLEST_SHARE) {
      share /= 2;
      next = await along(share);
    }
    // Rounding hides any further decrease.
    if (share <= SMALLEST_SHARE) break;
    const step = next.to.map((one, j) => one - (at[j] as number));
    const change = next.slope.map((one, j) => one - (slope[j] as number));
    const curvature = dot(step, change);
    if (curvature > 1e-12) memory.push({ step, change, curvature });
    if (memory.length > MEMORY) memory.shift();
    ({ to: at, value, slope } = next);
  }
  return at;
}

function norm(vector: Float64Array): number {
  return Math.sqrt(dot(vector, vector));
}
