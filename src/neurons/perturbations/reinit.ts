import { normal, type Perturbation } from '../perturbation.js';

/** Random initialization: z_i = eps_i, eps_i ~ N(0, sigma^2) (article, Figs 4 and 11). */
export const reinit = {
  name: 'reinit',
  edit: 'replace',
  values: normal,
  words: {
    heading: 'Randomly initialized neurons',
    participle: 'randomly initialized',
    gerund: 'randomly initializing',
    method:
      'get new weights instead of their own, drawn from a normal distribution with mean 0 and standard deviation σ',
    singular: 'is randomly initialized',
    plural: 'are randomly initialized',
  },
} as const satisfies Perturbation;
