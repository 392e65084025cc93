import type { BatchLoader } from '../data/batches.js';
import { evaluateModel } from '../metrics/evaluate.js';
import type { Model } from '../models/model.js';
import type { Precision } from '../native/interface.js';
import type { JobOptions } from '../progress.js';
import type { PrecisionChange } from './results.js';

/** Compares the training split's predictions by the same weights, as traced and as the run computed. */
export async function precisionChange(
  traced: { readonly model: Model; readonly precision: Precision },
  ofRun: typeof traced,
  loader: BatchLoader,
  job: JobOptions & { readonly batchSize: number },
): Promise<PrecisionChange> {
  const indices = loader.dataset.splits.train;
  const predictionsOf = async ({ model, precision }: typeof traced): Promise<Int32Array> =>
    (await evaluateModel(model, loader, indices, { ...job, task: `predictions in ${precision}` }))
      .predictions;
  const before = await predictionsOf(ofRun);
  const after = await predictionsOf(traced);
  return {
    precision: traced.precision,
    ofRun: ofRun.precision,
    changed: after.filter((predicted, i) => predicted !== before[i]).length,
    total: indices.length,
  };
}
