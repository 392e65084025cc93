import { ARTICLE_CRITERIA, CRITERIA, CRITERION_NAMES, criterionNamed } from '../../src/neurons/criteria.js';
import { candidateLayers, selectByCriterion } from '../../src/neurons/criterion.js';
import { perturbationNamed, PERTURBATIONS } from '../../src/neurons/perturbations.js';

const layers = [
  { name: 'layer2.0.conv2', size: 2, isShortcut: false },
  { name: 'layer2.0.downsample.0', size: 2, isShortcut: true },
  { name: 'layer2.1.conv1', size: 1, isShortcut: false },
];
const scores = Float32Array.of(1, 5, 9, 0.5, 3);
const HIGHEST = ['layer2.0.downsample.0[0] 9', 'layer2.0.conv2[1] 5'];
const placesOf = (name: (typeof CRITERION_NAMES)[number], settings: Parameters<typeof candidateLayers>[2]) =>
  selectByCriterion(criterionNamed(name), scores, layers, settings, 2).map(
    ({ layer, index, score }) => `${layer}[${index}] ${score}`,
  );

test('names are distinct, and each finds its object', () => {
  expect(new Set(CRITERION_NAMES).size).toBe(CRITERIA.length);
  for (const criterion of CRITERIA) expect(criterionNamed(criterion.name)).toBe(criterion);
  expect(new Set(PERTURBATIONS.map(({ name }) => name)).size).toBe(PERTURBATIONS.length);
  for (const perturbation of PERTURBATIONS) expect(perturbationNamed(perturbation.name)).toBe(perturbation);
});

test('figures of the article show the article\u2019s criteria', () => {
  expect(ARTICLE_CRITERIA).toEqual(['gradient', 'magnitude']);
});

test('the gradient chooses from all layers, magnitude from those of the setting', () => {
  expect(placesOf('gradient', { magnitudeLayers: 'no-downsample' })).toEqual(HIGHEST);
  expect(placesOf('magnitude', { magnitudeLayers: 'all' })).toEqual(HIGHEST);
  const outside = ['layer2.0.conv2[1] 5', 'layer2.1.conv1[0] 3'];
  expect(placesOf('magnitude', { magnitudeLayers: 'no-downsample' })).toEqual(outside);
});

test('magnitude can choose the smallest, and the gradient does not care', () => {
  const smallest = { magnitudeLayers: 'all', magnitudeOrder: 'smallest' } as const;
  expect(placesOf('magnitude', smallest)).toEqual(['layer2.0.downsample.0[1] 0.5', 'layer2.0.conv2[0] 1']);
  expect(placesOf('gradient', smallest)).toEqual(HIGHEST);
});
