import type { TraceOverlapResult } from '../../src/experiments/results.js';
import type { RunReport } from '../../src/report/figure.js';
import { directions, histogram, rightmost } from '../../src/report/figures/overlap/ranks.js';
import { fullReport, overlapTrace } from './fixtures.js';
import { figures, marks, textOf, texts } from './support.js';

const withOverlap = (overlap: TraceOverlapResult): RunReport => ({ ...fullReport, overlap });
const many = overlapTrace(0.01);
const one = overlapTrace(0.0001);

describe('histogram', () => {
  const ranked = (...percentiles: number[]) => ({
    ...({ reading: 'model', group: 0, chosenBy: 'gradient', rankedBy: 'magnitude' } as const),
    neurons: percentiles.map((percentile) => ({ layer: 'conv1', index: 0, score: 1, percentile })),
  });

  it('has 40 bins of 2.5 %, each with its lower end, the last with both', () => {
    const counts = histogram(ranked(0, 2.499, 2.5, 94.99, 95, 97.5, 99.9, 100));
    expect(counts).toHaveLength(40);
    expect([counts[0], counts[1], counts[37], counts[38], counts[39]]).toEqual([2, 1, 1, 1, 3]);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(8);
  });

  it('of single weights is what was counted', () => {
    const counts = Array.from({ length: 40 }, (_, bin) => bin);
    expect(histogram({ ...ranked(50), counts })).toEqual(counts);
    expect(rightmost([{ ...ranked(50), counts }, ranked(96, 1)])).toEqual({ part: 78, whole: 782 });
  });

  it('puts a rank that is no number nowhere', () => {
    expect(histogram(ranked(Number.NaN))).toEqual(histogram(ranked()));
  });
});

describe('directions', () => {
  it('are both, gradient first, and none without entries', () => {
    expect(directions(many).map(({ chosenBy, rankedBy }) => [chosenBy, rankedBy])).toEqual([
      ['gradient', 'magnitude'],
      ['magnitude', 'gradient'],
    ]);
    expect(directions({ entries: [] })).toEqual([]);
  });
});

describe('Fig. 3', () => {
  it('has a bar for every bin that holds neurons, with their number', async () => {
    const svg = (await figures(withOverlap(many))).get('fig3.svg');
    const counts = many.entries.flatMap((entry) => histogram(entry)).filter((count) => count > 0);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(8 * 48);
    expect(marks(svg, 'bar')).toBe(counts.length);
    const labels = [...(svg ?? '').matchAll(/<text[^>]*font-size="11px"[^>]*>(\d+)</g)].map(([, text]) =>
      Number(text),
    );
    expect(labels.sort((a, b) => a - b)).toEqual(counts.sort((a, b) => a - b));
  });

  it('names both directions, every group, the share and the number of neurons', async () => {
    const drawn = texts((await figures(withOverlap(many))).get('fig3.svg'));
    expect(drawn).toEqual(
      expect.arrayContaining([
        'top by gradient, ranked by magnitude',
        'top by magnitude, ranked by gradient',
        'top 1 % of 4800 neurons: 48; ranked among all neurons of the model; bins of 2.5 %',
        'G2* coat with 0',
      ]),
    );
  });

  it('has a chart for each reading', async () => {
    const entries = (['model', 'layer', 'weights'] as const).flatMap((reading) =>
      many.entries.map((entry) => ({
        ...entry,
        reading,
        ...(reading === 'weights' ? { counts: Array.from({ length: 40 }, () => 2) } : {}),
      })),
    );
    const drawn = await figures(withOverlap({ ...many, entries }));
    expect([...drawn.keys()].filter((name) => name.startsWith('fig3'))).toEqual([
      ...['fig3.svg', 'fig3-layer.svg', 'fig3-weights.svg'],
    ]);
    expect(marks(drawn.get('fig3-weights.svg'), 'bar')).toBe(8 * 40);
    expect(texts(drawn.get('fig3-layer.svg')).join(' ')).toContain(
      'ranked among the neurons of the same layer',
    );
  });

  it('draws one neuron as one bar', async () => {
    expect(marks((await figures(withOverlap(one))).get('fig3.svg'), 'bar')).toBe(8);
  });

  it('is left out without an overlap, and with an empty one', async () => {
    for (const report of [fullReport, withOverlap({ ...many, entries: [] })]) {
      expect((await figures(report)).has('fig3.svg')).toBe(false);
      expect(await textOf(report)).not.toContain('Overlap of the criteria');
    }
  });
});

describe('the section of the overlap', () => {
  it('tells the share, the number of neurons and the two rightmost bins', async () => {
    const text = await textOf(withOverlap(many));
    const { part } = rightmost(directions(many)[0]?.entries ?? []);
    expect(part).toBeGreaterThan(0);
    expect(text).toContain('the top 1 % of 4800 neurons by one criterion, 48 neurons (rounded up)');
    expect(text).toContain(
      `all groups together: ${part} of 192 (${((100 * part) / 192).toFixed(1)} %) are in the two rightmost bins`,
    );
    expect(text).not.toContain('With one neuron');
  });

  it('says that one neuron makes a histogram of one bar', async () => {
    const text = await textOf(withOverlap(one));
    expect(text).toContain('the top 0.01 % of 4800 neurons by one criterion, 1 neuron (rounded up)');
    expect(text).toContain('With one neuron, each histogram is a single bar');
  });
});
