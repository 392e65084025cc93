import type { Criterion } from '../criterion.js';
import { gradientXWeightScores } from '../score.js';

/**
 * How much the mean loss on the worst samples of a group grows where a neuron is zeroed, to first order: the product of
 * gradient and weights, with its sign. Neurons whose removal helps the group come last.
 */
export const gradientXWeight = {
  name: 'gradient-x-weight',
  largest: 'largest growth of the loss by gradient x weight',
  dependsOnGroup: true,
  repeats: { article: 10, released: 10 },
  scores: async (context) => {
    const { indices, labels } = await context.samples();
    return gradientXWeightScores(context.model, context.loader, indices, { ...context, labels });
  },
} as const satisfies Criterion;
