import type { Criterion } from '../criterion.js';
import { gradientScores } from '../score.js';

/** The growth, to first order, of the mean loss on a group's worst samples when a neuron is zeroed; negative where zeroing helps. */
export const gradientXWeight = {
  name: 'gradient-x-weight',
  dependsOnGroup: true,
  scores: async (context) => {
    const { indices, labels } = await context.samples();
    const options = { ...context, labels, timesWeight: true };
    return gradientScores(context.model, context.loader, indices, options);
  },
} as const satisfies Criterion;
