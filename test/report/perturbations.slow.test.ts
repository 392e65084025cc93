import { textTable } from '../../src/cli/textTable.js';
import type { TraceUnstructuredResult } from '../../src/experiments/results.js';
import type { RunReport } from '../../src/report/figure.js';
import { changeTable, neuronTable } from '../../src/report/figures/changes/tables.js';
import { changeExtent, traceView } from '../../src/report/figures/changes/view.js';
import { groupLabels } from '../../src/report/groupLabels.js';
import type { Table } from '../../src/report/table.js';
import { testsOf } from '../../src/report/traces/tests.js';
import { fullReport, randomTrace, trace } from './fixtures.js';
import { changeTexts, figures, marks, pageOf, textOf, texts, twoDecimals, withoutScript } from './support.js';

const reinit = randomTrace('reinit', [0.005], 10);
const noise = randomTrace('noise', [0.005, 0.01], 10);
const noiseOnTest = randomTrace('noise', [0.005], 10, 'test');
const upTo10 = { ...trace, entries: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].flatMap(ofTopK) };
const groups = groupLabels(fullReport.dataset);
const printed = (table: Table): string => textTable(table, { color: false });
const traced = (...traces: TraceUnstructuredResult[]): RunReport => ({ ...fullReport, traces });

/** The entries of the last k, as if they were of another. */
function ofTopK(k: number): TraceUnstructuredResult['entries'] {
  return trace.entries
    .filter((entry) => entry.k === Math.min(k, 3))
    .map((entry) => ({
      ...entry,
      k,
      neurons: Array.from({ length: k }, (_, index) => ({ layer: 'conv1', index, score: 1 / (1 + index) })),
    }));
}

