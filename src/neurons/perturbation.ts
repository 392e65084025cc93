import { SpurmemError } from '../errors.js';
import type { WeightEdit } from '../native/interface.js';
import { type NeuronPlace, placeText } from './neuron.js';

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

/** A neuron's weights in an earlier epoch; the mean of its output over the training split, one number; the weights that a script makes. */
type KnownValues = 'earlierWeights' | 'meanOutput' | 'ownWeights';

/** The names that perturbations may have, as parts of file names between hyphens. */
export const PERTURBATION_NAME = /^(?!(?:train|val|test)$)[a-z][a-z\d]{0,39}$/;

/** A perturbation of one's own: new weights for each chosen neuron. */
export interface OwnPerturbation {
  readonly name: string;
  /** Returns as many weights as it is given, the neuron's. */
  readonly weights: (weights: Float32Array, neuron: NeuronPlace) => Float32Array;
}

/** Returns a neuron's new weights. Throws `NEURONS_INVALID` unless they are a Float32Array of as many finite ones. */
export function ownWeights(
  { name, weights }: OwnPerturbation,
  before: Float32Array,
  neuron: NeuronPlace,
): Float32Array {
  const count = before.length;
  const given: unknown = weights(before, neuron);
  const refused = (problem: string): SpurmemError =>
    new SpurmemError(
      'NEURONS_INVALID',
      `The perturbation ${name} gave ${problem} for the neuron ${placeText(neuron)}.`,
      { parameter: 'perturbation' },
    );
  if (Object.prototype.toString.call(given) !== '[object Float32Array]') throw refused('no Float32Array');
  const values = given as Float32Array;
  if (values.length !== count) throw refused(`${values.length} instead of ${count} weights`);
  const odd = values.find((value) => !Number.isFinite(value));
  if (odd !== undefined) throw refused(`${odd}`);
  return values;
}

/** The words of charts and tables. */
interface PerturbationWords {
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
