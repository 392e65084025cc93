import type { BatchLoader } from '../../data/batches.js';
import type { Model } from '../../models/model.js';
import type { TensorData } from '../../models/safetensors.js';
import { type JobOptions, throwIfAborted } from '../../progress.js';
import type { Run } from '../run.js';
import type { RunConfig } from '../runConfig.js';
import type { LabelledFeatures, LinearLayer } from './fit.js';

/** The penultimate features of images in evaluation mode, [N, numFeatures], and their logits, [N, numClasses], row by row. */
export async function penultimateFeatures(
  model: Model,
  loader: BatchLoader,
  indices: Int32Array,
  { batchSize, signal, onProgress }: JobOptions & { readonly batchSize: number },
): Promise<{ readonly features: Float32Array; readonly logits: Float32Array }> {
  const { numFeatures, numClasses } = model;
  const task = 'penultimate features';
  const features = new Float32Array(indices.length * numFeatures);
  const logits = new Float32Array(indices.length * numClasses);
  let done = 0;
  for await (const batch of loader.evaluation(indices, batchSize)) {
    using current = batch;
    throwIfAborted(signal, task);
    const made = await model.network.run(current.images, { grad: true, features: true });
    using ofBatch = made.features;
    using outputs = made.logits;
    features.set((await ofBatch.data()) as Float32Array, done * numFeatures);
    logits.set((await outputs.data()) as Float32Array, done * numClasses);
    done += current.indices.length;
    onProgress?.({ task, done, total: indices.length, unit: 'images' });
  }
  return { features, logits };
}

/** The penultimate features of the validation split, in evaluation mode. */
export async function validationFeatures(
  run: Run<RunConfig>,
): Promise<LabelledFeatures & { readonly logits: Float32Array }> {
  const { config, loader, model, job } = run;
  const { numFeatures, numClasses } = model;
  const { labels, groups, splits } = loader.dataset;
  const indices = splits.val;
  const { features, logits } = await penultimateFeatures(model, loader, indices, { ...job, ...config });
  return {
    features,
    logits,
    numFeatures,
    numClasses,
    labels: indices.map((index) => labels[index] as number),
    groups: indices.map((index) => groups[index] as number),
  };
}

/** A last layer as the entries of its model’s state. */
export function headState(
  { linearHead: head, numClasses }: Model,
  { weight, bias }: LinearLayer,
): Record<string, TensorData> {
  return {
    [head.weight]: { shape: [numClasses, head.features], data: Float32Array.from(weight) },
    [head.bias]: { shape: [numClasses], data: Float32Array.from(bias) },
  };
}
