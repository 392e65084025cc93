import type { Perturbation } from '../perturbation.js';

/** m in f(m * theta, .): z_i = 0 (article, Fig. 2). */
export const zero = {
  name: 'zero',
  edit: 'zero',
  values: null,
  words: {
    heading: 'Zeroed neurons',
    participle: 'zeroed',
    gerund: 'zeroing',
    method: 'are set to zero',
    singular: 'is zeroed',
    plural: 'are zeroed',
  },
} as const satisfies Perturbation;
