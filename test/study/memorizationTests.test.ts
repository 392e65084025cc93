import { matched, meanDifference } from '../../src/experiments/matching.js';
import { imageRows } from '../../src/experiments/memorization.js';
import { numberOf, type Row, select } from '../../src/kit/rows.js';
import {
  memorizationByOthers,
  memorizationTestRows,
  proxyRows,
  type RecordedChange,
} from '../../src/study/memorization/tests.js';

const SEEDS = [0, 1, 2, 3, 4, 5];
const IMAGES = 80;
/** Of the majority group 2; the images of group 3 are all memorized. */
const isMemorized = (image: number): boolean => image % 4 === 0;
const isTrained = (seed: number, image: number): boolean => (seed + Math.floor(image / 4)) % 2 === 0;
const groupOf = (image: number): number => (image < 60 ? 2 : 3);

const answers = SEEDS.flatMap((seed) =>
  Array.from({ length: IMAGES }, (_, image): Row => {
    const trained = Number(isTrained(seed, image));
    const right = Number(trained === 1 || (groupOf(image) === 2 && !isMemorized(image)));
    const place = { file: `${image}.png`, class: 'a', attribute: 'b', group: groupOf(image) };
    return { stage: 'ERM', seed, ...place, trained, right, margin: 0 };
  }),
);

/** Zeroing takes half of the margin, 1 logit more from memorized images, 2 more from trained ones, and 0.25 from group 3; random neurons take 5. */
const changes = answers.map((row, i): RecordedChange => {
  const [image, trained] = [i % IMAGES, numberOf(row, 'trained')];
  const group = groupOf(image);
  const margin = 3 + 0.005 * image;
  const change = -0.5 * margin - Number(isMemorized(image)) - 2 * trained - 0.25 * Number(group === 3) - 5;
  const numbers = {
    chosenFor: 3,
    k: 3,
    group,
    trained,
    margin,
    change,
    random: -5,
    lossSum: Number(isMemorized(image)),
  };
  return {
    criterion: 'gradient',
    file: String(row.file),
    seed: numberOf(row, 'seed'),
    stage: 'ERM',
    ...numbers,
  };
});

const tests = {
  of: 'ERM',
  k: 3,
  criteria: ['gradient' as const],
  minorityGroups: { 3: 2 },
  points: 5,
  equivalence: 0.25,
  proxy: { same: 0.9, least: 0.8 },
};

test('a model\u2019s images are judged by the other models', () => {
  const measured = memorizationByOthers(answers);
  for (const seed of SEEDS) {
    const others = imageRows(answers.filter((row) => row.seed !== seed));
    for (const row of others) {
      const expected = numberOf(row, 'rightIn') - numberOf(row, 'rightOut');
      expect(measured(seed, String(row.file))).toBe(expected);
    }
  }
});

test('images are compared with the three nearest within half a logit', () => {
  const image = (margin: number, change: number): RecordedChange =>
    ({ ...changes[0], margin, change, random: 0 }) as RecordedChange;
  const others = [image(0.1, 10), image(-0.2, 20), image(0.5, 30), image(0.6, 1000), image(0.4, 60)];
  expect(matched([image(0, 0)], others)).toEqual([{ change: 0, otherChange: 30 }]);
  expect(matched([image(0, 0)], others.slice(0, 2))).toEqual([]);
  expect(meanDifference([{ change: 1, otherChange: 3 }])).toBe(-2);
  expect(meanDifference([{ change: 1, otherChange: 3 }], 2)).toBeNaN();
});

test('each question finds the effect that was put in', () => {
  const rows = memorizationTestRows(tests, answers, changes);
  const valuesOf = (question: string): number[] => select(rows, { question }).map(({ value }) => value);
  // Group 3 is right where trained and wrong where left out; of group 2 a quarter is.
  for (const value of valuesOf('memorization, minority minus majority')) expect(value).toBeGreaterThan(60);
  // Neighbours' margins differ by hundredths, of which half is lost.
  for (const value of valuesOf('memorized minus not memorized')) {
    expect(Math.abs(value + 1)).toBeLessThan(0.02);
  }
  for (const value of valuesOf('trained minus left out')) expect(Math.abs(value + 2)).toBeLessThan(0.2);
  for (const value of valuesOf('post hoc: memorized minus not memorized, left out'))
    expect(Math.abs(value + 1)).toBeLessThan(0.02);
  for (const value of valuesOf('post hoc: trained minus left out, memorized'))
    expect(Math.abs(value + 2)).toBeLessThan(0.2);
  expect(new Set(rows.map(({ question }) => question)).size).toBe(6);
  expect(rows).toHaveLength(6 * SEEDS.length);
});

test('summed loss ranks memorized images, and a small margin does not', () => {
  const rows = proxyRows(tests, answers, changes);
  const of = (name: string): number[] => select(rows, { name }).map((row) => numberOf(row, 'memorizedAuc'));
  expect(of('loss summed over training')).toEqual(SEEDS.map(() => 1));
  for (const auc of of('small margin')) expect(Math.abs(auc - 0.5)).toBeLessThan(0.2);
});
