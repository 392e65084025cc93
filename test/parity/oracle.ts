import { join } from 'node:path';
import { type Model, takeData } from '../../src/models/model.js';
import { readSafetensors, type TensorData } from '../../src/models/safetensors.js';
import { native } from '../../src/native/addon.js';
import { setThreads } from '../../src/native/engine.js';
import type { Tensor } from '../../src/native/interface.js';
import { selectTopK } from '../../src/neurons/select.js';
import { temporaryFolder } from '../temporary.js';
import { bytesOf, expectWithin, largest, maxDifference, relativeDifference } from './compare.js';
import { reference, THREADS } from './python.js';

/** The tensors that a reference script wrote, by name. */
export type Oracle = ((name: string) => TensorData) & {
  readonly names: readonly string[];
  /** Its stdout. */
  readonly printed: string;
};

const folder = temporaryFolder();
let asked = 0;

/** Runs a script of scripts/reference, which writes tensors to `out`, with these settings. Sets the threads of both sides; default: one. */
export async function askOracle(
  script: string,
  settings: { readonly threads?: number; readonly [name: string]: unknown },
): Promise<Oracle> {
  const out = join(folder, `${(asked += 1)}.safetensors`);
  const { threads = THREADS } = settings;
  await setThreads(threads);
  const printed = reference(script, { ...settings, threads, out });
  const { tensors } = await readSafetensors(out);
  const tensorNamed = (name: string): TensorData => {
    const tensor = tensors[name];
    if (!tensor) throw new Error(`the reference wrote no ${name}`);
    return tensor;
  };
  return Object.assign(tensorNamed, { names: Object.keys(tensors), printed });
}

interface Held {
  readonly model: Model;
  readonly expected: Oracle;
  /** The reference's input. */
  readonly images: () => Promise<Tensor>;
}

/** A held network after a step of its training. */
interface HeldAt extends Held {
  /** Gives the network the state that it had when it was made, or after one pass in training, whose statistics the reference goes on with. */
  readonly rewind: (to: 'start' | 'first pass') => Promise<void>;
}

/**
 * Tests of a network against the reference: weights, logits and gradients in both modes, neurons' scores, and stages. Returns the network, for
 * further tests.
 *
 * @param tolerances relative, of gradients in training and in evaluation, of scores (default: not compared), and of gradient x weight (default: as of
 *   scores)
 */
export function holdNetwork(
  prepare: () => Promise<Held>,
  [inTraining, inEvaluation, ofScores, ofProducts]: readonly [
    inTraining: number,
    inEvaluation: number,
    ofScores?: number,
    ofProducts?: number,
  ],
): () => HeldAt {
  let held: HeldAt;

  beforeAll(async () => {
    const prepared = await prepare();
    const { network } = prepared.model;
    const start = await prepared.model.stateDict();
    using images = await prepared.images();
    (await network.run(images, { statistics: 'shared', grad: true })).logits.dispose();
    const states = { start, 'first pass': await prepared.model.stateDict() };
    const rewind: HeldAt['rewind'] = async (to) => {
      await prepared.model.loadStateDict(states[to]);
      await network.zeroGrad();
    };
    held = { ...prepared, rewind };
  });

  afterAll(() => {
    held.model[Symbol.dispose]();
  });

  test('initial weights equal PyTorch\u2019s, name by name', async () => {
    await held.rewind('start');
    const { [PASSES]: _passes, ...state } = await held.model.stateDict();
    compareInitialWeights(held.model.arch, state, held.expected);
  });

  test('logits, gradients and scores equal PyTorch\u2019s', async () => {
    const { model, expected } = held;
    await held.rewind('start');
    using images = await held.images();
    using labels = await labelsFrom(expected);
    using logits = await comparePasses(model, expected, images, labels, inTraining);
    await compareGradients(model, expected, logits, labels, inEvaluation, ofScores, ofProducts);
  });

  test('stages: running from each stage\u2019s input gives the same logits', async () => {
    using images = await held.images();
    await compareStages(held.model, images);
  });

  return () => held;
}

/** The reference's labels. */
export function labelsFrom(expected: Oracle): Promise<Tensor> {
  const { data, shape } = expected('labels');
  return native().tensor(data, shape, 'cpu');
}

/** A buffer of exported networks that PyTorch does not have: how many passes drew random numbers. */
export const PASSES = 'random.num_batches_tracked';

/** Every parameter and buffer equals the reference's `init.<name>`, and there are no others. */
export function compareInitialWeights(
  arch: string,
  state: Readonly<Record<string, TensorData>>,
  expected: Oracle,
): void {
  const names = expected.names.filter((name) => name.startsWith('init.'));
  expect(Object.keys(state).sort()).toEqual(names.map((name) => name.slice(5)).sort());
  const worst = largest(state, (name) => expected(`init.${name}`), maxDifference);
  expectWithin(`${arch} initial weights, max difference`, worst, 0);
}

/** Checks names, shapes, dtypes and every bit, NaNs included. */
export function expectSameBits(
  tensors: Readonly<Record<string, TensorData>>,
  expected: Readonly<Record<string, TensorData>>,
): void {
  expect(Object.keys(tensors).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    const { shape: wanted, data: values } = expected[name] as TensorData;
    expect([name, shape, data[Symbol.toStringTag]]).toEqual([name, wanted, values[Symbol.toStringTag]]);
    expect([name, bytesOf(data).equals(bytesOf(values))]).toEqual([name, true]);
  }
}

