import { groupRows, imageRows } from '../../src/experiments/memorization.js';
import { numberOf, type Row } from '../../src/kit/rows.js';
import { native } from '../../src/native/addon.js';

const answer = (seed: number, file: string, trained: number, right: number, margin: number): Row => ({
  seed,
  file,
  class: 'cow',
  attribute: 'beach',
  group: 1,
  trained,
  right,
  margin,
});

test('an image’s memorization is the difference of two shares, with the standard errors of both', () => {
  const answers = [
    answer(0, 'a.png', 1, 1, 3),
    answer(1, 'a.png', 1, 1, 5),
    answer(2, 'a.png', 0, 1, 1),
    answer(3, 'a.png', 0, 0, -1),
    answer(4, 'a.png', 0, 0, -3),
    answer(5, 'a.png', 0, 0, -5),
    answer(0, 'b.png', 0, 0, -2),
  ];
  const [a, b] = imageRows(answers);
  expect(a).toEqual({
    file: 'a.png',
    class: 'cow',
    attribute: 'beach',
    group: 1,
    in: 2,
    out: 4,
    rightIn: 1,
    rightInSe: 0,
    rightOut: 0.25,
    rightOutSe: Math.sqrt((0.25 * 0.75) / 4),
    memorization: 0.75,
    memorizationSe: Math.sqrt((0.25 * 0.75) / 4),
    marginIn: 4,
    marginInSe: 1,
    marginOut: -2,
    marginOutSe: Math.sqrt(20 / 3 / 4),
  });
  // No model trained on it, and one margin has no spread.
  expect(b).toMatchObject({
    in: 0,
    out: 1,
    rightIn: null,
    memorization: null,
    marginOut: -2,
    marginOutSe: null,
  });
});

test('a group’s mean has models as replicates, each a pair; arms stay apart', () => {
  // By model: right of two images that it trained on, and of two that it left out.
  const models = [
    [2, 0],
    [2, 1],
    [1, 1],
  ];
  const answers = models.flatMap(([trained = 0, leftOut = 0], seed) =>
    [0, 1, 2, 3].map((image) => {
      const isIn = image < 2;
      const right = Number(image % 2 < (isIn ? trained : leftOut));
      return { stage: 'erm', ...answer(seed, `${(image + seed) % 4}.png`, Number(isIn), right, 0) };
    }),
  );
  const [row, ...others] = groupRows([...answers, ...answers.map((one) => ({ ...one, stage: 'long' }))]);
  expect(others.map(({ stage, group, n }) => [stage, group, n])).toEqual([['long', 1, 3]]);
  expect(row).toMatchObject({ stage: 'erm', group: 1, class: 'cow', n: 3, images: 4 });
  expect(row?.memorizationValues).toEqual([1, 0.5, 0]);
  expect(row?.rightInValues).toEqual([1, 1, 0.5]);
  // Student's t with 2 degrees of freedom, standard deviation 0.5.
  expect(numberOf(row, 'memorizationHigh')).toBeCloseTo(0.5 + (4.302653 * 0.5) / Math.sqrt(3), 5);
});

test('95 % of intervals of two standard errors hold the difference of the shares, and of margins the mean', () => {
  const draws = 1500;
  const generator = new (native().Generator)(7);
  for (const [models, pIn, pOut] of [
    [40, 0.8, 0.4],
    [60, 0.9, 0.2],
    [60, 0.5, 0.5],
  ] as const) {
    const normal = generator.randn(draws * 2 * models);
    const rows = imageRows(
      Array.from({ length: draws }, (_, file) =>
        Array.from({ length: 2 * models }, (_one, seed) => {
          const trained = seed % 2;
          const right = Number(generator.uniform(0, 1) < (trained === 1 ? pIn : pOut));
          return answer(
            seed,
            String(file),
            trained,
            right,
            2 * trained + (normal[file * 2 * models + seed] as number),
          );
        }),
      ).flat(),
    );
    const coverage = (name: string, truth: number): number =>
      rows.filter((row) => Math.abs(numberOf(row, name) - truth) <= 1.959964 * numberOf(row, `${name}Se`))
        .length / draws;
    for (const found of [
      coverage('memorization', pIn - pOut),
      coverage('marginIn', 2),
      coverage('marginOut', 0),
    ]) {
      expect(found).toBeGreaterThan(0.93);
      expect(found).toBeLessThan(0.97);
    }
  }
});
