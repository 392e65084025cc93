import type { WeightEdit } from '../native/addon.js';

/** How selected neurons are changed (article, "random initialization and random noise"). `PERTURBATIONS` lists all. */
export interface Perturbation {
  /** Its name in options and files. */
  readonly name: string;
  /**
   * The engine's change of a neuron with weights z: `zero`: z = 0; `replace`: z = values; `add`: z = z + values; `output`: it
   * gives a value, whatever it sees.
   */
  readonly edit: WeightEdit['kind'];
  /**
   * Where the edit's values come from: a function makes them from standard normal draws, one a weight, for a standard
   * deviation; a word names what is known of the neuron; null: there are none. Without a function, nothing is drawn, and the
   * perturbation takes neither standard deviation nor seeds.
   */
  readonly values: ((draws: Float32Array, sigma: number) => Float32Array) | KnownValues | null;
  readonly words: PerturbationWords;
}

/** The weights that a neuron had in an earlier epoch, or the mean of its output over the training split, one number. */
type KnownValues = 'earlierWeights' | 'meanOutput';

/** How charts and tables speak of a perturbation. */
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

/** eps_i ~ N(0, sigma^2): sigma times the draws, in float32 as PyTorch multiplies. */
export function normal(draws: Float32Array, sigma: number): Float32Array {
  const scale = Math.fround(sigma);
  return draws.map((draw) => draw * scale);
}
