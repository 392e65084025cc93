import { SpurmemError } from '../errors.js';
import { native, type Unit, type WeightEdit } from '../native/addon.js';
import { unknownLayer, type Neuron } from './neuron.js';

/** How selected neurons are changed (article, "random initialization and random noise"). */
export const PERTURBATIONS = ['zero', 'reinit', 'noise'] as const;
export type PerturbationKind = (typeof PERTURBATIONS)[number];

/** A model in which some neurons are perturbed; the model itself does not change. */
export interface Variant {
  readonly edits: readonly WeightEdit[];
  /** The same neurons, changed in the same way, give the same key, in whatever order they were chosen. */
  readonly key: string;
}

/** m in f(m * theta, .): a variant that zeroes neurons. It multiplies weights and leaves batch-norm alone. */
export type NeuronMask = Variant;

/** Where a neuron is. */
export type NeuronPlace = Pick<Neuron, 'layer' | 'index'>;

/** A perturbation with its settings. */
export interface Perturbation {
  readonly kind: PerturbationKind;
  /** Standard deviation of `reinit` and `noise`; null for `zero`. */
  readonly sigma: number | null;
  /** Seeds of the draws, one variant each; empty for `zero`, which is one variant. */
  readonly seeds: readonly number[];
}

export const ZERO: Perturbation = { kind: 'zero', sigma: null, seeds: [] };

/**
 * The variants in which these neurons are perturbed.
 *
 * @param layers the model's layers, which say how many weights a neuron has
 * @throws `USAGE` when sigma is not above 0
 */
export function perturbedVariants(
  neurons: readonly NeuronPlace[],
  { kind, sigma, seeds }: Perturbation,
  layers: readonly { readonly name: string; readonly weights: number }[],
  unit: Unit = 'neuron',
): Variant[] {
  if (kind === 'zero' || sigma === null) return [maskNeurons(neurons, unit)];
  return seeds.map((seed) =>
    perturbNeurons(drawForNeurons(neurons, layers, seed, unit), kind, sigma, seed, unit),
  );
}

/** The mask that removes these neurons. */
export function maskNeurons(neurons: readonly NeuronPlace[], unit: Unit = 'neuron'): NeuronMask {
  const edits = byLayer(neurons.map((neuron) => ({ ...neuron, values: new Float32Array() }))).map(
    ({ layer, indices }): WeightEdit => ({ layer, unit, kind: 'zero', neurons: indices }),
  );
  return { edits, key: `zero ${unit} ${placesKey(edits)}` };
}

/** A neuron with the standard normal draws of its perturbation, one a weight. */
export interface DrawnNeuron extends NeuronPlace {
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

/** What an edit does with the drawn values. */
const EDIT_KINDS = { reinit: 'replace', noise: 'add' } as const;

/**
 * Random initialization (z_i = eps_i) or random noise (z_i + eps_i), eps_i ~ N(0, sigma^2): sigma times the draws, in
 * float32 as PyTorch multiplies.
 *
 * @throws `USAGE` when sigma is not above 0
 */
export function perturbNeurons(
  drawn: readonly DrawnNeuron[],
  kind: Exclude<PerturbationKind, 'zero'>,
  sigma: number,
  seed: number,
  unit: Unit = 'neuron',
): Variant {
  requireSigma(sigma);
  const scale = Math.fround(sigma);
  const edits = byLayer(
    drawn.map((neuron) => ({ ...neuron, values: neuron.draws.map((draw) => draw * scale) })),
  ).map(({ layer, indices, values }): WeightEdit => {
    return { layer, unit, kind: EDIT_KINDS[kind], neurons: indices, values };
  });
  return { edits, key: `${kind} ${unit} sigma ${sigma} seed ${seed} ${placesKey(edits)}` };
}

/** Throws `USAGE` when sigma is no standard deviation. */
export function requireSigma(sigma: number): void {
  if (sigma > 0 && Number.isFinite(sigma)) return;
  throw new SpurmemError('USAGE', `--sigma is ${sigma}; a standard deviation is a number above 0.`);
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
