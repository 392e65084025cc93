import type { BatchLoader } from '../data/batches.js';
import { SpurmemError } from '../errors.js';
import type { Model } from '../models/model.js';
import type { TensorData } from '../models/safetensors.js';
import { native } from '../native/addon.js';
import type { Unit, WeightEdit } from '../native/interface.js';
import { type JobOptions, throwIfAborted } from '../progress.js';
import { type NeuronPlace, placeText, unknownLayer } from './neuron.js';
import { type OwnPerturbation, ownWeights, type Perturbation } from './perturbation.js';
import { perturbationNamed, zero } from './perturbations.js';
import { startOf } from './select.js';

const NO_VALUES = new Float32Array();

/** A model in which some neurons are perturbed; the model itself does not change. */
export interface Variant {
  readonly edits: readonly WeightEdit[];
  /** Equal for the same change of the same neurons, in any order. */
  readonly key: string;
}

/** m in f(m * theta, .): a variant that zeroes neurons. It multiplies weights and leaves batch-norm alone. */
export type NeuronMask = Variant;

/** Known values of neurons. */
export interface NeuronValues {
  /** Identifies them: `weights of epoch 35`. */
  readonly name: string;
  /** A neuron's values: one per weight, or its output. */
  readonly of: (neuron: NeuronPlace) => Float32Array;
}

/** A perturbation with its settings. */
export interface PerturbationChoice {
  /** Its name. */
  readonly kind: string;
  /** Standard deviation; null if nothing is drawn. */
  readonly sigma: number | null;
  /** Seeds of the draws, one variant each; if nothing is drawn it is empty, and there is one variant. */
  readonly seeds: readonly number[];
  /** For perturbations that take known values. */
  readonly known?: NeuronValues | undefined;
}

export const ZERO: PerturbationChoice = { kind: 'zero', sigma: null, seeds: [] };

/** A model's layers, with the weights of each neuron. */
type Layers = readonly { readonly name: string; readonly weights: number }[];

/** Returns the variants in which these neurons are perturbed: one per seed if numbers are drawn, else one. */
export function perturbedVariants(
  neurons: readonly NeuronPlace[],
  { kind, sigma, seeds, known }: PerturbationChoice,
  layers: Layers,
  unit: Unit = 'neuron',
): Variant[] {
  const perturbation = perturbationNamed(kind);
  const { values } = perturbation;
  if (typeof values !== 'function') {
    if (values !== null && !known) throw new RangeError(`${kind} needs values of the neurons`);
    const valued = neurons.map((neuron) => ({ ...neuron, values: known?.of(neuron) ?? NO_VALUES }));
    return [variantOf(perturbation, valued, unit, known?.name)];
  }
  // Draws go by the order of the neurons.
  const order = neurons.map(placeText).join(' ');
  return seeds.map((seed) => {
    // As `torch.randn` draws them neuron after neuron: the first k get the same numbers whatever follows them.
    const generator = new (native().Generator)(seed);
    const valued = neurons.map((neuron) => {
      const draws = generator.randn(weightsPerUnit(neuron.layer, layers, unit));
      return { ...neuron, values: values(draws, sigma as number) };
    });
    return variantOf(perturbation, valued, unit, `sigma ${sigma ?? 0} seed ${seed} of ${order}`);
  });
}

/** The mask that removes these neurons. */
export function maskNeurons(neurons: readonly NeuronPlace[], unit: Unit = 'neuron'): NeuronMask {
  const valued = neurons.map((neuron) => ({ ...neuron, values: NO_VALUES }));
  return variantOf(zero, valued, unit, undefined);
}

/** Throws `NEURONS_INVALID` when the model has no such layer. */
function weightsPerUnit(layer: string, layers: Layers, unit: Unit): number {
  const found = layers.find(({ name }) => name === layer);
  if (!found) throw unknownLayer(layer, layers);
  return unit === 'neuron' ? found.weights : 1;
}

/** A neuron with the values of its edit. */
interface ValuedNeuron extends NeuronPlace {
  readonly values: Float32Array;
}

