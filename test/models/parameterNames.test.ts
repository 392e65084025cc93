import { canonicalNames } from '../../src/models/parameterNames.js';

test('of an algorithm of SubpopBench, the featurizer and the classifier are the model', () => {
  const { values, changes } = canonicalNames({
    'featurizer.network.conv1.weight': 1,
    'featurizer.network.bn1.running_mean': 2,
    'classifier.weight': 3,
    'classifier.bias': 4,
    'network.0.network.conv1.weight': 1,
    'network.1.weight': 3,
    q: 5,
  });
  expect(values).toEqual({ 'conv1.weight': 1, 'bn1.running_mean': 2, 'fc.weight': 3, 'fc.bias': 4 });
  expect(changes).toEqual(['with featurizer.network as the model and classifier as fc']);
});

test('a head of several layers is left as it is', () => {
  const values = { 'featurizer.network.conv1.weight': 1, 'classifier.0.weight': 2, 'classifier.2.weight': 3 };
  expect(canonicalNames(values).values).toEqual(values);
});
