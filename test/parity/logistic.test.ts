import { join } from 'node:path';
import { writeSafetensors } from '../../src/models/safetensors.js';
import { native } from '../../src/native/addon.js';
import { fitLogistic } from '../../src/train/dfr/logisticRegression.js';
import { temporaryFolder } from '../temporary.js';
import { expectWithin, maxDifference } from './compare.js';
import { askOracle } from './oracle.js';

const folder = temporaryFolder();
const STRENGTHS = [1, 0.7, 0.3, 0.1, 0.07, 0.03, 0.01];

test.each([
  ['more examples than features, classes that overlap', 160, 40, 1],
  ['fewer examples than features, classes apart', 80, 200, 20],
  ['all of one class but two', 80, 30, 0],
] as const)('L1 logistic regression is that of proximal gradient: %s', async (name, n, d, apart) => {
  const generator = new (native().Generator)(n + d);
  const noise = generator.randn(n * d);
  const common = generator.randn(n);
  const y = Int32Array.from({ length: n }, (_, i) => (apart === 0 ? Number(i < 2) : i % 2));
  // Correlated features, of which some tell the class.
  const x = noise.map((value, at) => {
    const [row, column] = [Math.floor(at / d), at % d];
    const signal = column < 5 ? (apart * 0.3 * ((y[row] as number) * 2 - 1)) / (column + 1) : 0;
    return value + 0.8 * (common[row] as number) + signal;
  });
  const data = join(folder, `${n}-${d}.safetensors`);
  await writeSafetensors(data, { x: { shape: [n, d], data: x }, y: { shape: [n], data: y } });
  const expected = await askOracle('logistic', { data, c: STRENGTHS });

  const columns = Array.from({ length: d }, (_, j) =>
    Float64Array.from({ length: n }, (_value, i) => x[i * d + j] as number),
  );
  const targets = Float64Array.from(y);
  const kept: number[] = [];
  let worst = 0;
  for (const [i, c] of STRENGTHS.entries()) {
    const { weights, intercept, converged } = await fitLogistic({ columns, targets }, c);
    expect(converged).toBe(true);
    worst = Math.max(
      worst,
      maxDifference(weights, expected(`weights.${i}`).data),
      Math.abs(intercept - Number(expected(`intercept.${i}`).data[0])),
    );
    kept.push(weights.filter((weight) => weight !== 0).length);
  }
  expectWithin(`L1 logistic regression, ${name}, difference`, worst, 1e-6);
  // The penalty leaves features out, the more the stronger it is.
  expect(kept[0]).toBeGreaterThan(0);
  expect(kept[0]).toBeLessThan(d);
  expect(kept.at(-1)).toBeLessThanOrEqual(kept[0] as number);
});
