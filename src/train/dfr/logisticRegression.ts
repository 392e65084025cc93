import { addScaled, dot } from './vectors.js';

/** Examples as columns of features. */
export interface Design {
  /** [numFeatures] of [N] each. */
  readonly columns: readonly Float64Array[];
  /** 1 for the examples of the class, 0 for the others, [N]. */
  readonly targets: Float64Array;
}

export type LogisticFit = Awaited<ReturnType<typeof fitLogistic>>;

interface FitOptions {
  /** Largest violation of the optimality conditions, as a share of the penalty's strength 1 / C. */
  readonly tolerance?: number | undefined;
  /** Waited for before each step, which may take this thread seconds. */
  readonly beforeStep?: (() => Promise<void>) | undefined;
}

const TOLERANCE = 1e-7;
/** The violation that a step's quadratic model may leave, as a share of that before the step. */
const MODEL_TOLERANCE = 0.1;
const MAX_STEPS = 200;
const MAX_SWEEPS = 1000;
/** The least share of the decrease that the quadratic model promises. */
const SUFFICIENT_DECREASE = 0.01;

/**
 * Logistic regression with an L1 penalty: the weights w and the intercept b that minimize |w|_1 + C * sum_i log(1 + exp(-s_i *
 * (w . x_i + b))), where C is `inverseStrength`, and s_i is 1 for the class and -1 for the others. scikit-learn's
 * `solver="liblinear"` penalizes the intercept as well. Solved by proximal Newton steps with coordinate descent inside (Yuan,
 * Ho and Lin 2012), which is fast where few features are kept.
 */
export async function fitLogistic(
  design: Design,
  inverseStrength: number,
  { tolerance = TOLERANCE, beforeStep }: FitOptions = {},
) {
  const { columns, targets } = design;
  const penalty = 1 / inverseStrength;
  const weights = new Float64Array(columns.length);
  let intercept = 0;
  const outputs = new Float64Array(targets.length);
  for (let step = 0; step < MAX_STEPS; step += 1) {
    await beforeStep?.();
    const probabilities = outputs.map((output) => 1 / (1 + Math.exp(-output)));
    const residuals = probabilities.map((probability, i) => probability - (targets[i] as number));
    const gradient = Float64Array.from(columns, (column) => dot(column, residuals));
    const interceptGradient = residuals.reduce((sum, value) => sum + value, 0);
    const violations = gradient.map((slope, j) => violation(slope, weights[j] as number, penalty));
    const worst = violations.reduce((most, value) => Math.max(most, value), Math.abs(interceptGradient));
    if (worst <= tolerance * penalty) return { weights, intercept, converged: true };

    const working = [...weights.keys()].filter((j) => weights[j] !== 0 || (violations[j] as number) > 0);
    const direction = newtonDirection(
      working.map((j) => ({
        column: columns[j] as Float64Array,
        weight: weights[j] as number,
        slope: gradient[j] as number,
      })),
      { slope: interceptGradient, curvatures: probabilities.map((p) => Math.max(p * (1 - p), 1e-10)) },
      penalty,
      // No step needs a better answer than the next one starts from.
      MODEL_TOLERANCE * Math.max(worst, tolerance * penalty),
    );
    const changes = working.map((j, at) => [j, direction.changes[at] as number] as const);
    const promised =
      interceptGradient * direction.intercept +
      changes.reduce((sum, [j, change]) => {
        const weight = weights[j] as number;
        return (
          sum + (gradient[j] as number) * change + penalty * (Math.abs(weight + change) - Math.abs(weight))
        );
      }, 0);
    const objective = (share: number): number =>
      lossSum(outputs, direction.outputs, share, targets) +
      penalty *
        changes.reduce((sum, [j, change]) => sum + Math.abs((weights[j] as number) + share * change), 0);
    const before = objective(0);
    let share = 1;
    while (share > 1e-9 && objective(share) > before + SUFFICIENT_DECREASE * share * promised) share /= 2;
    // Rounding hides any further decrease.
    if (share <= 1e-9) break;
    for (const [j, change] of changes) weights[j] = (weights[j] as number) + share * change;
    intercept += share * direction.intercept;
    outputs.set(outputs.map((output, i) => output + share * (direction.outputs[i] as number)));
  }
  return { weights, intercept, converged: false };
}

