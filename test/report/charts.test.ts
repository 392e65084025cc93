import sharp from 'sharp';
import { overModels } from '../../src/experiments/overModels.js';
import type { Row } from '../../src/kit/rows.js';
import { groupLabels } from '../../src/report/groupLabels.js';
import { modelsCharts } from '../../src/report/models/bars.js';
import { renderChart } from '../../src/report/vega/render.js';
import { eightGroups, erm, fullReport, layers50, oneEpoch, overlapTrace, trace } from './fixtures.js';
import { changeTexts, figures, first, marks, texts, twoDecimals } from './support.js';

describe('Fig. 1', () => {
  it('has two bars a group, labelled with their accuracies', async () => {
    const svg = (await figures(fullReport)).get('fig1.svg');
    expect(marks(svg, 'bar')).toBe(8);
    const accuracies = [...erm.train.accuracy, ...erm.test.accuracy].map((value) => (100 * value).toFixed(1));
    expect(texts(svg)).toEqual(expect.arrayContaining(accuracies));
    expect(texts(svg)).toEqual(expect.arrayContaining(['G1*', 'G2*', 'n = 56 / 280', '100']));
    expect(marks((await figures(eightGroups)).get('fig1.svg'), 'bar')).toBe(16);
  });
});

describe('Fig. 2', () => {
  it('has a bar for each group and k, and a cell for each zeroed set and group', async () => {
    const svg = (await figures(fullReport)).get('fig2-gradient.svg');
    expect(marks(svg, 'bar')).toBe(12);
    // 12 sets times 4 groups, a frame for each set's own group, and a band of random neurons behind each bar.
    expect(marks(svg, 'rect mark')).toBe(48 + 12 + 12);
    const ofGradient = trace.entries.filter(({ criterion }) => criterion === 'gradient');
    expect(twoDecimals(svg)).toEqual(changeTexts(ofGradient.flatMap(({ change }) => change)).sort());
  });

  it('shows a set that every group shares once in the matrix', async () => {
    const svg = (await figures(fullReport)).get('fig2-magnitude.svg');
    expect(marks(svg, 'bar')).toBe(12);
    expect(marks(svg, 'rect mark')).toBe(12 + 12);
    expect(texts(svg)).toContain('for all, k = 3');
  });

  it('shares the scale of its bars between criteria', async () => {
    const both = await figures(fullReport);
    const ticks = (name: string) => texts(both.get(name)).filter((text) => /^−?\d+$/.test(text));
    expect(ticks('fig2-magnitude.svg')).toEqual(['−25', '−20', '−15', '−10', '−5', '0', '5', '10']);
    expect(ticks('fig2-gradient.svg')).toEqual(ticks('fig2-magnitude.svg'));
  });

  it('breaks names of groups into lines of like lengths', async () => {
    const groupNames = ['pullover, digit 0', 'a', 'waterbird on land', 'landbird_on_water_background'];
    const named = { ...fullReport, dataset: { ...fullReport.dataset, groupNames } };
    const drawn = texts((await figures(named)).get('fig2-gradient.svg'));
    expect(drawn).toEqual(
      expect.arrayContaining(['pullover,', 'digit 0', 'waterbird', 'on land', 'landbird_on_', 'water_']),
    );
  });

  it('draws eight groups, and any k', async () => {
    const svg = (await figures(eightGroups)).get('fig2-gradient.svg');
    expect(marks(svg, 'bar')).toBe(24);
    const single = { ...trace, entries: trace.entries.filter(({ k }) => k === 2) };
    expect(marks((await figures({ ...fullReport, traces: [single] })).get('fig2-gradient.svg'), 'bar')).toBe(
      4,
    );
  });

  it('leaves out what is not a number', async () => {
    const entries = trace.entries.map((entry) =>
      entry.group === 2 ? { ...entry, change: [0, 0, Number.NaN, 0] } : entry,
    );
    const svg = (await figures({ ...fullReport, traces: [{ ...trace, entries }] })).get('fig2-gradient.svg');
    expect(marks(svg, 'bar')).toBe(9);
    expect(first(/NaN/, svg)).toBeUndefined();
  });
});