/** @param origin identifies the values; undefined if the edit has none */
function variantOf(
  { name, edit }: Perturbation,
  neurons: readonly ValuedNeuron[],
  unit: Unit,
  origin: string | undefined,
): Variant {
  const edits = byLayer(neurons).map(({ layer, indices, values }): WeightEdit => ({
    layer,
    unit,
    kind: edit,
    neurons: indices,
    ...(origin === undefined ? {} : { values }),
  }));
  const places = edits.map(({ layer, neurons: indices }) => `${layer}[${indices.join(',')}]`);
  return { edits, key: [name, unit, ...(origin === undefined ? [] : [origin]), ...places].join(' ') };
}

/** Groups neurons by layer, layers by name and neurons by index, without repeats. */
function byLayer(
  neurons: readonly ValuedNeuron[],
): { layer: string; indices: Int32Array; values: Float32Array }[] {
  const layers = new Map<string, Map<number, Float32Array>>();
  for (const { layer, index, values } of neurons) {
    layers.set(layer, (layers.get(layer) ?? new Map<number, Float32Array>()).set(index, values));
  }
  return [...layers]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([layer, channels]) => {
      const sorted = [...channels].sort(([a], [b]) => a - b);
      const size = sorted[0]?.[1].length ?? 0;
      const values = new Float32Array(sorted.length * size);
      for (const [i, [, row]] of sorted.entries()) values.set(row, i * size);
      return { layer, indices: Int32Array.from(sorted, ([index]) => index), values };
    });
}

/** The weights of a model's neurons in another checkpoint. Throws `WEIGHTS_INVALID` when it cannot be read or lacks them. */
export async function weightsIn(
  path: string,
  name: string,
  { description: { layers } }: Model,
  unit: Unit,
): Promise<NeuronValues> {
  const { readSafetensors } = await import('../models/safetensors.js');
  const { tensors } = await readSafetensors(path);
  const unfit = layers.find(({ weight, size, weights }) => tensors[weight]?.data.length !== size * weights);
  if (!unfit) return { name, of: (neuron) => weightsOf(neuron, tensors, layers, unit) };
  throw new SpurmemError(
    'WEIGHTS_INVALID',
    `${path} has no weights of ${unfit.name} that fit the model. Restore the checkpoint that the run wrote.`,
  );
}

/** Returns what a perturbation of one's own makes of the weights of a model's neurons. */
export async function weightsBy(own: OwnPerturbation, model: Model, unit: Unit): Promise<NeuronValues> {
  const { layers } = model.description;
  const tensors = await model.stateDict();
  return {
    name: own.name,
    of: (neuron) => ownWeights(own, weightsOf(neuron, tensors, layers, unit), neuron),
  };
}

/** Returns a copy of a neuron's weights among tensors by parameter. */
function weightsOf(
  { layer, index }: NeuronPlace,
  tensors: Readonly<Record<string, TensorData>>,
  layers: Model['description']['layers'],
  unit: Unit,
): Float32Array {
  const each = weightsPerUnit(layer, layers, unit);
  const parameter = layers.find(({ name }) => name === layer)?.weight ?? '';
  return (tensors[parameter]?.data as Float32Array).slice(index * each, (index + 1) * each);
}

/**
 * The mean output of each neuron, [M] in layer order, over examples and positions (of vision transformers: tokens), in eval mode,
 * before batch-norm. Summed over examples in float64.
 */
export async function meanOutputs(
  model: Model,
  loader: BatchLoader,
  indices: Int32Array,
  options: JobOptions & { readonly batchSize: number },
): Promise<Float64Array> {
  const task = 'mean outputs';
  const sums = new Float64Array(model.numNeurons);
  const { positions } = model.context.shareOfBatches(indices.length, options.batchSize);
  const own = positions.map((position) => indices[position] as number);
  let done = 0;
  for await (const batch of loader.evaluation(own, options.batchSize)) {
    using current = batch;
    throwIfAborted(options.signal, task);
    using ofBatch = await model.network.outputSums(current.images);
    for (const [i, sum] of ((await ofBatch.data()) as Float64Array).entries()) sums[i] = (sums[i] ?? 0) + sum;
    done += current.indices.length;
    options.onProgress?.({ task, done, total: own.length, unit: 'images' });
  }
  return (await model.context.sum(sums)).map((sum) => sum / indices.length);
}

/** @param outputs one per neuron, [M] in layer order */
export function outputsOf(
  outputs: Float64Array,
  name: string,
  { description: { layers } }: Model,
): NeuronValues {
  return {
    name,
    of: ({ layer, index }) => Float32Array.of(outputs[startOf(layers, layer).start + index] as number),
  };
}
