import { figureName } from '../../src/report/perturbation.js';
import { renderReport, type RunReport } from '../../src/report/runReport.js';
import { byCriterion, changeExtent } from '../../src/report/selections.js';
import { changeTable, neuronTable } from '../../src/report/tables.js';
import type { TraceUnstructuredResult } from '../../src/experiments/results.js';
import { fullReport, MINORITY, NAMES, randomTrace, trace } from './fixtures.js';
import { changeTexts, figures, marks, texts, textOf } from './support.js';

const reinit = randomTrace('reinit', [0.005], 10);
const noise = randomTrace('noise', [0.005, 0.01], 10);
const noiseOnTest = randomTrace('noise', [0.005], 10, 'test');
const traced = (...traces: TraceUnstructuredResult[]): RunReport => ({ ...fullReport, traces });

describe('figures of perturbations', () => {
  it('are named by perturbation, criterion, sigma where there are several, and split', async () => {
    const zeroOnTest = { ...trace, split: 'test' as const };
    const drawn = await figures(traced(trace, zeroOnTest, reinit, noise, noiseOnTest));
    expect([...drawn.keys()].filter((name) => /^fig[245]/.test(name))).toEqual([
      'fig2-gradient.svg',
      'fig2-magnitude.svg',
      'fig2-gradient-test.svg',
      'fig2-magnitude-test.svg',
      'fig4-gradient.svg',
      'fig4-magnitude.svg',
      'fig5-gradient-0.005.svg',
      'fig5-gradient-0.01.svg',
      'fig5-magnitude-0.005.svg',
      'fig5-magnitude-0.01.svg',
      'fig5-gradient-test.svg',
      'fig5-magnitude-test.svg',
    ]);
    expect(byCriterion([noise]).map(figureName)[0]).toBe('fig5-gradient-0.005');
  });

  it('say what was done, with which sigma, how many seeds, and on which split', async () => {
    const drawn = await figures(traced(reinit, noise, noiseOnTest));
    expect(texts(drawn.get('fig4-gradient.svg'))).toEqual(
      expect.arrayContaining([
        'Top-k by gradient, randomly initialized',
        'σ = 0.005, mean of 10 seeds',
        '* minority group; n = training samples',
        '|change| of training accuracy (points)',
      ]),
    );
    expect(texts(drawn.get('fig5-magnitude-0.01.svg'))).toEqual(
      expect.arrayContaining(['Top-k by magnitude, with random noise', 'σ = 0.01, mean of 10 seeds']),
    );
    expect(texts(drawn.get('fig5-gradient-test.svg'))).toContain('* minority group; n = test samples');
    for (const svg of drawn.values()) expect(/[Zz]eroed/.exec(svg)).toBeNull();
  });

  it('draw the means, and whiskers of one standard deviation around them', async () => {
    const svg = (await figures(traced(reinit))).get('fig4-gradient.svg');
    const entries = reinit.entries.filter(({ criterion }) => criterion === 'gradient');
    const drawn = texts(svg).filter((text) => /^[+−]?\d+\.\d\d$/.test(text));
    expect(drawn.sort()).toEqual(changeTexts(entries.flatMap(({ change }) => change)).sort());
    expect(marks(svg, 'bar')).toBe(12);
    expect(marks(svg, 'rule mark')).toBe(12);
    expect(marks(svg, 'tick')).toBe(24);
    // Bars and whiskers from the drawing itself: heights are proportional to the numbers.
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

  it('have no whiskers for one seed, nor for zeroing', async () => {
    const drawn = await figures(traced(trace, randomTrace('reinit', [0.005], 1)));
    expect(marks(drawn.get('fig2-gradient.svg'), 'rule mark')).toBe(0);
    expect(marks(drawn.get('fig4-gradient.svg'), 'rule mark')).toBe(0);
    expect(texts(drawn.get('fig4-gradient.svg'))).toContain('σ = 0.005, one seed');
  });

  it('leave room for the whiskers', () => {
    const views = byCriterion([reinit]);
    const ends = reinit.entries.map(
      ({ change, changeStd, group }) => 100 * (Math.abs(change[group] ?? 0) + (changeStd?.[group] ?? 0)),
    );
    expect(changeExtent(views).own).toBeCloseTo(Math.max(...ends), 10);
  });
});

describe('sections of perturbations', () => {
  it('are one a perturbation, with every split in it, and ids that differ', async () => {
    const page = await renderReport(traced(trace, reinit, noise, noiseOnTest));
    const ids = [...page.matchAll(/<section id="([^"]+)"/g)].map((match) => match[1]);
    expect(ids).toEqual(expect.arrayContaining(['changes', 'changes-reinit', 'changes-noise']));
    expect(new Set(ids).size).toBe(ids.length);
    const text = await textOf(traced(trace, reinit, noise, noiseOnTest));
    expect(text).toContain('Zeroed neurons (Fig. 2)');
    expect(text).toContain('Randomly initialized neurons (Fig. 4)');
    expect(text).toContain('Neurons with random noise (Figs. 5 and 12)');
    expect(text).toContain('Measured on the test split');
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

describe('printed tables of perturbations', () => {
  it('name the perturbation, sigma and the spread', () => {
    const table = changeTable(noise, NAMES, MINORITY, { color: false });
    expect(table).toContain('neurons with random noise');
    expect(table).toContain('mean ± standard deviation over 10 seeds');
    expect(table).toContain('sigma');
    const of = noise.entries.find(({ sigma }) => sigma === 0.01);
    expect(table).toContain(`± ${(100 * (of?.changeStd?.[0] ?? 0)).toFixed(2)}`);
    expect(changeTable(trace, NAMES, MINORITY, { color: false })).toContain('neurons zeroed');
  });

  it('list neurons once, not for every sigma', () => {
    expect(neuronTable(noise, NAMES, MINORITY, { color: false })).toBe(
      neuronTable(randomTrace('noise', [0.005], 10), NAMES, MINORITY, { color: false }),
    );
  });
});
