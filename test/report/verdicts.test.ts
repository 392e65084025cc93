import type { GradCamResult } from '../../src/experiments/gradCamResult.js';
import type { TraceMinimalResult } from '../../src/experiments/minimal.js';
import { overModels } from '../../src/experiments/overModels.js';
import type { NullDistribution, TraceUnstructuredResult } from '../../src/experiments/results.js';
import type { Row } from '../../src/kit/rows.js';
import { groupAccuracies } from '../../src/metrics/groups.js';
import { accuracyEstimate, differenceOf, meanOf } from '../../src/metrics/intervals.js';
import { NULLS } from '../../src/neurons/nulls.js';
import { typedCommand } from '../../src/provenance.js';
import { changeParts, isOwn } from '../../src/report/changes.js';
import { drawsToPass } from '../../src/report/claim.js';
import { accuracyVerdict, beforeAfterVerdict } from '../../src/report/figures/accuracy.js';
import { heatParts, heatRows } from '../../src/report/figures/gradCam.js';
import { fig7 } from '../../src/report/figures/layers.js';
import { minimalVerdict } from '../../src/report/figures/minimal.js';
import { fig3 } from '../../src/report/figures/overlap.js';
import { groupLabels } from '../../src/report/groupLabels.js';
import { modelsSection } from '../../src/report/models.js';
import {
  publishedAccuracyTable,
  publishedChangeTable,
  publishedGainTable,
  publishedOf,
} from '../../src/report/published.js';
import { changeRows, layerRows, rankRows } from '../../src/report/rows.js';
import { comparisonVerdict } from '../../src/report/sections/comparison.js';
import { showData } from '../../src/report/sections/data.js';
import { attributeName, shortcutOf, shortcutVerdict } from '../../src/report/sections/shortcut.js';
import { trainingVerdict } from '../../src/report/sections/training.js';
import { LONG_MAJORITY_RAMP, LONG_MINORITY_RAMP, steps } from '../../src/report/vega/theme.js';
import { CELEBA_COUNTS, WATERBIRDS_COUNTS } from '../data/standardSplits.js';
import { epochs, erm, fullReport, layers18, overlapTrace, trace, VAL } from './fixtures.js';

const { dataset } = fullReport;
const groups = groupLabels(dataset);
/** With ordinary spaces. */
const names = fullReport.dataset.groupNames;
const changesVerdict = (of: TraceUnstructuredResult): string[] => [
  ...changeParts('fig2', changeRows([of], names), groups).verdict,
];
const plainText = (sentences: readonly string[]): string => sentences.join(' ').replaceAll('\u00a0', ' ');
const verdictOverModels = (rows: readonly Row[]): string =>
  plainText(modelsSection({ kind: 'fig2', title: '', seeds: [], rows }, groups).verdict ?? []);

test('differences of accuracies have Newcombe’s interval', () => {
  // Newcombe (1998), Table II, method 10: 56/70 - 48/80.
  const { value, interval } = differenceOf(accuracyEstimate(56, 70), accuracyEstimate(48, 80));
  expect(value).toBeCloseTo(0.2, 12);
  expect(interval[0]).toBeCloseTo(0.0524, 4);
  expect(interval[1]).toBeCloseTo(0.3339, 4);
});

