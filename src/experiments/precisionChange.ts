import type { BatchLoader } from '../data/batches.js';
import { evaluate } from '../metrics/evaluate.js';
import type { Model } from '../models/model.js';
import type { Precision } from '../native/addon.js';
import type { JobOptions } from '../progress.js';

/** A trace that computes otherwise than its run, and what that alone does. */
export interface PrecisionChange {
  readonly precision: Precision;
  readonly ofRun: Precision;
  /** Training examples that the unperturbed model predicts otherwise, and all of them. */
  readonly changed: number;
  readonly total: number;
}

/** Compares what two models of the same weights predict for the training split: as traced, and as the run computed. */
export async function precisionChange(
  traced: { readonly model: Model; readonly precision: Precision },
  ofRun: { readonly model: Model; readonly precision: Precision },
  loader: BatchLoader,
  job: JobOptions & { readonly batchSize: number },
): Promise<PrecisionChange> {
  const indices = loader.dataset.splits.train;
  const predictionsOf = async ({ model, precision }: typeof traced): Promise<Int32Array> =>
    (await evaluate(model, loader, indices, { ...job, task: `predictions in ${precision}` })).predictions;
  const before = await predictionsOf(ofRun);
  const after = await predictionsOf(traced);
  return {
    ...{ precision: traced.precision, ofRun: ofRun.precision },
    changed: after.filter((predicted, i) => predicted !== before[i]).length,
    total: indices.length,
  };
}
