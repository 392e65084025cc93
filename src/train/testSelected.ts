import type { BatchLoader } from '../data/batches.js';
import { type Split, SPLITS } from '../data/split.js';
import { evaluate } from '../metrics/evaluate.js';
import type { GroupAccuracies } from '../metrics/groups.js';
import { weightsFingerprint } from '../models/fingerprint.js';
import type { Model } from '../models/model.js';
import { loadWeights } from '../models/weights.js';
import type { JobOptions } from '../progress.js';
import type { RunConfig } from './runConfig.js';
import type { RunFolder } from './runFolder.js';

/** Evaluates the weights of a run's selected epoch, with their SHA-256, on every split. The test split is read here and nowhere else. */
export async function testSelected(
  model: Model,
  loader: BatchLoader,
  run: RunOfModel & { readonly folder: RunFolder },
  epoch: number,
): Promise<Record<Split, GroupAccuracies> & { readonly checkpoint: string }> {
  const weights = run.folder.weights(epoch);
  await loadWeights(model, weights);
  const accuracies: Partial<Record<Split, GroupAccuracies>> = {};
  for (const split of SPLITS) {
    const options = { ...evaluationOf(run), task: `selected epoch, ${split}` };
    accuracies[split] = (await evaluate(model, loader, loader.dataset.splits[split], options)).accuracies;
  }
  return {
    checkpoint: await weightsFingerprint(weights),
    ...(accuracies as Record<Split, GroupAccuracies>),
  };
}

interface RunOfModel {
  readonly config: RunConfig;
  readonly job: JobOptions;
}

/** The options of a run's evaluations. */
export function evaluationOf({ config: { batchSize, loss }, job }: RunOfModel) {
  return { ...job, batchSize, loss };
}