describe('accuracies', () => {
  const split = (correct: readonly number[], total: readonly number[]) =>
    groupAccuracies(correct, total, total);

  test('minority groups lose more', () => {
    expect(plainText(accuracyVerdict(erm, groups, dataset))).toMatch(
      /^From training to test, minority groups lose 54\.7 points of accuracy more than majority groups \(95 % \d+\.\d to \d+\.\d over the examples of this one model\)\. The worst test group is G2\* coat with 0: 17\.86 % \(50\/280, 95 % 13\.8 to 22\.8\)/,
    );
  });

  test('a difference within its interval is none that is shown, and one the other way is told', () => {
    const sizes = [100, 100, 100, 100];
    const same = { ...erm, train: split([95, 95, 95, 95], sizes), test: split([90, 89, 91, 90], sizes) };
    expect(plainText(accuracyVerdict(same, groups, dataset))).toMatch(
      /^It is not shown that minority groups lose more accuracy from training to test than majority groups: 0\.0 points/,
    );
    const other = { ...erm, train: split([95, 95, 95, 95], sizes), test: split([50, 95, 95, 50], sizes) };
    expect(plainText(accuracyVerdict(other, groups, dataset))).toMatch(
      /minority groups lose 45\.0 points of accuracy less than majority groups \(-45\.0 points/,
    );
  });

  test('groups without training examples are not compared', () => {
    const empty = { ...erm, train: split([95, 0, 0, 95], [100, 0, 0, 100]) };
    expect(plainText(accuracyVerdict(empty, groups, dataset))).toMatch(/^The worst test group is G2/);
  });

  test('a network that guesses in minority groups cannot be judged', () => {
    const sizes = [100, 100, 100, 100];
    const guesses = { ...erm, train: split([95, 52, 49, 95], sizes) };
    expect(plainText(accuracyVerdict(guesses, groups, dataset))).toMatch(
      /^Too weak to judge: the network is right in 50\.50 % of the training images of minority groups \(95 % 43\.6 to 57\.4\), where guessing would be right in 50\.00 %/,
    );
    expect(
      plainText(
        accuracyVerdict(guesses, groups, {
          ...dataset,
          targetNames: Array.from({ length: 10 }, (_, y) => String(y)),
        }),
      ),
    ).toMatch(/^From training to test/);
  });

  test('before and after', () => {
    const at = (correct: number) => ({ ...erm, test: split([200, 200, correct, 200], [200, 200, 200, 200]) });
    expect(plainText(beforeAfterVerdict(at(80), at(140), groups, dataset))).toMatch(
      /rises by 30\.0 points, from 40\.00 % \(erm\) to 70\.00 %/,
    );
    expect(plainText(beforeAfterVerdict(at(140), at(80), groups, dataset))).toMatch(/falls by 30\.0 points/);
    expect(plainText(beforeAfterVerdict(at(80), at(84), groups, dataset))).toMatch(
      /is not shown to change, .*: \+2\.0 points, 95 % -7\.\d to 11\.\d/,
    );
  });

  test('a repair says which groups pay for it', () => {
    const sizes = [200, 200, 200, 200];
    const [before, after] = [
      { ...erm, test: split([200, 150, 40, 196], sizes) },
      { ...erm, test: split([140, 152, 140, 190], sizes) },
    ];
    expect(plainText(beforeAfterVerdict(before, after, groups, dataset))).toMatch(
      /^The worst group’s test accuracy rises by .*\. Lower than before: G0 pullover with 0 falls from 100\.00 to 70\.00 %\.$/,
    );
    expect(plainText(beforeAfterVerdict(before, before, groups, dataset))).toMatch(
      /No group is shown to fall\.$/,
    );
    // Groups of the test split without images, and without ticks.
    const [none, unticked] = [
      { ...dataset.counts, test: [0, 60, 60, 60] },
      { ...dataset.counts, test: [60, 0, 60, 0] },
    ];
    expect(plainText(beforeAfterVerdict(before, after, groups, { ...dataset, counts: none }))).toMatch(
      /^No test image is in G0 pullover with 0: what the repair does to it is unknown\. The worst group/,
    );
    const ticks = { ...dataset, ticks: 'ticks.csv', counts: unticked };
    const [sentence = '', ...others] = beforeAfterVerdict(before, before, groups, ticks);
    expect(others).toEqual([]);
    expect(sentence).toMatch(
      /^No ticked image is in test: what the repair does to images like them is unknown\. The worst class’s test accuracy is not shown to change, .*No class is shown to fall\.$/,
    );
    expect(plainText(accuracyVerdict(erm, groups, ticks))).toMatch(/The worst test class is G2/);
    expect(shortcutOf(erm, ticks)).toBeUndefined();
    const [shown] = showData({ ...fullReport, dataset: ticks }, groups)?.verdict ?? [];
    expect(shown).toMatch(/^Groups are ticks of ticks\.csv; an image that is not ticked may show the same/);
    expect(shown).not.toMatch(/% of the training split/);
    const runs = [before, after].map(({ test }, at) => ({ title: ['ERM', 'DFR'][at] ?? '', test }));
    expect(plainText(comparisonVerdict(runs, groups))).toMatch(
      /raised by DFR .*\. Other groups pay: under DFR G0 pullover with 0 falls from 100\.00 to 70\.00 %\./,
    );
  });

  describe('where the attribute agrees with the class and where it does not', () => {
    const data = { ...fullReport.dataset, spuriousNames: ['digit 0', 'digit 1'], attribute: 'digit' };
    const sizes = [500, 500, 500, 500];
    const of = (test: readonly number[]) => ({ ...erm, test: split(test, sizes) });
    const told = (test: readonly number[]): string => plainText(shortcutVerdict(of(test), data, groups));

    test('a network follows it, leans on it, hardly follows it, is better without it, or nothing is shown', () => {
      expect(told([500, 15, 0, 498])).toMatch(
        /^Your network follows the digit: test accuracy is 100\.0 and 99\.6 % where the digit agrees with the class \(G0 pullover with 0; G3 coat with 1\), and 3\.0 and 0\.0 % where it does not \(G1\* pullover with 1; G2\* coat with 0\), within a class 98\.3 points less \(95 % 9\d\.\d to 9\d\.\d\)\.$/,
      );
      expect(told([480, 455, 460, 485])).toMatch(/^Your network leans on the digit: .* 5\.0 points less/);
      expect(told([480, 481, 479, 480])).toMatch(/^Your network hardly follows the digit: /);
      expect(told([400, 490, 490, 400])).toMatch(
        /^Your network does not follow the digit, and is better where/,
      );
      const few = { ...erm, test: split([9, 8, 8, 9], [10, 10, 10, 10]) };
      expect(plainText(shortcutVerdict(few, data, groups))).toMatch(
        /^It is not shown whether your network follows/,
      );
    });

    test('agreement is frequency beyond that of all training images, as on CelebA', () => {
      // Blond men are rare; women are the larger part of both classes.
      const celeba = {
        counts: { ...data.counts, train: [71629, 66874, 22880, 1387] },
        spuriousNames: ['not Male', 'Male'],
      };
      expect(shortcutOf(of([475, 495, 365, 110]), celeba)).toMatchObject({
        agreeing: [1, 2],
        others: [0, 3],
      });
    });

    test('classes without both kinds are left out, validation stands in for test, and nothing is said without an attribute', () => {
      const one = { ...erm, test: split([500, 0, 0, 498], [500, 0, 500, 500]) };
      expect(shortcutOf(one, data)).toMatchObject({ split: 'test', agreeing: [3], others: [2] });
      const none = { ...erm, test: split([500, 0, 0, 498], [500, 0, 0, 500]) };
      expect(shortcutOf(none, data)).toMatchObject({ split: 'val', agreeing: [0, 3], others: [1, 2] });
      expect(shortcutVerdict(erm, { ...data, spuriousNames: ['0'] }, groups)).toEqual([]);
    });

    test('its interval over equal groups of one class is Newcombe’s', () => {
      const one = { ...erm, test: split([56, 0, 48, 0], [70, 0, 80, 0]) };
      const flipped = {
        counts: { ...data.counts, train: [100, 0, 0, 0] },
        spuriousNames: data.spuriousNames,
      };
      expect(shortcutOf(one, flipped)).toBeUndefined();
      const [a, b] = [accuracyEstimate(56, 70), accuracyEstimate(48, 80)];
      expect(meanOf([differenceOf(a, b)])).toEqual(differenceOf(a, b));
      const two = meanOf([a, a]);
      expect(two.value).toBe(a.value);
      expect(two.interval[1] - two.value).toBeCloseTo((a.interval[1] - a.value) / Math.SQRT2, 12);
    });

    test('the attribute has the name of its values, of its column, or none', () => {
      expect(attributeName(['digit 0', 'digit 1'], {})).toBe('digit');
      expect(attributeName(['land', 'water'], { format: 'waterbirds' })).toBe('place');
      expect(attributeName(['not Male', 'Male'], { format: 'celeba', spurious: 'Male' })).toBe('Male');
      expect(attributeName(['grass', 'sand'], { columns: { filename: 'f', y: 'y', a: 'background' } })).toBe(
        'background',
      );
      expect(attributeName(['0', '1'], { columns: { filename: 'f', y: 'y', a: 'a' } })).toBe('attribute');
    });
  });

  test('runs side by side', () => {
    const run = (title: string, correct: number) => ({ title, test: split([200, correct], [200, 200]) });
    const verdict = plainText(
      comparisonVerdict([run('ERM', 100), run('better', 160), run('worse', 40), run('alike', 104)], groups),
    );
    expect(verdict).toMatch(
      /^Compared with ERM, the accuracy of the worst test group is raised by better \(\+30\.0 points, 95 % [^)]+\); lowered by worse \(-30\.0 points/,
    );
    expect(verdict).toContain('; not shown to change by alike (+2.0 points');
  });
});

describe('changes compared with random neurons', () => {
  /** The trace with these p-values of minority minus majority accuracy, and as many draws. */
  const withP = (
    pValue: number,
    change: number,
    draws: number,
    { entries = trace.entries.slice(0, 2), mean = -0.01 } = {},
  ): TraceUnstructuredResult => ({
    ...trace,
    nullDraws: draws,
    entries: entries.map((entry) => {
      const test: NullDistribution = {
        change,
        mean,
        interval: [-0.03, 0.02],
        pValue,
        pDrop: pValue,
        draws,
      };
      const tests = { accuracy: test, margin: { ...test }, loss: { ...test } };
      const compared = { groups: entry.change.map(() => tests), difference: tests };
      const difference = { accuracy: change, margin: change, loss: change };
      return { ...entry, difference, comparisons: { 'same-layers': compared } };
    }),
  });

  test('not shown to be more than random neurons do', () => {
    const verdict = plainText(changesVerdict(withP(0.146, -0.02, 999)));
    expect(verdict).toMatch(
      /^It is not shown that zeroing the chosen neurons costs minority groups more than majority groups, beyond random neurons of the same layers: the least p of 2 sets is that of gradient, for G0, k = 1, .* p = 0\.146, 0\.292 after Holm’s correction\./,
    );
    expect(verdict).toContain('By margins, which move with every example, none of 2 sets stand out');
  });

  test('the chosen neurons do more', () => {
    expect(plainText(changesVerdict(withP(0.002, -0.09, 999)))).toMatch(
      /^Zeroing the chosen neurons costs minority groups more than majority groups, beyond random neurons of the same layers in 2 of 2 sets: clearest gradient, for G0, k = 1, -9\.00 points against -1\.00 points, p = 0\.002, 0\.004 after Holm’s correction\./,
    );
  });

  test('the other way round', () => {
    expect(plainText(changesVerdict(withP(0.002, 0.09, 999)))).toMatch(
      /^Zeroing .* costs minority groups less than majority groups, .* in 2 of 2 sets: clearest/,
    );
  });

  test('random neurons do as much and more, in the same direction', () => {
    for (const [change, mean] of [
      [0.01, 0.05],
      [-0.05, -0.12],
    ] as const) {
      expect(plainText(changesVerdict(withP(0.002, change, 999, { mean })))).toMatch(
        /^It is not shown that zeroing .* \(in 2, random neurons do the same, and more\): the least p/,
      );
    }
  });

  test('too few draws tell nothing, and no draws are said to be missing', () => {
    expect(plainText(changesVerdict(withP(0.1, -0.09, 19)))).toMatch(
      /^Too weak to judge whether zeroing .*: 19 random draws for each of 2 sets cannot pass Holm’s correction; 79 can \(null-draws 79\)/,
    );
    // Holm's least p of 2 sets with 79 draws is 2 · 2 / 80.
    expect(drawsToPass(2)).toBe(79);
    expect(plainText(changesVerdict(withP(0.1, -0.09, 79)))).toMatch(/^It is not shown/);
    const bare = {
      ...trace,
      nullDraws: 0,
      entries: trace.entries.map((entry) => ({ ...entry, comparisons: null })),
    };
    expect(plainText(changesVerdict(bare))).toMatch(
      /^Zeroing the chosen neurons was compared with no random neurons/,
    );
    const entries = trace.entries.map((entry) => ({ ...entry, difference: null }));
    expect(plainText(changesVerdict({ ...trace, entries }))).toMatch(
      /^The split has no image of a minority group, or none/,
    );
  });

  test('a note explains marks if there are any; each set is listed once, and each kind of random neurons has a table', () => {
    const tablesOf = (of: TraceUnstructuredResult) =>
      changeParts('fig2', changeRows([of], names), groups).tables;
    const [changes, chosen, ...compared] = tablesOf(trace);
    expect(changes?.notes).toEqual([expect.stringMatching(/^† p <= 0\.05 against/)]);
    expect(tablesOf(withP(0.146, -0.02, 999))[0]?.notes).toBeUndefined();
    const everyGroup = chosen?.rows.filter(([criterion]) => criterion === 'magnitude').map((row) => row[2]);
    expect(everyGroup).toEqual(['1', '2', '3']);
    expect(compared.map(({ caption }) => caption)).toEqual(
      NULLS.map(({ words }) => `Minority minus majority, compared with random neurons ${words}`),
    );
  });
});

test('over models, the rows of all minority examples against all majority ones are judged', () => {
  const settings = { split: 'train', perturbation: 'zero', criterion: 'gradient', chosenFor: 2, k: 3 };
  const row = (group: number | null, name: string, change: number, sameLayersAccuracyExcess: number) => ({
    ...settings,
    group,
    name,
    change,
    sameLayersAccuracyExcess,
  });
  const rows = (changes: readonly number[]) =>
    overModels(
      changes.map((change) => [
        row(null, 'minority minus majority', change, change / 10),
        row(0, 'a', -1, -1),
      ]),
    );
  const many = [-0.08, -0.05, -0.1, -0.12, -0.03, -0.09, -0.07, -0.11, -0.06, -0.1];
  const verdictOf = (changes: readonly number[]): string => verdictOverModels(rows(changes));
  expect(verdictOf(many)).toMatch(
    /^Zeroing the chosen neurons costs minority groups more than majority groups, beyond random neurons of the same layers: gradient, for G2\*, k = 3, -8\.10 \[-10\.14, -6\.06\] points against -7\.29 .* p = 0\.002, 0\.002 after Holm’s correction\. Zeroing the chosen neurons costs minority groups more than majority groups: gradient/,
  );
  expect(verdictOf([-0.08, 0.05, 0.1, -0.12])).toMatch(/^It is not shown that zeroing/);
});

test('over models, groups are one family and differences another, of distinct sets of neurons', () => {
  const changes = Array.from({ length: 10 }, (_, i) => 0.01 * (i + 1));
  // Magnitude chooses the same neurons for each of four groups.
  const rows = overModels(
    changes.map((change, model) =>
      ['gradient', 'magnitude'].flatMap((criterion) =>
        [0, 1, 2, 3].flatMap((chosenFor) => {
          const own = criterion === 'magnitude' ? change : change + chosenFor + model / 1000;
          const set = { split: 'train', perturbation: 'zero', criterion, chosenFor, k: 3 };
          return [
            ...[0, 1, 2, 3].map((group) => ({ ...set, group, name: `G${group}`, change: own + 5 * group })),
            { ...set, group: null, name: 'minority minus majority', change: own },
          ];
        }),
      ),
    ),
  );
  const p = 2 / 2 ** 10;
  const corrected = (isDifference: boolean) =>
    rows.filter(({ group }) => (group === null) === isDifference).map(({ changePHolm }) => changePHolm);
  // Four sets of the gradient and one of magnitude; each on four groups.
  expect(corrected(true)).toEqual(Array<number>(8).fill(5 * p));
  expect(corrected(false)).toEqual(Array<number>(32).fill(20 * p));
  expect(verdictOverModels(rows)).toMatch(
    /^Zeroing the chosen neurons costs minority groups less than majority groups in 5 of 5 sets/,
  );
});

test('other sections', () => {
  expect(plainText(fig3.parts(rankRows(overlapTrace(0.001), names), groups).verdict)).toMatch(
    /^Of the neurons with the largest gradient, \d+\.\d % rank among the highest 5 % of the model by magnitude \(95 % .*\): more than the 5 % of no relation\./,
  );
  const layersVerdict = (nullDraws: number): string =>
    plainText(fig7.parts(layerRows({ ...layers18, nullDraws }, names), groups).verdict);
  expect(layersVerdict(9999)).toMatch(
    /^It is not shown that a layer’s chosen neurons .* the least p of 160 sets .* On the mean over layers, minority groups change by -\d/,
  );
  // 2 / (1 + 39) in each of 160 cells.
  expect(layersVerdict(39)).toMatch(/^Too weak to judge .*: 39 random draws for each of 160 sets/);
  expect(plainText(trainingVerdict({ epochs: epochs(12, 9, VAL) }))).toMatch(
    /^The best epoch is 9 of 12: .*, \d+\.\d points more than after the last one\.$/,
  );
  const falling = epochs(12, 9, VAL).map((epoch) =>
    epoch.epoch === 9 ? { ...epoch, val: { ...epoch.val, worstGroupAccuracy: 0.01 } } : epoch,
  );
  expect(plainText(trainingVerdict({ epochs: falling }))).toMatch(
    /right in 1\.00 %, \d+\.\d points less than after the last one\.$/,
  );
  const even = falling.map((epoch) => ({ ...epoch, val: { ...epoch.val, worstGroupAccuracy: 0.2 } }));
  expect(plainText(trainingVerdict({ epochs: even }))).toMatch(/right in 20\.00 %, as after the last one\.$/);
  const never = even.map((epoch) => ({ ...epoch, val: { ...epoch.val, worstGroupAccuracy: 0 } }));
  expect(plainText(trainingVerdict({ epochs: never }))).toMatch(
    /^No epoch gets any validation image of the worst/,
  );
  // A run that is not finished.
  expect(plainText(trainingVerdict({ epochs: epochs(12, 9, VAL), select: 'last' }))).toMatch(
    /^After the last of 12 epochs, /,
  );
  expect(plainText(trainingVerdict({ epochs: epochs(3, 3, VAL) }))).toMatch(
    /^The best epoch is the last of 3/,
  );
  const comparison = {
    minority: { median: 3 },
    majority: { median: 7 },
    pValue: 0.002,
    probabilityFewer: 0.8,
  };
  const minimal = { unit: 'neuron', comparison } as unknown as TraceMinimalResult;
  expect(plainText(minimalVerdict(minimal))).toMatch(
    /^Minority examples need fewer neurons than majority ones: median 3\.0 against 7\.0, p = 0\.002/,
  );
  const unclear = { ...minimal, comparison: { ...comparison, pValue: 0.4 } } as unknown as TraceMinimalResult;
  expect(plainText(minimalVerdict(unclear))).toMatch(/^Minority examples are not shown to need fewer/);
  const heat = (mean: number) => ({
    blank: 0,
    share: { images: 9, mean, interval: [mean - 0.05, mean + 0.05] as const },
  });
  const gradCam = {
    before: null,
    after: { run: 'a', arch: 'resnet18', checkpoint: '' },
    coreRegion: 'masks',
    groups: [0, 1].map((group) => ({
      group,
      images: 9,
      core: 0.5,
      before: null,
      after: heat(group === 0 ? 0.7 : 0.52),
      difference: null,
    })),
  } as unknown as GradCamResult;
  expect(plainText(heatParts(heatRows(gradCam, []), groups).verdict)).toMatch(
    /^The core’s share of the heat is larger than the core’s share of the image in 1 of 2 groups beyond its 95 % interval, and is smaller in 0\. G0: \+20\.0 points/,
  );
});

test('published numbers are shown for the article’s data sets only', () => {
  const birds = { counts: WATERBIRDS_COUNTS };
  expect(publishedOf({ counts: CELEBA_COUNTS })?.name).toBe('CelebA');
  expect(publishedOf(fullReport.dataset)).toBeUndefined();
  expect(publishedAccuracyTable(birds, erm, groups)?.rows[2]?.slice(1)).toEqual([
    '69.64 %',
    '98.21 %',
    '+28.57',
    '56.98 %',
    '17.86 %',
    '-39.12',
  ]);
  const own = (of: TraceUnstructuredResult) => changeRows([of], names).filter(isOwn);
  expect(publishedChangeTable(birds, own(trace), groups)?.rows[0]).toEqual([
    'minority',
    '11.96 %',
    '10.71 %',
    '-1.25',
  ]);
  // The article's are of up to 3 neurons.
  const more = trace.entries.map((entry) => ({ ...entry, k: 10, change: entry.change.map(() => -0.9) }));
  expect(
    publishedChangeTable(birds, own({ ...trace, entries: [...trace.entries, ...more] }), groups),
  ).toEqual(publishedChangeTable(birds, own(trace), groups));
  expect(publishedGainTable(birds, 'resnet50', erm, { ...erm, kind: 'finetune' })?.rows[0]).toEqual([
    'after minus before',
    '+16.87',
    '0.00',
    '-16.87',
  ]);
  expect(publishedGainTable(birds, 'resnet18', erm, { ...erm, kind: 'finetune' })).toBeUndefined();
});

test('ten steps of a hue can be told apart', () => {
  for (const ramp of [LONG_MAJORITY_RAMP, LONG_MINORITY_RAMP]) {
    const labs = steps(ramp, 10).map(labOf);
    const distances = labs
      .slice(1)
      .map((lab, at) => Math.hypot(...lab.map((value, i) => value - (labs[at]?.[i] ?? 0))));
    console.log(`CIE76 between steps: ${distances.map((distance) => distance.toFixed(1)).join(' ')}`);
    // A just noticeable difference is about 2.3.
    expect(Math.min(...distances)).toBeGreaterThan(6);
  }
});

test('a command is repeated as it was typed, quoted for a shell', () => {
  expect(typedCommand(['node', '/a/bin/spurmem.js', 'train', 'erm', '--data', "my bird's data"])).toBe(
    String.raw`spurmem train erm --data 'my bird'\''s data'`,
  );
  expect(typedCommand(['node', '/a/b/script.js', 'x'])).toBeNull();
});

/** CIE L*a*b* of a colour, D65. */
function labOf(hex: string): number[] {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  const f = (t: number): number => (t > 216 / 24389 ? Math.cbrt(t) : (24389 / 27) * (t / 116) + 4 / 29);
  const x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047);
  const y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
  const z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}
