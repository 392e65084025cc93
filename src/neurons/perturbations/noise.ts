import { normal, type Perturbation } from '../perturbation.js';

/** Random noise: z_i + eps_i, eps_i ~ N(0, sigma^2) (article, Figs 5 and 12). */
export const noise = {
  name: 'noise',
  edit: 'add',
  values: normal,
  words: {
    heading: 'Neurons with random noise',
    participle: 'with random noise',
    gerund: 'adding random noise to',
    method:
      'keep their weights, to which noise from a normal distribution with mean 0 and standard deviation σ is added',
    singular: 'gets random noise',
    plural: 'get random noise',
  },
} as const satisfies Perturbation;
