import type { WeightEdit } from '../native/addon.js';

/** How selected neurons are changed (article, "random initialization and random noise"). `PERTURBATIONS` lists all. */
export interface Perturbation {
  /** Its name in options and files. */
  readonly name: string;
  /** What the engine does to a neuron's weights z: `zero`: z = 0; `replace`: z = values; `add`: z = z + values. */
  readonly edit: WeightEdit['kind'];
  /**
   * The edit's values from standard normal draws, one a weight, for a standard deviation; null: it draws nothing, and takes
   * neither standard deviation nor seeds.
   */
  readonly values: ((draws: Float32Array, sigma: number) => Float32Array) | null;
  readonly words: PerturbationWords;
}

/** How charts and tables speak of a perturbation. */
export interface PerturbationWords {
  /** Heading of its section. */
  readonly heading: string;
  /** What the neurons are: `Top-k by gradient, zeroed`. */
  readonly state: string;
  /** After "after", before "the neurons". */
  readonly deed: string;
  /** What happens to neurons, in one sentence: "The neurons ...". */
  readonly method: string;
  /** What happens to one neuron, and to several. */
  readonly singular: string;
  readonly plural: string;
}

/** eps_i ~ N(0, sigma^2): sigma times the draws, in float32 as PyTorch multiplies. */
export function normal(draws: Float32Array, sigma: number): Float32Array {
  const scale = Math.fround(sigma);
  return draws.map((draw) => draw * scale);
}
