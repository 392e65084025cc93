import type { BatchLoader } from '../data/batches.js';
import { groupCounts } from '../data/dataset.js';
import { SpurmemError } from '../errors.js';
import { countCorrect } from '../metrics/evaluate.js';
import { GroupCounter, type GroupAccuracies } from '../metrics/groups.js';
import type { Model } from '../models/model.js';
import type { Variant } from '../neurons/perturb.js';
import { throwIfAborted, type JobOptions } from '../progress.js';

export interface VariantAccuracies {
  /** The model as it is. */
  readonly baseline: GroupAccuracies;
  /** One entry a variant, in the order given. */
  readonly variants: readonly GroupAccuracies[];
}

/**
 * Group accuracies of a model and of perturbed variants of it, f(m_j * theta, .), the one way to evaluate perturbed
 * models: the data is read once, each batch runs through the whole model once, and a variant is recomputed only from
 * the first stage that it touches. Equal variants are evaluated once. The model's weights do not change.
 *
 * @param indices positions in the dataset's examples, [N]
 * @throws `NEURONS_INVALID` when a variant names a layer that the model does not have
 */
export async function evaluateVariants(
  model: Model,
  loader: BatchLoader,
  indices: Int32Array,
  variants: readonly Variant[],
  options: JobOptions & { readonly batchSize: number; readonly task: string },
): Promise<VariantAccuracies> {
  const { dataset } = loader;
  const distinct = [...new Map(variants.map((variant) => [variant.key, variant])).values()].map(
    (variant) => ({
      ...variant,
      stage: firstStage(model, variant),
      counter: new GroupCounter(dataset.numGroups),
    }),
  );
  const stages = [...new Set(distinct.map(({ stage }) => stage))];
  const baseline = new GroupCounter(dataset.numGroups);
  const total = indices.length * (distinct.length + 1);
  let done = 0;
  for await (const batch of loader.evaluation(indices, options.batchSize)) {
    using current = batch;
    const { logits, inputs } = await model.network.forwardStages(current.images, stages);
    try {
      const report = (): void => {
        done += current.indices.length;
        options.onProgress?.({ task: options.task, done, total, unit: 'images' });
      };
      countCorrect(baseline, dataset, current.indices, await logits.argmax());
      report();
      for (const variant of distinct) {
        throwIfAborted(options.signal, options.task);
        const input = inputs[stages.indexOf(variant.stage)];
        if (!input) throw new RangeError(`Stage ${variant.stage} has no input`);
        using perturbed = await model.network.forwardFrom(variant.stage, input, variant.edits);
        countCorrect(variant.counter, dataset, current.indices, await perturbed.argmax());
        report();
      }
    } finally {
      for (const tensor of [logits, ...inputs]) tensor.dispose();
    }
  }
  const trainCounts = groupCounts(dataset, 'train');
  const byKey = new Map(distinct.map(({ key, counter }) => [key, counter.accuracies(trainCounts)]));
  return {
    baseline: baseline.accuracies(trainCounts),
    variants: variants.map(({ key }) => byKey.get(key) as GroupAccuracies),
  };
}

/** The first stage that a variant changes; a variant that changes nothing starts at the last one. */
function firstStage(model: Model, variant: Variant): number {
  const { layers, stages } = model.description;
  let first = stages.length - 1;
  for (const { layer } of variant.edits) {
    const found = layers.find(({ name }) => name === layer);
    if (!found) {
      throw new SpurmemError(
        'NEURONS_INVALID',
        `${model.arch} has no convolution named ${layer}; it has ${layers.map(({ name }) => name).join(', ')}.`,
      );
    }
    first = Math.min(first, found.stage);
  }
  return first;
}
