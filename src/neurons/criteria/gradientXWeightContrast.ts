import type { Criterion } from '../criterion.js';
import { gradientXWeight } from './gradientXWeight.js';

/** Gradient x weight on a group's worst samples minus that on the worst samples of the other groups of its class. */
export const gradientXWeightContrast = {
  name: 'gradient-x-weight-contrast',
  largest: 'largest growth of the loss by gradient x weight beyond that of their class\u2019s other groups',
  dependsOnGroup: true,
  repeats: { article: 10, released: 10 },
  scores: async (context) => {
    const own = await gradientXWeight.scores(context);
    const others = await gradientXWeight.scores({ ...context, samples: context.others });
    return own.map((score, i) => score - (others[i] as number));
  },
} as const satisfies Criterion;
