import type { Perturbation } from '../perturbation.js';

/** Rewinding: the weights that a neuron had some epochs earlier (the authors' published code). */
export const rewind = {
  name: 'rewind',
  edit: 'replace',
  values: 'earlierWeights',
  words: {
    heading: 'Rewound neurons',
    participle: 'rewound',
    gerund: 'rewinding',
    method: 'get back the weights that they had in an earlier epoch',
    singular: 'is rewound',
    plural: 'are rewound',
  },
} as const satisfies Perturbation;
