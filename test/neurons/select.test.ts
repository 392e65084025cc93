import { fractionToCount, selectInLayer, selectTopK } from '../../src/neurons/select.js';
import { failure } from '../data/support.js';
import fc from '../property.js';

const layers = [
  { name: 'a', size: 3 },
  { name: 'b', size: 2 },
];

test('refuses a score that is not a number, and names the neuron', async () => {
  const scores = Float32Array.of(1, 5, 2, Number.NaN, 4);
  await failure(() => selectTopK(scores, layers, 2), 'NEURONS_INVALID', /neuron b\[0\] is not a number/);
});

test.each([0, -1, 1.5, 6, Number.NaN])('refuses k = %p and says how many neurons there are', async (k) => {
  const select = () => selectTopK(new Float32Array(5), layers, k);
  await failure(select, 'NEURONS_INVALID', /`k`.*the model has 5/);
});

test('in one layer, chooses there alone; a smaller layer gives all it has', () => {
  const scores = Float32Array.of(1, 5, 2, 4, 9);
  expect(selectInLayer(scores, layers, 'a', 2).map(({ index }) => index)).toEqual([1, 2]);
  expect(selectInLayer(scores, layers, 'b', 3)).toEqual([
    { layer: 'b', index: 1, score: 9 },
    { layer: 'b', index: 0, score: 4 },
  ]);
});

test('an unknown layer is refused, with the nearest ones', async () => {
  const names = ['layer1.0.conv1', 'layer1.0.conv2', 'layer1.1.conv2', 'layer4.2.conv2'];
  const named = names.map((name) => ({ name, size: 1 }));
  await failure(
    () => selectInLayer(new Float32Array(4), named, 'layer1.0.conv3', 1),
    'NEURONS_INVALID',
    'The model has no layer of neurons named layer1.0.conv3. ' +
      'The nearest are layer1.0.conv1, layer1.0.conv2, layer1.1.conv2. ' +
      'The last linear layer holds none; train dfr fits it alone.',
  );
});

test('equals a stable sort, for any scores and k: ties go to the lower index', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 5, maxLength: 5 }), (values) => {
      const scores = Float32Array.from(values);
      const sorted = values.map((value, i) => ({ value, i })).sort((x, y) => y.value - x.value || x.i - y.i);
      for (let k = 1; k <= 5; k += 1) {
        const expected = sorted
          .slice(0, k)
          .map(({ value, i }) => ({ layer: i < 3 ? 'a' : 'b', index: i % 3, score: value }));
        expect(selectTopK(scores, layers, k)).toEqual(expected);
      }
    }),
  );
});

test('0.01 % of ResNet-50 is 3 neurons', () => {
  expect(fractionToCount(0.0001, 26_560)).toBe(3);
});
