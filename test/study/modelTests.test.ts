import type { CsvRow } from '../../src/kit/rows.js';
import { summarize } from '../../src/kit/summarize.js';
import { growthPoints, growthSlopes } from '../../src/study/modelTests.js';
import type { NeuronTests } from '../../src/study/schema.js';

const STAGES = ['first', 'third', 'late'];
const tests = {
  of: 'late',
  growth: STAGES,
  k: 3,
  criteria: ['gradient'],
  minorityGroups: { 1: 0 },
  primary: [],
  equivalence: 0.25,
  leastModels: 6,
} as NeuronTests;
const SEEDS = [4, 5, 6];
/** Points, by stage; the second model's gap does not grow, but for rounding. */
const gapOf = (seed: number, stage: number): number => (seed === 5 ? 20 : 5 + 10 * stage);
/** What the second model reaches in training: 90, 93 and 97 %, less 20 points in test. */
const FITTED = [0.9, 0.93, 0.97];
/** Logits: a line on the gap, whose slope differs between models, and random neurons that take 1. */
const changeOf = (seed: number, stage: number): number => -1 - 0.02 * (seed - 3) * gapOf(seed, stage);

const models = SEEDS.flatMap((seed) =>
  STAGES.flatMap((stage, at) => {
    const fitted = FITTED[at] ?? 0;
    return [
      { seed, stage, split: 'train', group: 0, accuracy: 1 },
      { seed, stage, split: 'train', group: 1, accuracy: fitted },
      { seed, stage, split: 'test', group: 0, accuracy: 1 },
      { seed, stage, split: 'test', group: 1, accuracy: Number((fitted - gapOf(seed, at) / 100).toFixed(5)) },
    ];
  }),
);
// In another order than that of the models.
const effects = [...SEEDS].reverse().flatMap((seed) =>
  STAGES.flatMap((stage, at): CsvRow[] =>
    (['train', 'test'] as const).map((split) => ({
      seed,
      stage,
      split,
      criterion: 'gradient',
      chosenFor: 1,
      k: 3,
      margin1: split === 'train' ? changeOf(seed, at) : -1.5,
      'same-layers margin': split === 'train' ? -1 : -1.5,
    })),
  ),
);

test('a slope is of each model by itself, of those whose gap changes', () => {
  const points = growthPoints(tests, models, effects);
  const by = ['criterion', 'chosenFor'];
  const [first] = summarize(points, { by: [...by, 'stage'], over: 'seed', measures: ['gap', 'logits'] });
  expect(first).toMatchObject({ criterion: 'gradient', chosenFor: 1, stage: 'first', n: 3 });
  // (5 + 20 + 5) / 3 points, and -(0.02 * 5 + 0.04 * 20 + 0.06 * 5) / 3 logits.
  expect(first?.gap).toBeCloseTo(10, 9);
  expect(first?.logits).toBeCloseTo(-0.4, 9);
  const [slope] = summarize(growthSlopes(points), { by, over: 'seed', measures: ['slope'] });
  // -0.2 and -0.6 per 10 points; Student's t with one degree of freedom.
  expect(slope?.n).toBe(2);
  expect(slope?.slope).toBeCloseTo(-0.4, 9);
  expect(slope?.slopeLow).toBeCloseTo(-0.4 - 12.7062 * 0.2, 4);
});

test('nothing grows if the study names no stages, or a stage is not recorded', () => {
  const { growth: _growth, ...without } = tests;
  expect(growthPoints(without, models, effects)).toEqual([]);
  const fewer = effects.filter(({ stage, split }) => stage !== 'third' || split !== 'test');
  expect(growthPoints(tests, models, fewer)).toEqual([]);
});
