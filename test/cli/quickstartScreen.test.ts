import { quickstartScreen } from '../../src/cli/quickstartScreen.js';
import type { TraceEntry } from '../../src/experiments/results.js';
import { changeParts } from '../../src/report/changes.js';
import { groupLabels } from '../../src/report/groupLabels.js';
import { changeRows } from '../../src/report/rows.js';
import type { QuickstartResult } from '../../src/study/quickstart.js';
import { trace } from '../report/fixtures.js';

const total = [3498, 184, 56, 1057];
const accuracies = (accuracy: readonly number[], worstGroup: number) =>
  ({
    total,
    correct: accuracy.map((share, group) => Math.round(share * (total[group] ?? 0))),
    accuracy,
    worstGroup,
    worstGroupAccuracy: accuracy[worstGroup],
  }) as never as QuickstartResult['erm']['train'];

const [set] = trace.entries;

/** A set of three neurons, with p-values and means of random sets: of the same layers, and of the whole model. */
function entry(group: number, change: readonly number[], random: readonly (readonly [number, number])[]) {
  const own = (change[1] ?? 0) + (change[2] ?? 0) - (change[0] ?? 0) - (change[3] ?? 0);
  const comparisons = Object.fromEntries(
    random.map(([pValue, mean], at) => [
      at === 0 ? 'same-layers' : 'whole-model',
      {
        groups: [],
        difference: {
          accuracy: { change: own, mean, pValue, interval: [mean - 0.01, mean + 0.01], draws: 39 },
        },
      },
    ]),
  );
  const neurons = [46, 54, 63].map((index) => ({ layer: 'layer4.1.conv2', index, score: 1 }));
  return { ...set, k: 3, group, neurons, change, difference: { accuracy: own }, comparisons };
}

const result = (entries: readonly object[], nullDraws = 39): QuickstartResult => ({
  dataset: {
    groupNames: ['pullover, digit 0', 'pullover, digit 1', 'coat, digit 0', 'coat, digit 1'],
    minorityGroups: [1, 2],
    spuriousNames: ['digit 0', 'digit 1'],
    counts: { train: total },
  } as never,
  erm: {
    train: accuracies([1, 0.913, 0.875, 1], 2),
    test: accuracies([0.998, 0.721, 0.179, 0.975], 2),
  } as QuickstartResult['erm'],
  trace: { ...trace, entries: entries as TraceEntry[], nullDraws },
  comparison: {
    kind: 'comparison',
    runs: ['ERM', 'continued training', 'fine-tuning', 'last-layer retraining (DFR)'].map((title, at) => ({
      title,
      test: accuracies([0, 0, 0.1 * at, 0], 2),
    })) as never,
  },
  run: 'runs/quickstart',
  report: 'runs/quickstart/report.html',
  finetuneReport: 'runs/quickstart-finetune/report.html',
});

test('the quickstart ends on one screen of 28 lines and 100 columns', () => {
  const lines = quickstartScreen(
    result([
      entry(1, [0, 0.005, -0.34, -0.016], []),
      entry(
        2,
        [0, 0.038, -0.679, -0.094],
        [
          [0.42, -0.5],
          [0.05, 0],
        ],
      ),
    ]),
    527,
  ).split('\n');
  expect(lines.length).toBeLessThanOrEqual(28);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(100);
  const text = lines.join('\n');
  for (const part of [
    'It follows the digit: test accuracy is 53.6 points lower where it misleads',
    'worst in test',
    '69.6',
    'layer4.1.conv2[46]',
    '-67.9',
    '30.0  last-layer retraining (DFR)',
  ])
    expect(text).toContain(part);
});

test.each<[number, number, number, number, string]>([
  // A p-value and a mean under random neurons of the same layers, sets, tests, and the conclusion.
  [0.025, -0.1, 99, 1, 'matter more to minority groups'],
  // Holm's correction is over the tests of the figure.
  [0.03, -0.1, 99, 2, 'not shown'],
  // Random neurons do more.
  [0.025, -0.9, 99, 1, 'not shown'],
  [0.05, -0.1, 39, 2, 'Too weak to judge: 39 random sets for each of 2 tests leave no p below 0.05'],
  [0.05, -0.1, 39, 2, '--null-draws 79'],
  [0.5, -0.1, 39, 2, 'not shown'],
])('with p %d and a mean of %d by %d random sets in %d tests: %s', (pValue, mean, draws, tests, words) => {
  const random: [number, number][] = [
    [pValue, mean],
    [pValue, -0.1],
  ];
  const entries = [2, 1].slice(0, tests).map((group) => entry(group, [0, 0, -0.6, 0], random));
  const screen = quickstartScreen(result(entries, draws), 60);
  expect(screen).toContain(words);
  expect(screen.includes('--null-draws')).toBe(words.includes('Too weak') || words.includes('--null'));
});

test('the terminal, the claim and the opening chart say one thing of the same numbers', () => {
  const random = [
    [0.05, -0.1],
    [0.3, -0.1],
  ] as const;
  const made = result([2, 1].map((group) => entry(group, [0, 0, -0.6, 0], random)));
  expect(quickstartScreen(made, 60)).toContain('Too weak to judge: 39 random sets for each of 2 tests');
  const { groupNames } = made.dataset;
  // The figure shows margins, too, which these tests lack.
  const comparisons = (given: TraceEntry['comparisons']) =>
    Object.fromEntries(
      Object.entries(given ?? {}).map(([name, { difference }]) => [
        name,
        {
          groups: [],
          difference: {
            accuracy: difference?.accuracy,
            margin: difference?.accuracy,
            loss: difference?.accuracy,
          },
        },
      ]),
    );
  const entries = made.trace.entries.map((one) => ({ ...one, comparisons: comparisons(one.comparisons) }));
  const rows = changeRows([{ ...made.trace, entries: entries }], groupNames);
  const { verdict, opening } = changeParts('fig2', rows, groupLabels(made.dataset));
  expect(verdict[0]).toMatch(/^Too weak to judge whether .*: 39 random draws for each of 2 sets/);
  // A title's lines are a list.
  expect(JSON.stringify(opening).replaceAll('","', ' ')).toContain('too weak to judge');
  expect(JSON.stringify(opening)).not.toContain('†');
});
