import type { TunedRun } from '../../src/experiments/study.js';
import type { StudyArm } from '../../src/reproduce/study/studyArm.js';
import { checkArm } from '../../src/reproduce/study/studyOptions.js';
import { chosenConfiguration, configurationsOf, tuningRuns } from '../../src/reproduce/study/tuning.js';
import { failure } from '../data/support.js';

const grid = { lr: [1e-5, 3e-5, 1e-4, 3e-4] };
const rwg: StudyArm = { name: 'RWG', method: 'rwg', grid };

/** An arm's tuning, a validation accuracy for each configuration. */
const tuned = (arm: StudyArm, values: readonly number[], seed = 100): TunedRun[] =>
  values.map((validation, i) => ({
    arm: arm.name,
    seed,
    configuration: configurationsOf(arm)[i] ?? {},
    validation,
  }));

test('the best configuration of the tuning seeds is chosen, the first of equals', () => {
  const runs = [...tuned(rwg, [0.9, 0.9, 0.9, 0.9], 101), ...tuned(rwg, [0.5, 0.7, 0.7, 0.6])];
  expect(chosenConfiguration(rwg, [rwg], [100], runs)).toEqual({ lr: 3e-5 });
  expect(chosenConfiguration(rwg, [rwg], [100, 101], runs)).toEqual({ lr: 3e-5 });
  expect(chosenConfiguration({ name: 'ERM', grid: { lr: [1e-4] } }, [], [100], [])).toEqual({ lr: 1e-4 });
  expect(() => chosenConfiguration(rwg, [rwg], [100], tuned(rwg, [0.5], 101))).toThrow(/RWG was not tuned/);
});

test('the mean over several benchmarks chooses', () => {
  const folds = [
    [0.9, 0.5, 0.7, 0.1],
    [0.1, 0.6, 0.8, 0.7],
    [0.2, 0.9, 0.6, 0.7],
  ].map((values) => tuned(rwg, values));
  const chosen = (of: readonly (readonly TunedRun[])[]) => chosenConfiguration(rwg, [rwg], [100], ...of);
  expect(folds.map((fold) => chosen([fold]))).toEqual([{ lr: 1e-5 }, { lr: 1e-4 }, { lr: 3e-5 }]);
  // Means of 0.4, 0.667, 0.7 and 0.5.
  expect(chosen(folds)).toEqual({ lr: 1e-4 });
  expect(() => chosen([...folds, []])).toThrow(/RWG was not tuned/);
});

test('arms of one choice share the configuration that is best for all of them', () => {
  const arms = ['no mask', 'random mask', 'gradient mask'].map((name): StudyArm => ({
    name,
    method: 'finetune',
    grid: { lr: [1e-4, 3e-4], lambda: [1, 10] },
    choice: 'contrast',
  }));
  const [first, ...others] = arms as [StudyArm, ...StudyArm[]];
  const runs = [
    ...tuned(first, [0.9, 0.2, 0.3, 0.4]),
    ...others.flatMap((arm) => tuned(arm, [0.1, 0.2, 0.3, 0.6])),
  ];
  for (const arm of arms)
    expect(chosenConfiguration(arm, arms, [100], runs)).toEqual({ lr: 3e-4, lambda: 10 });
});

test('an arm that is tuned as another is not tuned itself, and takes its configuration', async () => {
  const copy: StudyArm = { name: 'copy', method: 'rwg', tunedAs: 'RWG' };
  const arms = [rwg, copy];
  expect(tuningRuns(arms, [100]).map(({ arm }) => arm.name)).toEqual(Array(4).fill('RWG'));
  const runs = tuned(rwg, [0.5, 0.6, 0.8, 0.7]);
  expect(chosenConfiguration(copy, arms, [100], runs)).toEqual({ lr: 1e-4 });
  const refused = async (arm: StudyArm): Promise<string> => {
    const attempt = Promise.resolve().then(() => {
      checkArm(arm, [rwg, arm], true);
    });
    return (await failure(attempt, 'USAGE')).message;
  };
  const reason = /`tunedAs` is .*: it takes another arm with a grid, where the arm copy has none: RWG/;
  expect(await refused({ ...copy, tunedAs: 'RGW' })).toMatch(reason);
  expect(await refused({ ...copy, grid })).toMatch(reason);
  checkArm(copy, arms, true);
});
