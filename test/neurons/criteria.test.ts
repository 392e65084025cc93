import type { Model } from '../../src/models/model.js';
import { ARTICLE_CRITERIA, CRITERIA, CRITERION_NAMES, criterionNamed } from '../../src/neurons/criteria.js';
import { unitmem } from '../../src/neurons/criteria/unitmem.js';
import {
  candidateLayers,
  checkedScores,
  type Criterion,
  ownScores,
  type ScoringContext,
  selectByCriterion,
} from '../../src/neurons/criterion.js';
import { perturbationNamed, PERTURBATIONS } from '../../src/neurons/perturbations.js';
import { node } from '../cli/support.js';
import { failure } from '../data/support.js';
import { newModel } from '../networks.js';

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

test('scores of one\u2019s own are one finite number per neuron, in float32', async () => {
  expect(checkedScores('mine', scores, layers)).toBe(scores);
  for (const [given, problem] of [
    [[1, 2, 3, 4, 5], 'no Float32Array'],
    [scores.slice(0, 3), 'no score for the neuron layer2.0.downsample.0[1]'],
    [Float32Array.of(...scores, 1), '6 scores for 5 neurons'],
    [Float32Array.of(1, 2, 3, 4, Number.NaN), 'NaN for the neuron layer2.1.conv1[0]'],
    [Float32Array.of(1, -Infinity, 3, 4, 5), '-Infinity for the neuron layer2.0.conv2[1]'],
  ] as const)
    await failure(() => checkedScores('mine', given, layers), 'NEURONS_INVALID', `mine gave ${problem}.`);
});

test('a criterion of one\u2019s own names layers of the model and an order that exist', async () => {
  const mine: Criterion = { name: 'mine', dependsOnGroup: false, scores: () => Promise.resolve(scores) };
  const settings = { magnitudeLayers: 'all' } as const;
  const choose = (more: object) => () => selectByCriterion({ ...mine, ...more }, scores, layers, settings, 1);
  expect(choose({ layers: () => layers.slice(2) })()).toMatchObject([{ layer: 'layer2.1.conv1' }]);
  for (const given of [[], undefined, [{ name: 'layer9', size: 3 }], [null], [...layers, ...layers]])
    await failure(
      choose({ layers: () => given }),
      'NEURONS_INVALID',
      'mine gave no list of some of the layers',
    );
  await failure(choose({ order: () => 'sideways' }), 'NEURONS_INVALID', 'mine gave the order sideways');
});

test('a criterion of one\u2019s own that changes the weights is refused', async () => {
  using model = await newModel('resnet20');
  const { network } = model;
  const run = async (given: (network: Model['network']) => Promise<unknown>): Promise<unknown> => {
    const own = { name: 'mine', dependsOnGroup: false, scores: () => given(network).then(() => scores) };
    return ownScores(own, { model } as unknown as ScoringContext);
  };
  expect(await run(() => network.state())).toBe(scores);
  using other = await newModel('resnet20', { seed: 1 });
  const problem = 'mine gave scores, and changed the weights';
  await failure(
    run(() => network.moveToward(other.network, 0.5)),
    'NEURONS_INVALID',
    problem,
  );
});

test('a promise that never settles is an error, and not the silent end of the process', () => {
  const code = `
    import { ownScores } from './dist/neurons/criterion.js';
    const mine = { name: 'mine', scores: () => new Promise(() => {}) };
    await ownScores(mine, { model: { stateDict: () => Promise.resolve({}) } });`;
  const { status, stderr } = node(['--input-type=module', '-e', code]);
  expect(status).toBe(1);
  expect(stderr).toContain('The criterion mine gave a promise that never settles.');
});

test('UnitMem compares the image of the largest mean output with the others, negative outputs being 0', async () => {
  const outputs = [
    [1, -1, 4, 2],
    [3, -2, 0, 2],
    [2, -3, -2, 2],
  ];
  const batchOf = (index: number) => ({ images: index, [Symbol.dispose]: () => undefined });
  const model = {
    numNeurons: 4,
    network: {
      outputSums: (index: number) => ({
        data: () => Promise.resolve(Float64Array.from(outputs[index] ?? [])),
        [Symbol.dispose]: () => undefined,
      }),
    },
  };
  const loader = { evaluation: (indices: Int32Array) => Array.from(indices, batchOf) };
  const scoresOf = (indices: readonly number[], unit = 'neuron') =>
    unitmem.scores({ model, loader, unit, samples: () => ({ indices: Int32Array.from(indices) }) } as never);
  // (3 - 1.5) / (3 + 1.5); never active; (4 - 0) / (4 + 0); alike on all.
  expect(await scoresOf([0, 1, 2])).toEqual(Float32Array.of(1 / 3, 0, 1, 0));
  await failure(scoresOf([0]), 'NEURONS_INVALID', 'two images at least');
  await failure(scoresOf([0, 1], 'weight'), 'NEURONS_INVALID', 'single weights have no outputs');
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