/**
 * Logits and gradients of a batch in both modes, each compared with the reference's. Leaves no gradients, and returns the logits in evaluation with
 * their graph.
 */
export async function comparePasses(
  model: Model,
  expected: Oracle,
  images: Tensor,
  labels: Tensor,
  tolerance: number,
): Promise<Tensor> {
  const { arch, network } = model;
  using trainLogits = (await network.run(images, { statistics: 'shared', grad: true })).logits;
  using loss = await native().crossEntropy(trainLogits, labels, 'mean');
  await loss.backward();
  await compareWithGradients(model, expected, 'training.grad.', tolerance);
  await network.zeroGrad();
  const { logits } = await network.run(images, { grad: true });
  for (const [mode, tensor] of Object.entries({ train: trainLogits, eval: logits })) {
    const difference = maxDifference(await tensor.data(), expected(`logits.${mode}`).data);
    expectWithin(`${arch}, logits in the mode ${mode}, max difference`, difference, 0);
  }
  return logits;
}

/** Gradients of the mean cross-entropy, and, with a tolerance, the neurons' scores and the ten highest of each in their order. */
export async function compareGradients(
  model: Model,
  expected: Oracle,
  logits: Tensor,
  labels: Tensor,
  tolerance: number,
  ofScores?: number,
  ofProducts?: number,
): Promise<void> {
  const { network } = model;
  using loss = await native().crossEntropy(logits, labels, 'mean');
  await loss.backward();
  await compareWithGradients(model, expected, 'grad.', tolerance);
  if (ofScores !== undefined) await compareScores(model, expected, ofScores, ofProducts ?? ofScores);
  await network.zeroGrad();
}

async function compareScores(
  model: Model,
  expected: Oracle,
  ofNorms: number,
  ofProducts: number,
): Promise<void> {
  const { arch, network } = model;
  const compared = async (
    score: 'weight' | 'gradient' | 'gradient-x-weight',
    name: string,
    tolerance: number,
  ): Promise<Float32Array> => {
    using scores = await network.neuronScores(score, 'neuron');
    const ours = (await scores.data()) as Float32Array;
    const theirs = expected(name).data as Float32Array;
    const difference = relativeDifference(ours, theirs);
    expectWithin(`${arch} neurons' ${name}, relative difference`, difference, tolerance);
    const top = (all: Float32Array): string[] =>
      selectTopK(all, model.description.layers, 10).map(({ layer, index }) => `${layer}[${index}]`);
    expect(top(ours)).toEqual(top(theirs));
    return ours;
  };
  await compared('weight', 'norms.weight', ofNorms);
  await compared('gradient', 'norms.gradient', ofNorms);
  const ofNeurons = await compared('gradient-x-weight', 'gradient-x-weight', ofProducts);

  using single = await network.neuronScores('gradient-x-weight', 'weight');
  const ofWeights = (await single.data()) as Float32Array;
  let start = 0;
  const sums = (await productsOfWeights(model)).flatMap((products, layer) => {
    expect(maxDifference(ofWeights.subarray(start, (start += products.length)), products)).toBe(0);
    return sumsOfRows(products, model.description.layers[layer]?.size ?? 0);
  });
  const difference = relativeDifference(ofNeurons, Float32Array.from(sums));
  expectWithin(
    `${arch} neurons' gradient-x-weight, relative difference from the sums of weights`,
    difference,
    1e-6,
  );
}

/** The network's gradients, each compared with the reference's of that prefix. */
export async function compareWithGradients(
  { arch, network, description }: Model,
  expected: Oracle,
  prefix: string,
  tolerance: number,
): Promise<void> {
  const gradients = await takeData(await network.gradients());
  const worst = largest(gradients, (name) => expected(prefix + name));
  expect(Object.keys(gradients)).toHaveLength(description.parameters.length);
  expectWithin(`${arch} ${prefix}*, max relative difference`, worst, tolerance);
}

/** -(g * w) of every weight, by layer, from copies of both. */
async function productsOfWeights({ network, description }: Model): Promise<Float32Array[]> {
  const weights = await takeData(await network.state());
  const gradients = await takeData(await network.gradients());
  return description.layers.map(({ name, weight: parameter }) => {
    const [weight, gradient] = [weights, gradients].map((all) => all[parameter]?.data as Float32Array);
    if (!weight || !gradient) throw new Error(`${name} has no weight or no gradient`);
    return gradient.map((value, i) => -(value * (weight[i] as number)));
  });
}

function sumsOfRows(values: Float32Array, rows: number): number[] {
  const size = values.length / rows;
  return Array.from({ length: rows }, (_, row) =>
    values.subarray(row * size, (row + 1) * size).reduce((sum, value) => sum + value, 0),
  );
}

/** Running from each stage's input gives the logits of the whole, and each stage costs something. */
export async function compareStages(model: Model, images: Tensor): Promise<void> {
  const { logits, inputs } = await model.network.run(images, {
    inputs: [...model.description.stages.keys()],
  });
  const whole = await logits.data();
  for (const [stage, input] of inputs.entries()) {
    using again = (await model.network.run(input, { stage })).logits;
    expect(maxDifference(await again.data(), whole)).toBe(0);
    input.dispose();
  }
  logits.dispose();
  const { logits: again, costs } = await model.network.run(images, { costs: true });
  again.dispose();
  expect(costs).toHaveLength(model.description.stages.length);
  expect(Math.min(...costs)).toBeGreaterThan(0);
}
