import sharp from 'sharp';
import { overModels } from '../../src/experiments/overModels.js';
import type { TraceOverlapResult, TraceUnstructuredResult } from '../../src/experiments/results.js';
import type { Row } from '../../src/kit/rows.js';
import { bars, dots, histogram } from '../../src/report/chart.js';
import { axisValues } from '../../src/report/chartLayout.js';
import type { RunReport } from '../../src/report/figure.js';
import { fig1 } from '../../src/report/figures/accuracy.js';
import { groupLabels } from '../../src/report/groupLabels.js';
import { modelsSection } from '../../src/report/models.js';
import { renderChart } from '../../src/report/vega/render.js';
import { sectionsOf } from '../../src/report/writeReport.js';
import {
  eightGroups,
  erm,
  fullReport,
  layers50,
  NAMES,
  oneEpoch,
  overlapTrace,
  randomTrace,
  trace,
} from './fixtures.js';
import { changeTexts, chartNames, figures, first, marks, svgOf, texts, twoDecimals } from './support.js';

const groups = groupLabels(fullReport.dataset);
const traced = (...traces: TraceUnstructuredResult[]): RunReport => ({ ...fullReport, traces });

test('Fig. 1 has two bars a group, with their accuracies and intervals', async () => {
  const svg = await svgOf(fullReport, 'fig1');
  expect(marks(svg, 'bar')).toBe(8);
  const accuracies = [...erm.train.accuracy, ...erm.test.accuracy].map((value) => (100 * value).toFixed(1));
  expect(texts(svg)).toEqual(
    expect.arrayContaining([
      ...accuracies,
      'G1*',
      'G2*',
      'error bars: 95 % interval over samples; * minority group',
    ]),
  );
  expect(svg).toMatch(/aria-label="G2\*, test: 17\.9 \[13\.8, 22\.8\] %"/);
});

test('a chart has at most two lines below its title, and fills the page without being wider', async () => {
  const report = traced(trace, randomTrace('noise', [0.001, 0.005, 0.1], 10));
  const charts = sectionsOf({ ...report, made: [layers50, overlapTrace(0.001)] }).flatMap(
    (section) => section.charts ?? [],
  );
  expect(charts.length).toBeGreaterThan(9);
  const lines = charts.map(({ spec }) => (spec.title as { subtitle: string[] }).subtitle.length);
  expect(Math.max(...lines)).toBeLessThanOrEqual(2);
  const { width } = await renderChart(charts.find(({ name }) => name === 'fig1') ?? fail());
  expect(width).toBeGreaterThan(750);
  expect(width).toBeLessThan(950);
});

test.each([
  [[-33, 12], 5, [-30, -20, -10, 0, 10]],
  [[0, 110], 5, [0, 50, 100]],
  [[-0.034, 0.001], 4, [-0.03, -0.02, -0.01, 0]],
  [[2, 9], 4, [2, 4, 6, 8]],
] as const)('the axis from %j has round labels, 0 among them', (domain, count, values) => {
  expect(axisValues(domain, count)).toEqual(values);
});

