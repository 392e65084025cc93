import type { Criterion } from '../criterion.js';
import { gradientXWeight } from './gradientXWeight.js';

/** Gradient x weight on a group's worst samples minus that on the worst samples of the other groups of its class. */
export const gradientXWeightContrast = {
  name: 'gradient-x-weight-contrast',
  dependsOnGroup: true,
  scores: async (context) => {
    const own = await gradientXWeight.scores(context);
    const others = await gradientXWeight.scores({ ...context, samples: context.others });
    return own.map((score, i) => score - (others[i] as number));
  },
} as const satisfies Criterion;