describe('training curves', () => {
  it('has a line for each loss and group, one for the worst group, and marks the selected epoch', async () => {
    const svg = (await figures(fullReport)).get('training.svg');
    expect(marks(svg, 'line mark')).toBe(2 + 1 + 4);
    expect(texts(svg)).toEqual(
      expect.arrayContaining(['selected: epoch 9', 'worst group', 'G2* coat with 0']),
    );
  });

  it('draws a single epoch as points', async () => {
    const svg = (await figures(oneEpoch)).get('training.svg');
    expect(marks(svg, 'point')).toBe(2 + 1 + 4);
    expect(texts(svg)).toContain('selected: epoch 1');
  });
});

describe('figures over models', () => {
  const groups = groupLabels(fullReport.dataset);
  const ofModels = (rowsOf: (model: number) => Row[]) => overModels([0, 1, 2].map(rowsOf));
  const changes = ofModels((model) =>
    groups.flatMap(({ index, name }) =>
      [1, 3].map((k) => ({
        split: 'train',
        perturbation: 'zero',
        sigma: null,
        criterion: 'gradient',
        chosenFor: index,
        k,
        group: index,
        name,
        change: -0.01 * k * (index + model),
        ...(k === 3 ? { sameLayersAccuracyExcess: -0.01 } : {}),
      })),
    ),
  );

  it('have a bar a split for accuracies, and a dot a model', async () => {
    const rows = ofModels((model) =>
      groups.flatMap(({ index, name }) =>
        ['train', 'val', 'test'].map((split) => ({
          split,
          group: index,
          name,
          accuracy: (split === 'test' ? 0.5 : 0.9) + 0.01 * model,
        })),
      ),
    );
    const [chart, ...others] = modelsCharts('fig1', rows, groups);
    expect(others).toEqual([]);
    const { svg } = await renderChart(chart ?? fail());
    expect([marks(svg, 'bar'), marks(svg, 'circle')]).toEqual([8, 24]);
    expect(texts(svg)).toEqual(expect.arrayContaining(['91', '51', 'G1*', 'training', 'test']));
    expect(svg).toContain('G1* pullover with 1, test: 51.0 %, 95 % interval [48.5, 53.5]');
  });

  it('set what the most neurons change, of those compared with random ones, beside these', async () => {
    const [chart] = modelsCharts('fig2', changes, groups);
    const { svg } = await renderChart(chart ?? fail());
    expect([marks(svg, 'bar'), marks(svg, 'circle')]).toEqual([8, 24]);
    expect(texts(svg)).toContain('Zeroing the 3 neurons with the largest gradient');
    // The mean of G3 is 3 * (3 + 1) points, and by random neurons a point less.
    expect(texts(svg)).toEqual(expect.arrayContaining(['−12.0', '−11.0']));
  });

  it('have no chart of tables, of several standard deviations, and of what all models lack', () => {
    expect(modelsCharts('table3', changes, groups)).toEqual([]);
    const sigmas = [0.1, 0.2].flatMap((sigma) => changes.map((row) => ({ ...row, sigma })));
    expect(modelsCharts('fig11', sigmas, groups)).toEqual([]);
    expect(
      modelsCharts(
        'fig2',
        changes.map(({ change: _change, ...row }) => row),
        groups,
      ),
    ).toEqual([]);
  });
});

function fail(): never {
  throw new Error('There is no chart');
}

describe('long names', () => {
  it('do not widen the charts beyond their bars and lines', async () => {
    const groupNames = fullReport.dataset.groupNames.map((name) => `${name} ${'and_more_of_it '.repeat(9)}`);
    const long = await figures({ ...fullReport, dataset: { ...fullReport.dataset, groupNames } });
    for (const [name, svg] of await figures(fullReport)) {
      const width = (text: string | undefined): number => Number(/ width="(\d+)"/.exec(text ?? '')?.[1]);
      expect(width(long.get(name))).toBeLessThan(1.25 * width(svg));
    }
  });
});

describe('every file', () => {
  it.each([
    ['four groups', { ...fullReport, overlap: overlapTrace(0.01), layers: layers50 }],
    ['eight groups', eightGroups],
  ])('of %s is an SVG that sharp can read, with no part outside', async (_name, report) => {
    for (const [, svg] of await figures(report)) {
      const { format, width, height } = await sharp(Buffer.from(svg)).metadata();
      expect(format).toBe('svg');
      expect(width).toBeGreaterThan(300);
      expect(height).toBeGreaterThan(300);
      expect(first(/href=|url\(|<style|<image/, svg)).toBeUndefined();
    }
  });
});
