import sharp from 'sharp';
import type { TraceStructuredResult } from '../../src/experiments/results.js';
import type { RunReport } from '../../src/report/figure.js';
import { largestLayerChange, layerExtent, layersByCriterion } from '../../src/report/figures/layers/view.js';
import { eightGroups, fullReport, layers18, layers50, layerTrace } from './fixtures.js';
import { changeTexts, figures, marks, textOf, texts, twoDecimals } from './support.js';

const withLayers = (layers: TraceStructuredResult): RunReport => ({ ...fullReport, layers });

describe('Fig. 7', () => {
  it.each([
    ['20 layers and one k', layers18, 20, 1],
    ['53 layers and two k', layers50, 53, 2],
  ])('shows the change of every layer and group: %s', async (_name, layers, rows, panels) => {
    const drawn = await figures(withLayers(layers));
    for (const criterion of ['gradient', 'magnitude']) {
      const svg = drawn.get(`fig7-${criterion}.svg`);
      const changes = layers.entries
        .filter((entry) => entry.criterion === criterion)
        .map(({ change }) => change);
      expect(changes).toHaveLength(4 * rows * panels);
      expect(twoDecimals(svg)).toEqual(changeTexts(changes).sort());
      // The colour scale's legend has 20 steps.
      expect(marks(svg, 'rect mark')).toBe(4 * rows * panels + 20);
      expect(texts(svg)).toEqual(
        expect.arrayContaining([...new Set(layers.entries.map(({ k }) => k))].map((k) => `k = ${k}`)),
      );
    }
  });

  it('names the layers once, in the model’s order, and stars minority groups', async () => {
    const svg = (await figures(withLayers(layers50))).get('fig7-gradient.svg');
    const names = texts(svg).filter((text) => /^(?:conv1|layer\d.*)$/.test(text));
    expect(names).toEqual(layers50.layers);
    expect(texts(svg)).toEqual(expect.arrayContaining(['G0', 'G1*', 'n = 184', 'G2*', 'n = 56', 'G3']));
  });

  it('shares its colours between criteria', async () => {
    const drawn = await figures(withLayers(layers18));
    const ends = (name: string): string[] =>
      texts(drawn.get(name)).filter((text) => /^[+−]\d+\.\d$/.test(text));
    expect(ends('fig7-gradient.svg')).toHaveLength(4);
    expect(ends('fig7-magnitude.svg')).toEqual(ends('fig7-gradient.svg'));
  });

  it('leaves out numbers where they do not fit, and what is not a number', async () => {
    const wide = layerTrace(layers18.layers, [1, 2, 3, 4, 5, 6, 7]);
    const svg = (await figures(withLayers(wide))).get('fig7-gradient.svg');
    expect(twoDecimals(svg)).toEqual([]);
    expect(marks(svg, 'rect mark')).toBe(4 * 20 * 7 + 20);
    const entries = layers18.entries.map((entry) =>
      entry.group === 2 ? { ...entry, change: Number.NaN } : entry,
    );
    const missing = (await figures(withLayers({ ...layers18, entries }))).get('fig7-gradient.svg');
    expect(marks(missing, 'rect mark')).toBe(3 * 20 + 20);
    expect(/NaN/.exec(missing ?? '')).toBeNull();
  });

  it('is not wider than a page', async () => {
    for (const layers of [layers18, layers50]) {
      const svg = (await figures(withLayers(layers))).get('fig7-gradient.svg') ?? '';
      expect((await sharp(Buffer.from(svg)).metadata()).width).toBeLessThan(1200);
    }
  });

  it('is left out without a structured trace', async () => {
    const names = [...(await figures(eightGroups)).keys()];
    expect(names.filter((name) => name.startsWith('fig7'))).toEqual([]);
    expect(await textOf(eightGroups)).not.toContain('Layers (Fig. 7)');
  });
});

describe('the section of layers', () => {
  let page = '';

  beforeAll(async () => {
    page = await textOf(withLayers(layers18));
  });

  it.each([
    ['the split', 'All accuracies here are training accuracies. In each of 20 layers'],
    ['the samples of the gradient', 'at most 128 samples, drawn (seed 0) from the at most 256 worst'],
    [
      'the largest change of a minority group',
      'Largest change of a minority group: −8.70 points for G1* pullover with 1 in conv1 at k = 1: of 184 samples, 17 became wrong and 1 became right',
    ],
    [
      'the largest change of a majority group',
      'Largest change of a majority group: −1.23 points for G3 coat with 1 in conv1 at k = 1: of 1057 samples, 13 became wrong and 0 became right',
    ],
    ['the granularity', 'The smallest training group is G2* coat with 0 with 56 samples'],
    ['the cost', 'Cost: 107054 forward passes of one image, against 767200'],
    ['the common baseline', 'of the unchanged model equal those of Fig. 1'],
  ])('states %s', (_what, sentence) => {
    expect(page.split('Layers (Fig. 7)').at(-1)).toContain(sentence);
  });

  it('holds the numbers of every cell in a table', async () => {
    const text = await textOf(withLayers(layers50));
    expect(text).toContain('layer4.2.conv3');
    const cell = layers50.entries.find(({ layer, group, k }) => layer === 'conv1' && group === 1 && k === 3);
    expect(text).toContain(`${changeTexts([cell?.change ?? 0])[0]} (−${cell?.lost} +${cell?.gained})`);
  });

  it('says so when nothing changed', async () => {
    const entries = layers18.entries.map((entry) => ({ ...entry, change: 0, lost: 0, gained: 0 }));
    expect(await textOf(withLayers({ ...layers18, entries }))).toContain(
      'No majority group’s accuracy changed.',
    );
  });
});

describe('views of layers', () => {
  it('are split by criterion, with the numbers of neurons in order', () => {
    expect(layersByCriterion(layers50).map(({ criterion, ks }) => [criterion, ks])).toEqual([
      ['gradient', [1, 3]],
      ['magnitude', [1, 3]],
    ]);
    expect(layersByCriterion({ ...layers50, entries: [] })).toEqual([]);
  });

  it('have a largest change and a common extent', () => {
    expect(largestLayerChange(layers18, [1, 2])).toMatchObject({ group: 1, layer: 'conv1' });
    expect(largestLayerChange(layers18, [])).toBeUndefined();
    expect(layerExtent(layers18)).toBeCloseTo(1600 / 184, 10);
    expect(layerExtent({ entries: [] })).toBe(1);
  });
});
