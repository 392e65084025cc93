import { native } from '../../src/native/addon.js';
import { maskNeurons, perturbedVariants } from '../../src/neurons/perturb.js';
import { ownWeights } from '../../src/neurons/perturbation.js';
import { failure } from '../data/support.js';

const layers = [
  { name: 'a', weights: 20 },
  { name: 'b', weights: 3 },
];

const neurons = [
  { layer: 'b', index: 2 },
  { layer: 'a', index: 0 },
];

type Place = (typeof neurons)[number];
const noise = { kind: 'noise', sigma: 0.005, seeds: [4] } as const;

test('a mask has the same key whatever the order, and other keys for other neurons', () => {
  const [one, two] = [10, 9].map((index) => ({ layer: 'b', index })) as [Place, Place];
  const other = { layer: 'a', index: 1 };
  expect(maskNeurons([one, other, two]).key).toBe(maskNeurons([two, one, other, two]).key);
  expect(maskNeurons([one]).key).not.toBe(maskNeurons([two]).key);
  expect(maskNeurons([one], 'weight').key).not.toBe(maskNeurons([one]).key);
  expect(maskNeurons([one, other, two]).edits).toEqual([
    { layer: 'a', unit: 'neuron', kind: 'zero', neurons: Int32Array.of(1) },
    { layer: 'b', unit: 'neuron', kind: 'zero', neurons: Int32Array.of(9, 10) },
  ]);
});

test('draws follow the neurons\u2019 order, and the first k do not depend on the rest', () => {
  const generator = new (native().Generator)(4);
  const draws = [generator.randn(3), generator.randn(20)];
  const scaled = draws.map((drawn) => [...drawn].map((draw) => Math.fround(draw * Math.fround(0.005))));
  const valuesOf = (chosen: typeof neurons) => {
    const [variant] = perturbedVariants(chosen, noise, layers);
    return variant?.edits.map(({ layer, kind, values }) => [layer, kind, [...(values ?? [])]]);
  };
  const [b, a] = scaled.map((values, i) => [['b', 'a'][i], 'add', values]);
  expect(valuesOf(neurons)).toEqual([a, b]);
  expect(valuesOf(neurons.slice(0, 1))).toEqual([b]);
  const [reinit] = perturbedVariants(neurons, { kind: 'reinit', sigma: 1, seeds: [0] }, layers);
  expect(reinit?.edits[0]?.kind).toBe('replace');
});

test('the same neurons in another order, or with another seed, have other draws, and another key', () => {
  const variants = [neurons, neurons.toReversed()].flatMap((ordered) =>
    perturbedVariants(ordered, { ...noise, seeds: [4, 5] }, layers),
  );
  expect(new Set(variants.map(({ edits }) => String(edits[0]?.values))).size).toBe(4);
  expect(new Set(variants.map(({ key }) => key)).size).toBe(4);
});

test('an unknown layer is refused by name, with the nearest ones', async () => {
  const reason = 'The model has no layer of neurons named bb. The nearest are b, a.';
  const perturb = () => perturbedVariants([{ layer: 'bb', index: 0 }], noise, layers);
  await failure(perturb, 'NEURONS_INVALID', reason);
});

test('weights of one\u2019s own are as many finite ones as the neuron has', async () => {
  const [neuron, before] = [{ layer: 'b', index: 2 }, Float32Array.of(1, 2, 3)];
  const by = (given: unknown) => () =>
    ownWeights({ name: 'mine', weights: () => given as Float32Array }, before, neuron);
  expect(by(before)()).toBe(before);
  for (const [given, problem] of [
    [[1, 2, 3], 'no Float32Array'],
    [before.slice(1), '2 instead of 3 weights'],
    [Float32Array.of(1, Number.NaN, 3), 'NaN'],
    [Float32Array.of(1, 2, Infinity), 'Infinity'],
  ] as const)
    await failure(by(given), 'NEURONS_INVALID', `mine gave ${problem} for the neuron b[2].`);
});
