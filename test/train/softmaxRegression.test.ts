import { native } from '../../src/native/addon.js';
import type { ComputeContext } from '../../src/native/context.js';
import { openEngine } from '../../src/native/engine.js';
import { SoftmaxRegression } from '../../src/train/dfr/softmaxRegression.js';

const [COUNT, SIZE] = [60, 5];
const generator = new (native().Generator)(3);
/** Features of different scales. */
const features = generator.randn(COUNT * SIZE).map((value, at) => value * 10 ** (at % SIZE) + (at % SIZE));
let context: ComputeContext;
beforeAll(async () => {
  context = await openEngine({});
});
afterAll(() => {
  context[Symbol.dispose]();
});

/** The slope of the objective in plain loops, for features that are shifted and scaled. */
function slopeOf(
  x: (i: number, j: number) => number,
  labels: Int32Array,
  weights: Float64Array,
  classes: number,
  variables: { weight: (y: number, j: number) => number; bias: readonly number[] },
  penalized: (y: number, j: number) => number,
): number[] {
  const total = weights.reduce((sum, one) => sum + one, 0);
  const residuals = Array.from(labels, (label, i) => {
    const logits = variables.bias.map((bias, y) =>
      Array.from({ length: SIZE }).reduce<number>(
        (sum, _, j) => sum + variables.weight(y, j) * x(i, j),
        bias,
      ),
    );
    const sum = logits.reduce((all, logit) => all + Math.exp(logit), 0);
    return logits.map(
      (logit, y) => ((weights[i] ?? 0) / total) * (Math.exp(logit) / sum - Number(y === label)),
    );
  });
  return Array.from({ length: classes }, (_, y) => [
    residuals.reduce((sum, own) => sum + (own[y] ?? 0), 0),
    ...Array.from({ length: SIZE }, (_, j) =>
      residuals.reduce((sum, own, i) => sum + (own[y] ?? 0) * x(i, j), penalized(y, j)),
    ),
  ]).flat();
}

test.each([2, 4])(
  'of %d classes the slope is zero at the optimum, for the examples in the fit',
  async (classes) => {
    const labels = Int32Array.from({ length: COUNT }, (_, i) => i % classes);
    const weights = Float64Array.from({ length: COUNT }, (_, i) => (i < 40 ? 1 + (i % 3) : 0));
    using regression = await SoftmaxRegression.of(features, labels, classes, context);
    const penalty = 0.05;
    const { layer, logits } = await regression.fit({ weights, penalty });
    const inFit = [...weights.keys()].filter((i) => weights[i] !== 0);
    const at = (i: number, j: number): number => features[i * SIZE + j] ?? 0;
    const deviation = Array.from({ length: SIZE }, (_, j) => {
      const mean = inFit.reduce((sum, i) => sum + at(i, j), 0) / inFit.length;
      return Math.sqrt(inFit.reduce((sum, i) => sum + (at(i, j) - mean) ** 2, 0) / inFit.length);
    });
    const slope = slopeOf(
      (i, j) => at(i, j) / (deviation[j] ?? 1),
      labels,
      weights,
      classes,
      { weight: (y, j) => (layer.weight[y * SIZE + j] ?? 0) * (deviation[j] ?? 1), bias: [...layer.bias] },
      (y, j) => penalty * (layer.weight[y * SIZE + j] ?? 0) * (deviation[j] ?? 1),
    );
    expect(Math.max(...slope.map(Math.abs))).toBeLessThan(3e-4);
    // The logits are those of the layer, also of examples that are not in the fit.
    for (const i of [0, 55]) {
      const own = [...layer.bias].map((bias, y) =>
        Array.from({ length: SIZE }).reduce<number>(
          (sum, _, j) => sum + (layer.weight[y * SIZE + j] ?? 0) * at(i, j),
          bias,
        ),
      );
      for (const [y, logit] of own.entries()) expect(logits[i * classes + y]).toBeCloseTo(logit, 3);
    }
  },
);

test('with a strong penalty the layer stays at its center', async () => {
  const labels = Int32Array.from({ length: COUNT }, (_, i) => i % 2);
  using regression = await SoftmaxRegression.of(features, labels, 2, context);
  const center = { weight: new Float64Array(2 * SIZE).fill(0.001), bias: new Float64Array(2) };
  const weights = new Float64Array(COUNT).fill(1);
  const { layer } = await regression.fit({ weights, penalty: 1e6, center });
  for (const value of layer.weight) expect(value).toBeCloseTo(0.001, 3);
});
