import type { TestedModels } from '../../src/reproduce/studyFile/cells.js';
import { growthTable } from '../../src/reproduce/studyFile/growthTable.js';
import type { RecordRow } from '../../src/reproduce/studyFile/records.js';

const STAGES = ['first', 'third', 'late'];
const of = {
  minorities: [1],
  tests: {
    stage: 'late',
    growth: STAGES,
    k: 3,
    criteria: ['gradient'],
    minorityGroups: { 1: 0 },
    primary: [],
    equivalence: 0.25,
    leastModels: 6,
  },
} as TestedModels;
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
  STAGES.flatMap((stage, at): RecordRow[] =>
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
  const [table] = growthTable(of, models, effects);
  expect(table?.columns.map(({ name }) => name).slice(2)).toEqual([
    ...['first, gap', 'first, logits', 'third, gap', 'third, logits', 'late, gap', 'late, logits'],
    ...['n', 'slope, logits per 10 points'],
  ]);
  const [row] = table?.rows ?? [];
  expect(row?.slice(0, 2)).toEqual(['gradient', 'G1*']);
  // (5 + 20 + 5) / 3 points, and -(0.02 * 5 + 0.04 * 20 + 0.06 * 5) / 3 logits.
  expect(row?.[2]).toMatch(/^10\.0 \[/);
  expect(row?.[3]).toMatch(/^-0\.400 \[/);
  // -0.2 and -0.6; Student's t with one degree of freedom.
  expect(row?.at(-2)).toBe('2');
  const reach = 12.7062 * 0.2;
  expect(row?.at(-1)).toBe(`-0.400 [${(-0.4 - reach).toFixed(3)}, ${(-0.4 + reach).toFixed(3)}]`);
});

test('there is none where the study asks for none, or a stage is not recorded', () => {
  const { growth: _growth, ...tests } = of.tests;
  expect(growthTable({ ...of, tests }, models, effects)).toEqual([]);
  const fewer = effects.filter(({ stage, split }) => stage !== 'third' || split !== 'test');
  expect(growthTable(of, models, fewer)).toEqual([]);
});
