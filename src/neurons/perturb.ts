import { native, type Unit, type WeightEdit } from '../native/addon.js';
import { requireValue } from '../settings/setting.js';
import { positive } from '../settings/values.js';
import { type NeuronPlace, unknownLayer } from './neuron.js';
import type { Perturbation } from './perturbation.js';
import { type PerturbationName, perturbationNamed } from './perturbations.js';
import { zero } from './perturbations/zero.js';

const SIGMA = positive();

/** A model in which some neurons are perturbed; the model itself does not change. */
export interface Variant {
  readonly edits: readonly WeightEdit[];
  /** The same neurons, changed in the same way, give the same key, in whatever order they were chosen. */
  readonly key: string;
}

/** m in f(m * theta, .): a variant that zeroes neurons. It multiplies weights and leaves batch-norm alone. */
export type NeuronMask = Variant;

/** Values that are known of every neuron. */
export interface NeuronValues {
  /** Their name, which tells them from others: `weights of epoch 35`. */
  readonly name: string;
  /** Those of a neuron: one a weight, or its output. */
  readonly of: (neuron: NeuronPlace) => Float32Array;
}

/** A perturbation with its settings. */
export interface PerturbationChoice {
  readonly kind: PerturbationName;
  /** Standard deviation; null where nothing is drawn. */
  readonly sigma: number | null;
  /** Seeds of the draws, one variant each; empty where nothing is drawn, which is one variant. */
  readonly seeds: readonly number[];
  /** Known values of the neurons, of perturbations that take theirs from there. */
  readonly known?: NeuronValues | undefined;
}

export const ZERO: PerturbationChoice = { kind: 'zero', sigma: null, seeds: [] };

/**
 * The variants in which these neurons are perturbed.
 *
 * @param layers the model's layers, which say how many weights a neuron has
 * @throws `USAGE` when sigma is not above 0
 */
export function perturbedVariants(
  neurons: readonly NeuronPlace[],
  { kind, sigma, seeds, known }: PerturbationChoice,
  layers: readonly { readonly name: string; readonly weights: number }[],
  unit: Unit = 'neuron',
): Variant[] {
  const perturbation = perturbationNamed(kind);
  if (typeof perturbation.values !== 'function') return [undrawnVariant(perturbation, neurons, unit, known)];
  return seeds.map((seed) =>
    drawnVariant(perturbation, drawForNeurons(neurons, layers, seed, unit), sigma ?? Number.NaN, seed, unit),
  );
}

/** The mask that removes these neurons. */
export function maskNeurons(neurons: readonly NeuronPlace[], unit: Unit = 'neuron'): NeuronMask {
  return undrawnVariant(zero, neurons, unit);
}

/** A neuron with the standard normal draws of its perturbation, one a weight. */
interface DrawnNeuron extends NeuronPlace {
  readonly draws: Float32Array;
}

/**
 * Standard normal numbers for every weight of some neurons, in their order, as `torch.randn` draws them neuron after
 * neuron from a seed. The first k neurons get the same numbers whatever follows them.
 *
 * @param layers the model's layers, which say how many weights a neuron has
 */
export function drawForNeurons(
  neurons: readonly NeuronPlace[],
  layers: readonly { readonly name: string; readonly weights: number }[],
  seed: number,
  unit: Unit = 'neuron',
): DrawnNeuron[] {
  const generator = new (native().Generator)(seed);
  return neurons.map(({ layer, index }) => {
    const found = layers.find(({ name }) => name === layer);
    if (!found) throw unknownLayer(layer, layers);
    return { layer, index, draws: generator.randn(unit === 'neuron' ? found.weights : 1) };
  });
}

/** A variant of a perturbation that draws nothing: by itself, or with what is known of the neurons. */
function undrawnVariant(
  { name, edit, values }: Perturbation,
  neurons: readonly NeuronPlace[],
  unit: Unit,
  known?: NeuronValues,
): Variant {
  if (values !== null && !known) throw new RangeError(`${name} needs values of the neurons`);
  const edits = byLayer(
    neurons.map((neuron) => ({ ...neuron, values: known?.of(neuron) ?? new Float32Array() })),
  ).map(({ layer, indices, values: ofLayer }): WeightEdit => ({
    layer,
    unit,
    kind: edit,
    neurons: indices,
    ...(known ? { values: ofLayer } : {}),
  }));
  return { edits, key: [name, unit, ...(known ? [known.name] : []), placesKey(edits)].join(' ') };
}

function drawnVariant(
  { name, edit, values }: Perturbation,
  drawn: readonly DrawnNeuron[],
  sigma: number,
  seed: number,
  unit: Unit,
): Variant {
  requireValue('sigma', sigma, SIGMA);
  if (typeof values !== 'function') throw new RangeError(`${name} draws no values`);
  const edits = byLayer(drawn.map((neuron) => ({ ...neuron, values: values(neuron.draws, sigma) }))).map(
    ({ layer, indices, values: ofLayer }): WeightEdit => ({
      layer,
      unit,
      kind: edit,
      neurons: indices,
      values: ofLayer,
    }),
  );
  return { edits, key: `${name} ${unit} sigma ${sigma} seed ${seed} ${placesKey(edits)}` };
}

/** Groups neurons by layer, layers by name and neurons by index, without repeats. */
function byLayer(
  neurons: readonly (NeuronPlace & { readonly values: Float32Array })[],
): { layer: string; indices: Int32Array; values: Float32Array }[] {
  const layers = new Map<string, Map<number, Float32Array>>();
  for (const { layer, index, values } of neurons) {
    layers.set(layer, (layers.get(layer) ?? new Map<number, Float32Array>()).set(index, values));
  }
  return [...layers.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([layer, channels]) => {
      const sorted = [...channels.entries()].sort(([a], [b]) => a - b);
      const size = sorted[0]?.[1].length ?? 0;
      const values = new Float32Array(sorted.length * size);
      for (const [i, [, row]] of sorted.entries()) values.set(row, i * size);
      return { layer, indices: Int32Array.from(sorted, ([index]) => index), values };
    });
}

function placesKey(edits: readonly WeightEdit[]): string {
  return edits.map(({ layer, neurons }) => `${layer}[${neurons.join(',')}]`).join(' ');
}
