import { groupLabels, smallestGroup } from '../../src/report/groupLabels.js';
import { randomSetsText, sourceText, unitsText } from '../../src/report/traces/method.js';
import type { MeasuredChange } from '../../src/report/traces/tests.js';
import { fullReport, trace } from './fixtures.js';

const article = { ...trace, loss: 'cross-entropy', magnitudeLayers: 'all' } as const;

describe('how neurons were found', () => {
  it('is told for the article\u2019s settings', () => {
    expect(sourceText(article, 'the group')).toBe(
      'A gradient is taken on at most 128 samples, drawn (seed 0) from the at most 256 worst predicted training samples ' +
        'of the group; magnitudes depend on no samples.',
    );
    expect(unitsText(article)).toBe('4800 neurons');
  });

  it('is told for those of the published code', () => {
    const released = {
      ...trace,
      gradientSource: { worst: 200, drawn: 200, order: 'lowest-loss', seed: 0 },
      loss: 'double-softmax',
      magnitudeLayers: 'no-downsample',
    } as const;
    expect(sourceText(released)).toBe(
      'A gradient is taken on the at most 200 best predicted training samples of the group, with the cross-entropy of ' +
        'their softmax as logits; magnitudes depend on no samples, and choose outside the downsample convolutions.',
    );
    expect(unitsText({ unit: 'weight', numNeurons: 11_166_912 })).toBe('11166912 single weights');
  });
});

describe('the comparison with random neurons', () => {
  const change = (pValue: number): MeasuredChange => ({
    change: -0.1,
    std: undefined,
    interval: undefined,
    marked: pValue <= 0.05,
    random: { mean: 0, interval: [-0.1, 0.1], change: -0.1, pValue, pDrop: pValue, draws: 100 },
  });
  const counted = [{ name: 'cells', changes: [change(0.01), change(0.5), change(0.05), change(1)] }];
  const rule = { exceedances: 10, nullDraws: 100 };

  it('counts what is unlike random neurons, and what chance would give', () => {
    expect(randomSetsText(rule, counted)).toMatch(
      /^Beside each set, up to 100 random sets .* Changes are unlike those of random neurons \(p\s≤\s0\.05\) in 2 of 4 cells \(by chance up to about 0\.2\); before correction for many tests\.$/,
    );
    expect(randomSetsText(rule, counted, false)).toMatch(/^Changes are unlike those of random neurons/);
  });

  it('says so when there are too few draws for any', () => {
    expect(randomSetsText({ ...rule, nullDraws: 38 }, counted)).toMatch(
      /So few draws allow no p\s≤\s0\.05\.$/,
    );
    expect(randomSetsText({ ...rule, nullDraws: 39 }, counted)).toContain(
      'Changes are unlike those of random neurons',
    );
  });

  it('is left out where there was none', () => {
    expect(randomSetsText({ ...rule, nullDraws: 0 }, counted)).toBe('');
    expect(randomSetsText(rule, [])).toBe('');
  });
});

test('the size of the smallest group is told once where all are as large', () => {
  const groups = groupLabels(fullReport.dataset);
  expect(smallestGroup([1000, 1000, 1000, 1000], groups, 'test')).toBe(
    'Each test group has 1000 samples: one of them is 0.10 points.',
  );
  expect(smallestGroup([1000, 200, 1000, 1000], groups, 'test')).toContain('is G1* pullover with 1 with 200');
});
