import { native } from '../../src/native/addon.js';
import type { Generator } from '../../src/native/interface.js';
import { type NeuronPlace, placeText } from '../../src/neurons/neuron.js';
import { type NullName, nullNamed, permutedNeurons } from '../../src/neurons/nulls.js';

const layers = [
  { name: 'a', size: 30 },
  { name: 'b', size: 20 },
];
/** The neurons of `a` have magnitudes 0 to 29, those of `b` 0 to 19. */
const magnitudes = Float32Array.from([...Array(30).keys(), ...Array(20).keys()]);

/** All neurons that 300 draws of a null have, and those of each draw. */
function drawn(name: NullName, chosen: readonly NeuronPlace[]) {
  const draw = nullNamed(name).drawer(chosen, { layers, magnitudes });
  const generator = new (native().Generator)(0);
  const draws = Array.from({ length: 300 }, () => draw(generator).map(placeText));
  return { draws, all: new Set(draws.flat()) };
}

const places = (layer: string, indices: readonly number[]): string[] =>
  indices.map((index) => placeText({ layer, index }));

test('nearly the same magnitude: the ten nearest of the layer, and never the neuron itself', () => {
  const { all } = drawn('same-magnitude', [{ layer: 'a', index: 12 }]);
  expect([...all].sort()).toEqual(places('a', [7, 8, 9, 10, 11, 13, 14, 15, 16, 17]).sort());
});

test('nearly the same magnitude: no draw has a neuron twice, or a chosen one', () => {
  const chosen = [12, 13].map((index) => ({ layer: 'a', index }));
  const { draws, all } = drawn('same-magnitude', chosen);
  expect(draws.filter((one) => new Set(one).size < 2)).toEqual([]);
  for (const place of chosen.map(placeText)) expect(all).not.toContain(place);
});

test('the same layers: as many of each as chosen, any of them', () => {
  const { draws, all } = drawn('same-layers', [
    { layer: 'b', index: 3 },
    { layer: 'a', index: 0 },
    { layer: 'b', index: 4 },
  ]);
  const inB = draws.map((one) => [...new Set(one)].filter((place) => place.startsWith('b')).length);
  expect(new Set(inB)).toEqual(new Set([2]));
  // Each in the place of its own: what draws numbers neuron after neuron gives them the same ones.
  const order = draws.map((one) => one.map((place) => place.slice(0, 1)).join(''));
  expect(new Set(order)).toEqual(new Set(['bab']));
  expect(all.size).toBe(50);
});

test('a permutation of more neurons than float32 counts chooses those of the highest ranks', () => {
  const size = 2 ** 24 + 4;
  const generator = { randperm: () => Int32Array.from({ length: size }, (_, rank) => rank) };
  const chosen = permutedNeurons(3, [{ name: 'a', size }], generator as unknown as Generator);
  expect(chosen.map(({ index }) => size - index)).toEqual([1, 2, 3]);
});
