import type { CsvRow } from '../../src/kit/rows.js';
import { answers, fits, QUESTION_NAMES, type QuestionName } from '../../src/study/questions.js';

/** Groups 0 and 1 are of one class, of which 1 is the minority. */
const row = (seed: number, differs: CsvRow): CsvRow => ({
  seed,
  stage: 'late',
  split: 'train',
  criterion: 'gradient',
  chosenFor: 1,
  k: 3,
  margin0: -1 * seed,
  margin1: -3 * seed,
  marginInteraction: -2,
  'same-layers margin': -0.5,
  'same-layers marginInteraction': -0.75,
  'whole-model margin': -0.25,
  'whole-model marginInteraction': -0.125,
  ...differs,
});
const chosen = [row(1, {}), row(2, {})];
const others = [1, 2].flatMap((seed) => [
  row(seed, { chosenFor: 0, margin0: -4, margin1: -4.5 }),
  row(seed, { split: 'test', margin0: 1, margin1: 2, 'same-layers margin': 0.25 }),
]);
const of = (question: QuestionName, effects = [...others, ...chosen]): number[] =>
  answers(question, chosen, effects, 0);

test.each<[QuestionName, number[]]>([
  ['interaction', [-2, -2]],
  ['interaction beyond same layers', [-1.25, -1.25]],
  ['interaction beyond whole model', [-1.875, -1.875]],
  ['beyond same layers', [-2.5, -5.5]],
  ['beyond whole model', [-2.75, -5.75]],
  // Within the class -2 and -4, under the majority's neurons -0.5, on test images +1.
  ['within class, minority-chosen minus majority-chosen', [-1.5, -3.5]],
  ['within class, training minus test', [-3, -5]],
  ['beyond same layers, training minus test', [-2.5 - 1.75, -5.5 - 1.75]],
])('%s is a number a model', (question, expected) => {
  expect(of(question)).toEqual(expected);
});

test('Fig. 1 is asked in points of a minority group minus the majority group of its class', () => {
  const accuracies = { train: [0.99, 1], test: [0.95, 0.375] };
  const models = [0, 5].flatMap((seed) =>
    Object.entries(accuracies).flatMap(([split, ofGroups]) =>
      ofGroups.map((accuracy, group) => ({ seed, split, group, accuracy: accuracy - (seed * group) / 100 })),
    ),
  );
  // 62.5 minus 4; of seed 5 both accuracies of the minority group are lower.
  expect(fits(models, 1, 0).map((value) => Number(value.toFixed(9)))).toEqual([58.5, 58.5]);
  expect(fits(models, 0, 1).map((value) => Number(value.toFixed(9)))).toEqual([-58.5, -58.5]);
  expect(fits(models.slice(1), 1, 0)[0]).toBeNaN();
});

test('the first question is the article’s claim beyond random neurons, and one that asks for more than is recorded has no number', () => {
  expect(QUESTION_NAMES[0]).toBe('interaction beyond same layers');
  expect(of('within class, training minus test', chosen)).toEqual([Number.NaN, Number.NaN]);
  const bare = chosen.map((one) => ({ ...one, 'same-layers marginInteraction': null }));
  expect(answers('interaction beyond same layers', bare, bare, 0)).toEqual([Number.NaN, Number.NaN]);
});