/**
 * Minimizes the quadratic model of the loss plus the penalty over some features and the intercept, to a violation of
 * `accuracy`, by coordinate descent on the model's matrix: the examples are read once a model, not in every sweep.
 */
function newtonDirection(
  coordinates: readonly {
    readonly column: Float64Array;
    readonly weight: number;
    readonly slope: number;
  }[],
  { slope, curvatures }: { readonly slope: number; readonly curvatures: Float64Array },
  penalty: number,
  accuracy: number,
): { readonly changes: Float64Array; readonly intercept: number; readonly outputs: Float64Array } {
  // The intercept is the last coordinate: a feature that is 1 everywhere, without penalty.
  const columns = [...coordinates.map(({ column }) => column), new Float64Array(curvatures.length).fill(1)];
  const matrix = curvatureMatrix(columns, curvatures);
  const slopes = Float64Array.of(...coordinates.map((coordinate) => coordinate.slope), slope);
  const weights = Float64Array.of(...coordinates.map(({ weight }) => weight), 0);
  const changes = new Float64Array(columns.length);
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep += 1) {
    let most = 0;
    for (const [j, row] of matrix.entries()) {
      const second = row[j] as number;
      const current = (weights[j] as number) + (changes[j] as number);
      const target = current - (slopes[j] as number) / second;
      const isIntercept = j === coordinates.length;
      const delta = (isIntercept ? target : softThreshold(target, penalty / second)) - current;
      if (delta === 0) continue;
      changes[j] = (changes[j] as number) + delta;
      addScaled(slopes, row, delta);
      most = Math.max(most, Math.abs(delta) * second);
    }
    if (most <= accuracy) break;
  }
  const outputs = new Float64Array(curvatures.length);
  for (const [j, column] of columns.entries()) {
    if (changes[j] !== 0) addScaled(outputs, column, changes[j] as number);
  }
  return { changes, intercept: changes[coordinates.length] as number, outputs };
}

/** The model's second derivatives, row by row: sum_i curvature_i * x_ij * x_ik. */
function curvatureMatrix(columns: readonly Float64Array[], curvatures: Float64Array): Float64Array[] {
  const rows = columns.map(() => new Float64Array(columns.length));
  for (const [j, column] of columns.entries()) {
    const scaled = column.map((value, i) => value * (curvatures[i] as number));
    const row = rows[j] as Float64Array;
    for (let k = 0; k <= j; k += 1) {
      const second = dot(scaled, columns[k] as Float64Array);
      row[k] = second;
      (rows[k] as Float64Array)[j] = second;
    }
    // Keeps a feature that is 0 everywhere in place.
    row[j] = (row[j] as number) + 1e-12;
  }
  return rows;
}

/** The violation of a weight's optimality condition: |slope + penalty * sign(w)|, or for w = 0 the slope beyond the penalty. */
function violation(slope: number, weight: number, penalty: number): number {
  return weight === 0
    ? Math.max(Math.abs(slope) - penalty, 0)
    : Math.abs(slope + penalty * Math.sign(weight));
}

function softThreshold(value: number, threshold: number): number {
  return Math.sign(value) * Math.max(Math.abs(value) - threshold, 0);
}

/** The loss of outputs moved a share of the way. */
function lossSum(outputs: Float64Array, change: Float64Array, share: number, targets: Float64Array): number {
  return outputs.reduce((sum, output, i) => {
    const moved = output + share * (change[i] as number);
    // log(1 + exp(-s * z)) without overflow.
    const margin = targets[i] === 1 ? moved : -moved;
    return sum + Math.log1p(Math.exp(-Math.abs(margin))) + Math.max(-margin, 0);
  }, 0);
}
