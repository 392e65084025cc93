import type { Model } from '../../src/models/model.js';
import type { TensorData } from '../../src/models/safetensors.js';
import { native, type Tensor } from '../../src/native/addon.js';
import { selectTopK } from '../../src/neurons/select.js';
import { maxDifference, relativeDifference, report } from './compare.js';

/** What a reference script wrote, by name. */
export type Oracle = (name: string) => TensorData;

export function oracleOf(tensors: Readonly<Record<string, TensorData>>): Oracle {
  return (name) => {
    const tensor = tensors[name];
    if (!tensor) throw new Error(`the reference wrote no ${name}`);
    return tensor;
  };
}

/** Every parameter and buffer equals the reference's `init.<name>`, and there are no others. */
export function compareInitialWeights(
  arch: string,
  state: Readonly<Record<string, TensorData>>,
  tensors: Readonly<Record<string, TensorData>>,
): void {
  const names = Object.keys(tensors).filter((name) => name.startsWith('init.'));
  expect(Object.keys(state).sort()).toEqual(names.map((name) => name.slice(5)).sort());
  const worst = Math.max(
    ...names.map((name) =>
      maxDifference((state[name.slice(5)] as TensorData).data, (tensors[name] as TensorData).data),
    ),
  );
  report(`${arch} initial weights, max difference`, worst, 0);
  expect(worst).toBe(0);
}

/** Gradients of the mean cross-entropy, the neurons' norms, and the ten highest of each in their order. */
export async function compareGradients(
  model: Model,
  expected: Oracle,
  logits: Tensor,
  labels: Tensor,
  tolerance: number,
  ofNorms = 1e-6,
): Promise<void> {
  const { arch, network } = model;
  using loss = await native().crossEntropy(logits, labels, 'mean');
  await loss.backward();
  await compareWithGradients(model, expected, 'grad.', tolerance);
  for (const [score, name] of [
    ['weight', 'norms.weight'],
    ['gradient', 'norms.gradient'],
    ['gradient-x-weight', 'gradient-x-weight'],
  ] as const) {
    using scores = await network.neuronScores(score, 'neuron');
    const ours = (await scores.data()) as Float32Array;
    const theirs = expected(name).data as Float32Array;
    const difference = relativeDifference(ours, theirs);
    report(`${arch} neurons' ${name}, relative difference`, difference, ofNorms);
    expect(difference).toBeLessThanOrEqual(ofNorms);
    const top = (all: Float32Array): string[] =>
      selectTopK(all, model.description.layers, 10).map(({ layer, index }) => `${layer}[${index}]`);
    expect(top(ours)).toEqual(top(theirs));
  }
  const product = await productsOfWeights(model);
  using single = await network.neuronScores('gradient-x-weight', 'weight');
  expect(maxDifference(await single.data(), product)).toBe(0);
  await network.zeroGrad();
}

/** The network's gradients, each beside the reference's of that prefix. */
export async function compareWithGradients(
  { arch, network, description }: Model,
  expected: Oracle,
  prefix: string,
  tolerance: number,
): Promise<void> {
  const gradients = await network.gradients();
  let worst = 0;
  for (const [name, gradient] of Object.entries(gradients)) {
    worst = Math.max(worst, relativeDifference(await gradient.data(), expected(prefix + name).data));
    gradient.dispose();
  }
  expect(Object.keys(gradients)).toHaveLength(description.parameters.length);
  report(`${arch} ${prefix}*, max relative difference`, worst, tolerance);
  expect(worst).toBeLessThanOrEqual(tolerance);
}

/** -(g * w) of every weight of every layer of neurons, from copies of both. */
async function productsOfWeights({ network, description }: Model): Promise<Float32Array> {
  const [weights, gradients] = [await network.state(), await network.gradients()];
  const products: number[] = [];
  for (const { name } of description.layers) {
    const [weight, gradient] = [weights[`${name}.weight`], gradients[`${name}.weight`]];
    if (!weight || !gradient) throw new Error(`${name} has no weight or no gradient`);
    const gradientData = (await gradient.data()) as Float32Array;
    ((await weight.data()) as Float32Array).forEach((value, i) => {
      products.push(-(value * (gradientData[i] as number)));
    });
  }
  for (const tensor of [...Object.values(weights), ...Object.values(gradients)]) tensor.dispose();
  return Float32Array.from(products);
}

/** Running from each stage's input gives the logits of the whole. */
export async function compareStages(model: Model, images: Tensor): Promise<void> {
  const { logits, inputs } = await model.network.forwardStages(images, [...model.description.stages.keys()]);
  const whole = await logits.data();
  for (const [stage, input] of inputs.entries()) {
    using again = await model.network.forwardFrom(stage, input);
    expect(maxDifference(await again.data(), whole)).toBe(0);
    input.dispose();
  }
  logits.dispose();
}
