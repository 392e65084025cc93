import type { WeightEdit } from '../native/addon.js';

/** A change of selected neurons (article, "random initialization and random noise"); `PERTURBATIONS` lists all. */
export interface Perturbation {
  /** Its name in options and files. */
  readonly name: string;
  /** For weights z, `zero`: z = 0; `replace`: z = values; `add`: z = z + values; `output`: the neuron always gives a value. */
  readonly edit: WeightEdit['kind'];
  /**
   * The source of the edit's values: a function of standard normal draws, one per weight; the name of known values; null: none.
   * Only with a function does the perturbation take a standard deviation and seeds.
   */
  readonly values: ((draws: Float32Array, sigma: number) => Float32Array) | KnownValues | null;
  readonly words: PerturbationWords;
}

/** The weights that a neuron had in an earlier epoch, or the mean of its output over the training split, one number. */
type KnownValues = 'earlierWeights' | 'meanOutput';

/** The words of charts and tables. */
export interface PerturbationWords {
  /** Heading of its section. */
  readonly heading: string;
  /** After the neurons: `Top-k by gradient, zeroed`. */
  readonly participle: string;
  /** After "after", before "the neurons". */
  readonly gerund: string;
  /** After "The neurons", one sentence. */
  readonly method: string;
  /** After one neuron, and after several. */
  readonly singular: string;
  readonly plural: string;
}
