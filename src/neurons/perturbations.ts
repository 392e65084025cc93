import type { OwnPerturbation, Perturbation } from './perturbation.js';

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

/** Random initialization: z_i = eps_i, eps_i ~ N(0, sigma^2) (article, Figs 4 and 11). */
const reinit = {
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

/** Random noise: z_i + eps_i, eps_i ~ N(0, sigma^2) (article, Figs 5 and 12). */
const noise = {
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

/** Rewinding: the weights that a neuron had some epochs earlier (the authors' published code). */
const rewind = {
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

/** Mean ablation: the next layers see an average neuron; a zeroed filter leaves batch-norm's shift. */
const mean = {
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

/** All perturbations, in the order in which results show them. */
export const PERTURBATIONS = [zero, reinit, noise, rewind, mean] as const;

/** The name of a perturbation of the package. */
export type PerturbationName = (typeof PERTURBATIONS)[number]['name'];

export const PERTURBATION_NAMES: readonly PerturbationName[] = PERTURBATIONS.map(({ name }) => name);

/** Returns the perturbation of a name; of another than the package's, as a script's. */
export function perturbationNamed(name: string): Perturbation {
  return PERTURBATIONS.find((perturbation) => perturbation.name === name) ?? ofScript(name);
}

function ofScript(name: string): Perturbation {
  return {
    name,
    edit: 'replace',
    values: 'ownWeights',
    words: {
      heading: `Neurons changed by ${name}`,
      participle: `changed by ${name}`,
      gerund: `applying ${name} to`,
      method: `get new weights from ${name}, a perturbation of a script`,
      singular: `is changed by ${name}`,
      plural: `are changed by ${name}`,
    },
  };
}

/** A perturbation of the package by its name, or one's own. */
export type PerturbationOption = PerturbationName | OwnPerturbation;

/** Whether a perturbation takes a standard deviation and seeds. */
export function isDrawn(perturbation: string | OwnPerturbation): boolean {
  return typeof perturbation === 'string' && typeof perturbationNamed(perturbation).values === 'function';
}

/** eps_i ~ N(0, sigma^2): sigma times the draws, in float32 as PyTorch multiplies. */
function normal(draws: Float32Array, sigma: number): Float32Array {
  const scale = Math.fround(sigma);
  return draws.map((draw) => draw * scale);
}
