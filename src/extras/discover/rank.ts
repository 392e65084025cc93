import { inverseSizes } from '../../data/sampling.js';
import { judge } from '../../experiments/outcomes.js';
import { native } from '../../native/addon.js';
import type { ComputeContext } from '../../native/context.js';
import type { JobOptions } from '../../progress.js';
import { l2Penalty, SoftmaxRegression } from '../../train/dfr/softmaxRegression.js';
import type { Observed } from './features.js';

/** Each image's margin by logistic regressions on halves of the images without it, averaged over random halves. */
export async function crossFittedMargins(
  { features, labels, numClasses }: Pick<Observed, 'features' | 'labels'> & { readonly numClasses: number },
  { fold, inverseStrength, seed }: Readonly<Record<'fold' | 'inverseStrength' | 'seed', number>>,
  context: ComputeContext,
  job: JobOptions,
): Promise<Float64Array> {
  using regression = await SoftmaxRegression.of(features, labels, numClasses, context);
  const generator = new (native().Generator)(seed);
  const margins = new Float64Array(labels.length);
  for (let draw = 0; draw < fold; draw += 1) {
    const isSecond = halves(labels, generator.randperm(labels.length));
    for (const half of [false, true]) {
      const rows = Int32Array.from(labels.keys()).filter((i) => isSecond[i] === half);
      const balanced = inverseSizes(rows.map((i) => labels[i] as number));
      const weights = new Float64Array(labels.length);
      for (const [at, i] of rows.entries()) weights[i] = balanced[at] as number;
      const penalty = l2Penalty(inverseStrength, rows.length, numClasses);
      const { logits } = await regression.fit({ weights, penalty }, job);
      for (const [i, margin] of judge(logits, labels).margins.entries()) {
        if (weights[i] === 0) margins[i] = (margins[i] as number) + margin / fold;
      }
      const done = 2 * draw + Number(half) + 1;
      job.onProgress?.({ task: 'logistic regressions', done, total: 2 * fold, unit: 'fits' });
    }
  }
  return margins;
}

/** Whether each image is in the second half: of each class, every other one in random order. */
function halves(labels: Int32Array, order: Int32Array): boolean[] {
  const next: boolean[] = [];
  const isSecond: boolean[] = [];
  for (const i of order) {
    const y = labels[i] as number;
    isSecond[i] = next[y] ?? false;
    next[y] = !isSecond[i];
  }
  return isSecond;
}