describe('Fig. 2', () => {
  test('has a bar for each group and k, as high as the change, and a cell for each set and group', async () => {
    const [svg, cells] = [await svgOf(fullReport, 'fig2'), await svgOf(fullReport, 'fig2-all')];
    expect(marks(svg, 'bar')).toBe(24);
    // Magnitude's sets are shared by all groups.
    const sets = trace.entries.filter(({ criterion, group }) => criterion === 'gradient' || group === 0);
    expect(twoDecimals(cells)).toEqual(changeTexts(sets.flatMap(({ change }) => change)).sort());
    expect(marks(cells, 'rect mark')).toBe(15 * 4);
    const heights = [...svg.matchAll(/aria-roledescription="bar" d="M[\d.]+,[\d.]+h[\d.]+v([\d.]+)/g)].map(
      ([, height]) => Number(height),
    );
    const sizes = trace.entries
      .map(({ change, group }) => Math.abs(change[group] ?? 0))
      .sort((a, b) => a - b);
    const unit = Math.max(...heights) / Math.max(...sizes);
    expect(heights).toHaveLength(24);
    heights
      .sort((a, b) => a - b)
      .forEach((height, at) => {
        // Numbers of the drawing have two decimals.
        expect(Math.abs(height - unit * (sizes[at] ?? 0))).toBeLessThan(0.02);
      });
  });

  test('shares the scale of its bars between criteria, and leaves room for random neurons', async () => {
    const drawn = texts(await svgOf(fullReport, 'fig2'));
    for (const end of ['−20', '10']) expect(drawn.filter((text) => text === end)).toHaveLength(2);
  });

  test('has no intervals and no random neurons if the results have none', async () => {
    const entries = trace.entries.map((entry) => ({ ...entry, changeInterval: [], comparisons: null }));
    const bare = traced({ ...trace, nullDraws: 0, entries });
    expect(chartNames(bare)).toEqual(['fig1', 'fig2', 'fig2-all', 'training', 'training-accuracy']);
    expect(texts(await svgOf(bare, 'fig2')).join(' ')).not.toMatch(/error bars|grey|†/);
    expect(texts(await svgOf(fullReport, 'fig2')).join(' ')).toMatch(/grey: .*; † p ≤ 0\.05/);
    const unmarked = trace.entries.filter(({ criterion, k }) => criterion === 'magnitude' && k === 1);
    const drawn = texts(await svgOf(traced({ ...trace, entries: unmarked }), 'fig2')).join(' ');
    expect(drawn).toContain('grey: random neurons');
    expect(drawn).not.toContain('†');
  });

  test('has the claim against each null: a dot and a band per set', async () => {
    const svg = await svgOf(fullReport, 'fig2-nulls');
    expect(marks(svg, 'circle')).toBe(3 * 15);
    expect(texts(svg)).toEqual(
      expect.arrayContaining(['of the same layers', 'of the whole model', 'change, points']),
    );
  });
});

test('figures of deviations have a panel for each, of many neurons a panel for each criterion', async () => {
  const upTo10 = {
    ...trace,
    entries: trace.entries.flatMap((entry) => [
      entry,
      { ...entry, k: entry.k + 3 },
      { ...entry, k: entry.k + 6 },
    ]),
  };
  const report = traced(upTo10, randomTrace('noise', [0.001, 0.005, 0.1], 10));
  expect(marks(await svgOf(report, 'fig2'), 'bar')).toBe(24);
  expect(marks(await svgOf(report, 'table3'), 'bar')).toBe(72);
  expect(marks(await svgOf(report, 'fig5'), 'bar')).toBe(24);
  expect(marks(await svgOf(report, 'fig12'), 'bar')).toBe(3 * 24);
  expect(texts(await svgOf(report, 'fig12'))).toContain('gradient, σ = 0.001');
});

test('perturbations that the article does not have get charts of their own names', () => {
  const names = chartNames(traced({ ...trace, perturbation: 'mean' }, { ...trace, split: 'test' }));
  expect(names.filter((name) => /^(?:fig2|mean|zero)/.test(name))).toEqual(
    ['mean', 'zero-test']
      .flatMap((name) => ['', '-all', '-nulls', '-nulls-margin'].map((part) => `${name}${part}`))
      .sort((a, b) => Number(b.startsWith('zero')) - Number(a.startsWith('zero'))),
  );
});

test('training curves have a line for each loss and group, also of one epoch', async () => {
  expect(marks(await svgOf(fullReport, 'training'), 'circle')).toBe(2 * 12);
  expect(marks(await svgOf(fullReport, 'training-accuracy'), 'circle')).toBe(4 * 12);
  expect(texts(await svgOf(fullReport, 'training'))).toEqual(
    expect.arrayContaining(['dashed: selected: epoch 9; * minority group', 'training', 'validation']),
  );
  expect(marks(await svgOf(oneEpoch, 'training'), 'circle')).toBe(2);
});

test('Fig. 3 has a histogram of 40 bins for each direction and reading, the last with both of its ends', async () => {
  const rows = [0, 2.499, 2.5, 94.99, 95, 97.5, 99.9, 100].map((percentile): Row => ({
    percentile,
    group: 0,
  }));
  const [chart] = histogram(rows, {
    name: 'x',
    title: 'x',
    groups,
    x: 'percentile',
    step: 2.5,
    domain: [0, 100],
  });
  const { svg } = await renderChart(chart ?? fail());
  expect(marks(svg, 'bar')).toBe(5);
  const entries = (['model', 'layer', 'weights'] as const).flatMap((reading) =>
    overlapTrace(0.001).entries.map((entry) => ({ ...entry, reading })),
  );
  const of: TraceOverlapResult = { ...overlapTrace(0.001), entries };
  const drawn = await figures({ ...fullReport, made: [of] });
  expect([...drawn.keys()].filter((name) => name.startsWith('fig3'))).toEqual([
    'fig3.svg',
    'fig3-layer.svg',
    'fig3-weights.svg',
  ]);
});

test('Fig. 7 has a cell for each layer, group and k, names layers once, and is not wider than a page', async () => {
  const svg = await svgOf({ ...fullReport, made: [layers50] }, 'fig7-gradient');
  const changes = layers50.entries
    .filter(({ criterion }) => criterion === 'gradient')
    .map(({ change }) => change);
  expect(twoDecimals(svg)).toEqual(changeTexts(changes).sort());
  expect(texts(svg).filter((text) => /^(?:conv1|layer\d.*)$/.test(text))).toEqual(layers50.layers);
  expect((await sharp(Buffer.from(svg)).metadata()).width).toBeLessThan(1200);
});

describe('over models', () => {
  const settings = { split: 'train', perturbation: 'zero', sigma: null, criterion: 'gradient' };
  const changes = overModels(
    [0, 1, 2].map((model) =>
      groups.flatMap(({ index, name }) =>
        [1, 3].map((k) => ({
          ...settings,
          chosenFor: index,
          k,
          group: index,
          name,
          change: -0.01 * k * (index + model),
          ...(k === 3 ? { sameLayersAccuracyExcess: -0.01 } : {}),
        })),
      ),
    ),
  );

  test('accuracies have a bar a split, and a dot a model', async () => {
    const rows = overModels(
      [0, 1, 2].map((model) =>
        groups.flatMap(({ index, name }) =>
          ['train', 'val', 'test'].map((split) => ({
            split,
            group: index,
            name,
            accuracy: (split === 'test' ? 0.5 : 0.9) + 0.01 * model,
          })),
        ),
      ),
    );
    const { svg } = await renderChart(fig1.parts?.(rows, groups).charts[0] ?? fail());
    expect([marks(svg, 'bar'), marks(svg, 'circle')]).toEqual([8, 0]);
    expect(texts(svg)).toEqual(
      expect.arrayContaining([
        '91.0',
        '51.0',
        'error bars: 95 % interval over models; dots: models; * minority group',
      ]),
    );
    expect(svg).toContain('G1*, test: 51.0 [48.5, 53.5] %');
  });

  test.each(['fig2', 'table3'])('%s: changes stand on what random neurons change', async (kind) => {
    const { charts = [] } = modelsSection({ kind, title: '', seeds: [0, 1, 2], rows: changes }, groups);
    const { svg } = await renderChart(charts[0] ?? fail());
    expect(marks(svg, 'bar')).toBe(8);
    // The mean of G3 is 3 * (3 + 1) points, and by random neurons a point less.
    expect(texts(svg)).toContain('−12.0');
    expect(svg).toContain('random neurons −11.00');
  });
});

test('dots have an interval, a dot per replicate, and a line to compare with', async () => {
  const rows = [{ arm: 'a', accuracy: 0.5, accuracyLow: 0.4, accuracyHigh: 0.6, accuracyValues: [0.4, 0.6] }];
  const [chart] = dots(rows, { name: 'x', title: 'x', groups, down: ['arm'], x: 'accuracy', reference: 45 });
  const { svg } = await renderChart(chart ?? fail());
  expect(marks(svg, 'circle')).toBe(1);
  expect(svg).toContain('a: 50.0 [40.0, 60.0] %');
  expect(bars([], { name: 'x', title: 'x', groups, y: 'accuracy', by: 'split' })).toEqual([]);
});

test('long names of groups hardly widen a chart', async () => {
  const groupNames = NAMES.map((name) => `${name} ${'and_more_of_it '.repeat(9)}`);
  const long = await figures({ ...fullReport, dataset: { ...fullReport.dataset, groupNames } });
  for (const [name, svg] of await figures(fullReport)) {
    const width = (text: string | undefined): number => Number(/ width="(\d+)"/.exec(text ?? '')?.[1]);
    expect(width(long.get(name))).toBeLessThan(1.25 * width(svg));
  }
});

test.each([
  ['four groups', { ...fullReport, made: [overlapTrace(0.01), layers50] }],
  ['eight groups', eightGroups],
])('every file of %s is an SVG that sharp can read, with no part outside', async (_name, report) => {
  for (const [, svg] of await figures(report)) {
    const { format, width, height } = await sharp(Buffer.from(svg)).metadata();
    expect(format).toBe('svg');
    expect(width).toBeGreaterThan(300);
    expect(height).toBeGreaterThan(180);
    expect(first(/href=|url\(|<style|<image/, svg)).toBeUndefined();
  }
});

function fail(): never {
  throw new Error('There is no chart');
}
