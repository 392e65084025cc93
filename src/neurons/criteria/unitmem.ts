import { SpurmemError } from '../../errors.js';
import { throwIfAborted } from '../../progress.js';
import type { Criterion } from '../criterion.js';

/**
 * UnitMem (Wang et al., "Localizing Memorization in SSL Vision Encoders", 2024), on a group's worst samples and without augmentations:
 * (mu_max - mu_-max) / (mu_max + mu_-max), where mu_max is a neuron's mean output for the image on which that is largest, and mu_-max the mean
 * over the other images. Outputs are those before batch-norm, averaged over positions; negative means count as 0, as behind a ReLU, and a neuron
 * that is 0 for every image scores 0. Throws `NEURONS_INVALID` for fewer than two images, and for single weights, which have no output.
 */
export const unitmem = {
  name: 'unitmem',
  neuronsOnly: true,
  dependsOnGroup: true,
  async scores({ model, loader, samples, signal, unit = 'neuron' }) {
    const { indices } = await samples();
    const problem = unit === 'weight' ? 'single weights have no outputs' : 'it compares two images at least';
    if (unit === 'weight' || indices.length < 2)
      throw new SpurmemError('NEURONS_INVALID', `\`unitmem\` cannot score these neurons: ${problem}.`);
    const largest = new Float64Array(model.numNeurons);
    const sums = new Float64Array(model.numNeurons);
    // One image a batch: sums over a batch are then an image's own.
    for await (const batch of loader.evaluation(indices, 1)) {
      using image = batch;
      throwIfAborted(signal, 'scoring');
      using outputs = await model.network.outputSums(image.images);
      for (const [i, output] of ((await outputs.data()) as Float64Array).entries()) {
        const activation = Math.max(0, output);
        largest[i] = Math.max(largest[i] as number, activation);
        sums[i] = (sums[i] as number) + activation;
      }
    }
    return Float32Array.from(largest, (max, i) => {
      const others = ((sums[i] as number) - max) / (indices.length - 1);
      return max > 0 ? (max - others) / (max + others) : 0;
    });
  },
} as const satisfies Criterion;
