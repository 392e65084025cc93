import type { BatchLoader } from '../data/batches.js';
import { SPLITS, type Split } from '../data/split.js';
import { evaluate } from '../metrics/evaluate.js';
import type { GroupAccuracies } from '../metrics/groups.js';
import type { Model } from '../models/model.js';
import { loadWeights } from '../models/weights.js';
import type { JobOptions } from '../progress.js';
import type { RunConfig } from './runConfig.js';
import type { RunFolder } from './runFolder.js';

/** Loads the weights that a run gives and evaluates them on every split. The test split is read here and nowhere else. */
export async function testSelected(
  model: Model,
  loader: BatchLoader,
  {
    config,
    folder,
    job,
  }: { readonly config: RunConfig; readonly folder: RunFolder; readonly job: JobOptions },
): Promise<Record<Split, GroupAccuracies>> {
  await loadWeights(model, folder.selected(config.select));
  const accuracies: Partial<Record<Split, GroupAccuracies>> = {};
  for (const split of SPLITS) {
    const options = { ...config, ...job, task: `selected epoch, ${split}` };
    accuracies[split] = (await evaluate(model, loader, loader.dataset.splits[split], options)).accuracies;
  }
  return accuracies as Record<Split, GroupAccuracies>;
}