describe('figures of perturbations', () => {
  it('are named by perturbation, criterion, sigma where there are several, and split', async () => {
    const zeroOnTest = { ...trace, split: 'test' as const };
    const drawn = await figures(traced(trace, zeroOnTest, reinit, noise, noiseOnTest));
    expect([...drawn.keys()].filter((name) => /^fig[245]/.test(name))).toEqual([
      'fig2-gradient.svg',
      'fig2-magnitude.svg',
      'fig2-gradient-test.svg',
      'fig2-magnitude-test.svg',
      'fig2-nulls.svg',
      'fig2-nulls-test.svg',
      'fig4-gradient.svg',
      'fig4-magnitude.svg',
      'fig4-nulls.svg',
      'fig5-gradient-0.005.svg',
      'fig5-gradient-0.01.svg',
      'fig5-magnitude-0.005.svg',
      'fig5-magnitude-0.01.svg',
      'fig5-gradient-test.svg',
      'fig5-magnitude-test.svg',
      'fig5-nulls.svg',
      'fig5-nulls-test.svg',
    ]);
  });

  it('say what was done, with which sigma, how many seeds, and on which split', async () => {
    const drawn = await figures(traced(reinit, noise, noiseOnTest));
    expect(texts(drawn.get('fig4-gradient.svg'))).toEqual(
      expect.arrayContaining([
        'Top-k by gradient, randomly initialized',
        'σ = 0.005, mean of 10 seeds',
        '* minority group; n = training samples',
        'change of training accuracy (points)',
        'error bars: 95 % score interval over samples',
        'grey: random neurons, middle 95 % and mean; † p ≤ 0.05',
      ]),
    );
    expect(texts(drawn.get('fig5-magnitude-0.01.svg'))).toEqual(
      expect.arrayContaining(['Top-k by magnitude, with random noise', 'σ = 0.01, mean of 10 seeds']),
    );
    expect(texts(drawn.get('fig5-gradient-test.svg'))).toContain('* minority group; n = test samples');
    for (const svg of drawn.values()) expect(/[Zz]eroed/.exec(svg)).toBeNull();
  });

  it('draw the means, their intervals, and what random neurons change behind them', async () => {
    const svg = (await figures(traced(reinit))).get('fig4-gradient.svg');
    const entries = reinit.entries.filter(({ criterion }) => criterion === 'gradient');
    expect(twoDecimals(svg)).toEqual(changeTexts(entries.flatMap(({ change }) => change)).sort());
    expect(marks(svg, 'bar')).toBe(12);
    expect(marks(svg, 'rule mark')).toBe(12);
    // Both ends of every interval, and the mean of every band; a band is a rectangle, as are the matrix's cells and frames.
    expect(marks(svg, 'tick')).toBe(2 * 12 + 12);
    expect(marks(svg, 'rect mark')).toBe(12 + 48 + 12);
    // Bars from the drawing itself: heights are proportional to the numbers.
    const heights = [
      ...(svg ?? '').matchAll(/aria-roledescription="bar" d="M[\d.]+,([\d.]+)h[\d.]+v([\d.]+)/g),
    ].map((match) => Number(match[2]));
    const sizes = entries.map(({ change, group }) => Math.abs(change[group] ?? 0));
    const unit = Math.max(...heights) / Math.max(...sizes);
    expect(heights.length).toBe(12);
    heights
      .sort((a, b) => a - b)
      .forEach((height, at) => {
        expect(height).toBeCloseTo(unit * (sizes.sort((a, b) => a - b)[at] ?? 0), 3);
      });
  });

  it('have no intervals and no random neurons where the results have none', async () => {
    const bare = (of: TraceUnstructuredResult): TraceUnstructuredResult => ({
      ...of,
      nullDraws: 0,
      entries: of.entries.map((entry) => ({ ...entry, changeInterval: [], comparisons: null })),
    });
    const drawn = await figures(traced(bare(trace), bare(randomTrace('reinit', [0.005], 1))));
    for (const name of ['fig2-gradient.svg', 'fig4-gradient.svg']) {
      expect(marks(drawn.get(name), 'bar')).toBe(12);
      expect(marks(drawn.get(name), 'rule mark')).toBe(0);
      expect(marks(drawn.get(name), 'tick')).toBe(0);
      expect(texts(drawn.get(name)).join(' ')).not.toMatch(/error bars|grey|†/);
    }
    expect(texts(drawn.get('fig4-gradient.svg'))).toContain('σ = 0.005, one seed');
    expect(await textOf(traced(bare(trace)))).not.toMatch(/random sets|p ≤/);
  });

  it('leave room for intervals and random neurons', () => {
    const ends = reinit.entries.flatMap((entry) => [
      entry.change[entry.group] ?? 0,
      ...(entry.changeInterval[entry.group] ?? []),
      ...(testsOf(entry.comparisons, entry.group)['same-layers']?.accuracy?.interval ?? []),
    ]);
    const [low, high] = changeExtent(traceView(reinit).views).own;
    expect(low).toBeCloseTo(100 * Math.min(0, ...ends), 10);
    expect(high).toBeCloseTo(100 * Math.max(0, ...ends), 10);
  });

  it('keep to the article\u2019s numbers of neurons where there are many, which Table 3 draws', async () => {
    const drawn = await figures(traced(upTo10));
    expect(marks(drawn.get('fig2-gradient.svg'), 'bar')).toBe(4 * 3);
    expect(marks(drawn.get('table3-gradient.svg'), 'bar')).toBe(4 * 10);
    expect(texts(drawn.get('table3-magnitude.svg'))).toContain(
      'Top-k by magnitude, zeroed, k = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10',
    );
    expect([...(await figures(traced(trace))).keys()].some((name) => name.startsWith('table3'))).toBe(false);
  });
});

describe('sections of perturbations', () => {
  it('are one a perturbation, with every split in it, and ids that differ', async () => {
    const page = withoutScript(await pageOf(traced(trace, reinit, noise, noiseOnTest)));
    const ids = [...page.matchAll(/<section id="([^"]+)"/g)].map((match) => match[1]);
    expect(ids).toEqual(expect.arrayContaining(['changes', 'changes-reinit', 'changes-noise']));
    expect(new Set(ids).size).toBe(ids.length);
    const text = await textOf(traced(trace, reinit, noise, noiseOnTest));
    expect(text).toContain('Zeroed neurons (Fig. 2)');
    expect(text).toContain('Randomly initialized neurons (Fig. 4)');
    expect(text).toContain('Neurons with random noise (Figs. 5 and 12)');
    expect(text).toContain('Measured on the test split');
    expect(text).toContain('The same perturbation on another split. All accuracies here are test accuracies');
    // Text that is the same for both splits is told once.
    expect(text.match(/keep their weights, to which noise/g)).toHaveLength(1);
    expect(text.match(/Beside each set, up to 100 random sets/g)).toHaveLength(3);
    expect(text).not.toContain('NaN');
  });

  it('tell what was done and averaged, with the spread', async () => {
    const text = await textOf(traced(reinit));
    expect(text).toContain('get new weights instead of their own');
    expect(text).toContain('mean over 10 seeds of the draws (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)');
    expect(text).not.toMatch(/zeroed|set to zero/i);
    const of = reinit.entries.find(
      ({ criterion, group, k }) => criterion === 'gradient' && group === 2 && k === 3,
    );
    const spread = `${changeTexts([of?.change[2] ?? 0])[0]} ± ${(100 * (of?.changeStd?.[2] ?? 0)).toFixed(2)}`;
    expect(text).toContain(`under its own neurons: ${spread} points for G2* coat with 0 at k = 3`);
    expect(text).toContain('are randomly initialized (σ = 0.005, mean of 10 seeds)');
    expect(await textOf(traced(randomTrace('noise', [0.01], 1)))).toContain(
      'drawn with one seed, 0: no spread is known',
    );
  });
});

describe('perturbations that the article does not have', () => {
  const rewound: TraceUnstructuredResult = {
    ...trace,
    perturbation: 'rewind',
    rewound: { epochs: 5, epoch: 4, checkpoint: trace.checkpoint },
  };
  const ablated: TraceUnstructuredResult = { ...trace, perturbation: 'mean' };

  it('have charts and sections of their own, which tell what was done', async () => {
    const report = traced(trace, rewound, ablated);
    const drawn = await figures(report);
    for (const name of ['rewind-gradient.svg', 'mean-magnitude.svg'])
      expect(marks(drawn.get(name), 'bar')).toBe(12);
    expect(texts(drawn.get('rewind-gradient.svg'))).toEqual(
      expect.arrayContaining(['Top-k by gradient, rewound', 'to epoch 4']),
    );
    expect(texts(drawn.get('mean-gradient.svg'))).toContain('Top-k by gradient, mean-ablated');
    const page = withoutScript(await pageOf(report));
    expect(page).toContain('<section id="changes-rewind"');
    expect(page).toContain('<section id="changes-mean"');
    const text = await textOf(report);
    expect(text).toContain('get back the weights that they had in an earlier epoch');
    expect(text).toContain('That is epoch 4, 5 epochs before the traced one.');
    expect(text).toContain('always give the mean of their output over the training split');
    expect(text).not.toMatch(/NaN|seeds? of the draws|undefined/);
  });

  it('have no column for a standard deviation', () => {
    const table = printed(changeTable(traceView(rewound), groups));
    expect(table).toContain('neurons rewound');
    expect(table).not.toMatch(/sigma|seed/);
  });
});

describe('the section of several standard deviations', () => {
  it('draws the article\u2019s large, and all of them small', async () => {
    const grid = randomTrace('noise', [0.001, 0.005, 0.1], 10);
    const page = withoutScript(await pageOf(traced(grid)));
    const drawn = await figures(traced(grid));
    const [section = ''] = page.split('id="changes-noise"').slice(1)[0]?.split('</section>') ?? [];
    expect(section.match(/<svg /g)).toHaveLength(2 + 2 + 1);
    expect(section).toContain('σ = 0.005, mean of 10 seeds');
    expect(section).not.toContain('σ = 0.001, mean of 10 seeds');
    expect(marks(drawn.get('fig12-gradient.svg'), 'bar')).toBe(3 * 12);
  });
});

describe('the section of tables', () => {
  it('holds those of the article that the traces hold, with marks for what random neurons do not do', async () => {
    const text = await textOf(traced(upTo10, reinit, { ...trace, split: 'test' }));
    expect(text).toContain('Tables 3, 11, 13, 14');
    expect(text).toContain(
      'Table 11: change of each group\u2019s accuracy in points, its own neurons perturbed (σ = 0.005); † p ≤ 0.05',
    );
    expect(text).toMatch(/−10\.71 †/);
    expect(text).toContain('Table 14: accuracy of each group in percent, its own neurons perturbed');
    // Zeroing the top 3 alone is Fig. 2.
    expect(await textOf(traced(trace))).not.toContain('Table 11');
  });

  it('folds away long lists of neurons, and names each once', async () => {
    const text = await textOf(traced(upTo10));
    const [, neurons = ''] = text.split('A row with more neurons adds');
    expect(neurons.match(/conv1\[9\]/g)).toHaveLength(4 + 1);
  });
});

describe('printed tables of perturbations', () => {
  it('name the perturbation, sigma and the spread', () => {
    const table = printed(changeTable(traceView(noise), groups));
    expect(table).toContain('neurons with random noise');
    expect(table).toContain('mean ± standard deviation over 10 seeds');
    expect(table).toContain('sigma');
    const of = noise.entries.find(({ sigma }) => sigma === 0.01);
    expect(table).toContain(`± ${(100 * (of?.changeStd?.[0] ?? 0)).toFixed(2)}`);
    expect(printed(changeTable(traceView(trace), groups))).toContain('neurons zeroed');
  });

  it('tell where one criterion was averaged over fewer seeds', async () => {
    const uneven = { ...reinit, repeats: { gradient: 3, magnitude: 10 } };
    expect(printed(changeTable(traceView(uneven), groups))).toContain('over 10 seeds (gradient: 3)');
    const drawn = await figures(traced(uneven));
    expect(texts(drawn.get('fig4-gradient.svg'))).toContain('σ = 0.005, mean of 3 seeds');
    expect(texts(drawn.get('fig4-magnitude.svg'))).toContain('σ = 0.005, mean of 10 seeds');
    expect(await textOf(traced(uneven))).toContain('7, 8, 9; gradient: the first 3)');
  });

  it('list neurons once, not for every sigma', () => {
    expect(printed(neuronTable(traceView(noise), groups))).toBe(
      printed(neuronTable(traceView(randomTrace('noise', [0.005], 10)), groups)),
    );
  });
});
