import type { Criterion } from '../criterion.js';
import { gradientScores } from '../score.js';

/** The l2 norm of the loss's gradient in a neuron's weights, on the worst samples of a group (article, Eq. 1). */
export const gradient = {
  name: 'gradient',
  inArticle: true,
  dependsOnGroup: true,
  repeats: { article: 10, released: 3 },
  scores: async (context) => {
    const { indices, labels } = await context.samples();
    return gradientScores(context.model, context.loader, indices, { ...context, labels });
  },
} as const satisfies Criterion;
