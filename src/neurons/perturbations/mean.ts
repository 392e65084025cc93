import type { Perturbation } from '../perturbation.js';

/** Mean ablation: the next layers see an average neuron, where a zeroed filter leaves them batch-norm's shift. */
export const mean = {
  name: 'mean',
  edit: 'output',
  values: 'meanOutput',
  words: {
    heading: 'Mean-ablated neurons',
    participle: 'mean-ablated',
    gerund: 'mean-ablating',
    method: 'always give the mean of their output over the training split (before batch-norm)',
    singular: 'is mean-ablated',
    plural: 'are mean-ablated',
  },
} as const satisfies Perturbation;
