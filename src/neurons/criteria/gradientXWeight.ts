import type { Criterion } from '../criterion.js';
import { gradientXWeightScores } from '../score.js';

/** The growth, to first order, of the mean loss on a group's worst samples where a neuron is zeroed; negative where that helps. */
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
