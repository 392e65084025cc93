import { createHash } from 'node:crypto';
import type { TraceOverlapResult, TraceUnstructuredResult } from '../../src/experiments/results.js';
import { overlap } from '../../src/experiments/traces.js';
import { numberOf, type Row, select } from '../../src/kit/rows.js';
import type { Table } from '../../src/kit/table.js';
import { holm } from '../../src/metrics/holm.js';
import { changeParts } from '../../src/report/changes.js';
import { resultOf, type RunReport } from '../../src/report/figure.js';
import { FIGURES } from '../../src/report/figures.js';
import { groupLabels } from '../../src/report/groupLabels.js';
import { changeRows } from '../../src/report/rows.js';
import { erm, fullReport, layers50, NAMES, overlapTrace, randomTrace, trace } from './fixtures.js';

const groups = groupLabels(fullReport.dataset);
const upTo10: TraceUnstructuredResult = {
  ...trace,
  topK: [1, 2, 3, 10],
  entries: trace.entries.flatMap((entry) =>
    entry.k === 3 ? [entry, { ...entry, k: 10, comparisons: null }] : [entry],
  ),
};
const zeroOnTest = { ...trace, split: 'test' as const, baseline: erm.test };
/** Everything that the article's figures and tables show. */
const everything: RunReport = {
  ...fullReport,
  traces: [
    upTo10,
    zeroOnTest,
    randomTrace('reinit', [0.005, 0.02, 0.05, 0.1, 0.15, 0.2], 3),
    randomTrace('reinit', [0.005], 3, 'test'),
    randomTrace('noise', [0.005, 0.01, 0.02], 3),
    randomTrace('noise', [0.005], 1, 'test'),
  ],
  made: [layers50, overlapTrace(0.002)],
};
const sectionOf = (name: string, source: RunReport) =>
  FIGURES.find((figure) => figure.name === name)?.show(source, groups);
const rowsOf = (name: string, source: RunReport): readonly Row[] => sectionOf(name, source)?.data?.rows ?? [];
const cellsOf = (table: Table | undefined): string[][] =>
  (table?.rows ?? []).map((row) =>
    row.map((cell) => (typeof cell === 'string' ? cell : 'text' in cell ? cell.text : '')),
  );

describe('rows', () => {
  // The sha256 of every cell, of rows that were equal, cell by cell, to those of the first version that wrote each figure by hand.
  test.each([
    ['fig1', 12, '0e224cd44d644bef'],
    ['fig2', 120, '157ffb8d5987a454'],
    ['fig4', 120, 'f76c9fbd8a55a9a6'],
    ['fig11', 720, 'cfe20a32fbb2ebb2'],
    ['fig5', 120, '8d79ec2948a1c0e3'],
    ['fig12', 360, '4de49a386183b31e'],
    ['table3', 160, '5ec544ba3d7a1c47'],
    ['table11', 360, 'f08c71edc2009c51'],
    ['table13', 720, '5662b263e8cdff67'],
    ['table14', 720, '5662b263e8cdff67'],
    ['fig3', 80, '2294ebe5bae6a6e6'],
    ['fig7', 848, '07577952ed60d345'],
  ])('of %s: %d, with the numbers that they had', (name, count, digest) => {
    const rows = rowsOf(name, everything);
    expect(rows).toHaveLength(count);
    const cells = rows.map((row) => Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)));
    expect(createHash('sha256').update(JSON.stringify(cells)).digest('hex').slice(0, 16)).toBe(digest);
  });

  test('hold a trace’s numbers', () => {
    const rows = rowsOf('fig2', fullReport);
    for (const entry of trace.entries) {
      for (const group of NAMES.keys()) {
        const [row] = select(rows, { criterion: entry.criterion, chosenFor: entry.group, k: entry.k, group });
        expect(row).toMatchObject({
          change: entry.change[group],
          accuracy: entry.accuracy[group],
          marginChange: entry.margin[group],
          sameLayersMarginP: entry.comparisons?.['same-layers']?.groups[group]?.margin.pValue,
          neurons: entry.neurons.map(({ layer, index }) => `${layer}[${index}]`).join(' '),
        });
      }
    }
  });

  test('are corrected by Holm over the figure, groups and differences apart, equal sets once', () => {
    const rows = rowsOf('fig2', fullReport);
    const difference = rows.filter(({ name }) => name === 'minority minus majority');
    // 12 sets of the gradient, and 3 of magnitude, which repeats its set for each group.
    const tests = difference.filter(
      ({ criterion, chosenFor }) => criterion === 'gradient' || chosenFor === 0,
    );
    expect(tests).toHaveLength(15);
    const expected = holm(tests.map((row) => numberOf(row, 'wholeModelLossP')));
    expect(tests.map((row) => row.wholeModelLossPHolm)).toEqual(expected);
    const repeated = difference.filter(({ criterion, k }) => criterion === 'magnitude' && k === 2);
    expect(new Set(repeated.map((row) => row.sameLayersAccuracyPHolm)).size).toBe(1);
  });

  test('have one corrected p in a figure, whatever else the trace holds', () => {
    const shared = rowsOf('fig4', everything);
    const alone = rowsOf('fig4', { ...fullReport, traces: [randomTrace('reinit', [0.005], 3)] });
    expect(shared).toEqual(alone);
    expect(rowsOf('fig2', everything)).toEqual(rowsOf('fig2', fullReport));
  });
});

describe('which figures a run has', () => {
  const shown = (source: RunReport): string[] =>
    FIGURES.flatMap((figure) =>
      (figure.sections ?? [figure.show]).flatMap((show) => show(source as never, groups)?.id ?? []),
    );

  test('all of them', () => {
    expect(shown(everything)).toEqual([
      ...['fig1', 'fig2', 'fig4', 'fig11', 'fig5', 'fig12'],
      ...['table3', 'table11', 'table13', 'table14', 'fig3', 'fig7'],
    ]);
  });

  test('those that its results hold: no table that repeats a figure, no figure of one deviation', () => {
    expect(shown(fullReport)).toEqual(['fig1', 'fig2']);
    expect(shown({ ...fullReport, traces: [randomTrace('noise', [0.01], 1)] })).toEqual(['fig1', 'fig5']);
    const empty = { ...fullReport, result: undefined, traces: [{ ...trace, entries: [] }] };
    const none: TraceOverlapResult = { ...overlapTrace(0.001), entries: [] };
    expect(shown({ ...empty, made: [none] })).toEqual([]);
  });

  test('every figure has charts or tables from its rows', () => {
    for (const name of FIGURES.map((figure) => figure.name)) {
      const section = sectionOf(name, everything);
      if (section === undefined) continue;
      expect([name, (section.charts ?? []).length + (section.tables ?? []).length]).not.toEqual([name, 0]);
    }
  });
});

describe('tables', () => {
  test('of changes: every set and group, marks, and the accuracy before', () => {
    const [table] = changeParts('fig2', changeRows([trace], NAMES), groups).tables;
    expect(table?.columns.map(({ name }) => name)).toEqual([
      'criterion',
      'chosen for',
      'k',
      'G0',
      'G1*',
      'G2*',
      'G3',
    ]);
    const cells = cellsOf(table);
    expect(cells[0]).toEqual(['before', '', '', '100.00', '99.46', '98.21', '100.00']);
    expect(cells).toContainEqual(['gradient', 'G2*', '3', '-0.03', '-1.09', '-10.71 †', '-0.47 †']);
    expect(cells).toContainEqual(['gradient', 'G3', '1', '0.00', '0.00', '+1.79 †', '-0.38 †']);
    expect(cells).toContainEqual(['magnitude', 'every group', '3', '-0.14 †', '-3.26 †', '-5.36 †', '-0.19']);
    expect(cells).toHaveLength(1 + 12 + 3);
  });

  test('of drawn perturbations: deviation and spread', () => {
    const noise = randomTrace('noise', [0.005, 0.01], 10);
    const [table] = changeParts('fig12', changeRows([noise], NAMES), groups).tables;
    expect(table?.columns.map(({ name }) => name).slice(0, 4)).toEqual([
      'criterion',
      'chosen for',
      'standard deviation',
      'k',
    ]);
    expect(table?.caption).toContain('neurons with random noise, ± standard deviation over draws');
    const spread = noise.entries.find(({ sigma }) => sigma === 0.01)?.changeStd?.[0] ?? Number.NaN;
    expect(cellsOf(table).flat().join(' ')).toContain(`± ${(100 * spread).toFixed(2)}`);
  });

  test('leave out what is not a number', () => {
    const entries = trace.entries.map((entry) => ({ ...entry, change: [Number.NaN, 0] }));
    const { tables, charts } = changeParts('fig2', changeRows([{ ...trace, entries }], NAMES), groups);
    expect(JSON.stringify([tables, charts])).not.toContain('NaN');
    expect(cellsOf(tables[0])[1]?.slice(0, 5)).toEqual(['gradient', 'G0', '1', '–', '0.00']);
  });

  test('11, 13 and 14: each group under its own neurons', () => {
    const own = trace.entries.find(
      ({ criterion, k, group }) => criterion === 'gradient' && k === 2 && group === 1,
    );
    const [table11] = sectionOf('table11', everything)?.tables ?? [];
    const row = cellsOf(table11).find(
      ([kind, criterion, k]) => `${kind} ${criterion} ${k}` === 'zero gradient 2',
    );
    expect(row?.[4]).toBe(`${(100 * (own?.change[1] ?? 0)).toFixed(2)} †`);
    const [table14] = sectionOf('table14', everything)?.tables ?? [];
    expect(table14?.columns.slice(3, 5).map(({ name }) => name)).toEqual(['G0 train', 'G0 test']);
    expect(cellsOf(table14)[0]?.slice(3, 5)).toEqual(
      [erm.train, erm.test].map(({ accuracy }) => (100 * (accuracy[0] ?? 0)).toFixed(2)),
    );
    // Where a group starts higher in training, it has more to lose there.
    const train = { ...trace, baselineMargin: [7, 4.604, 6.5, 7.2] };
    const test = { ...zeroOnTest, baselineMargin: [5, -2.58, 2.9, 6] };
    const margins = sectionOf('table13', { ...fullReport, traces: [train, test] })?.tables?.[1];
    expect(cellsOf(margins)).toEqual([
      ['train', '7.00', '4.60', '6.50', '7.20'],
      ['test', '5.00', '-2.58', '2.90', '6.00'],
    ]);
    expect(sectionOf('table13', everything)?.tables).toHaveLength(1);
  });

  test('of ranks: the share at 95 % or above, and the median', () => {
    const [table] = sectionOf('fig3', everything)?.tables ?? [];
    const ranks =
      resultOf(everything, overlap)?.entries[0]?.neurons.map(({ percentile }) => percentile) ?? [];
    const high = ranks.filter((rank) => rank >= 95).length / ranks.length;
    expect(cellsOf(table)[0]?.slice(0, 6)).toEqual([
      'model',
      'gradient',
      'magnitude',
      'G0',
      String(ranks.length),
      high.toFixed(2),
    ]);
  });

  test('of layers: every layer, group and k', () => {
    const [table] = sectionOf('fig7', everything)?.tables ?? [];
    expect(table?.rows).toHaveLength(layers50.layers.length);
    const cell = layers50.entries.find(({ layer, group, k }) => layer === 'conv1' && group === 1 && k === 3);
    const at = table?.columns.findIndex(({ name }) => name === '3 G1*') ?? -1;
    expect(cellsOf(table)[0]?.[at]).toContain((100 * (cell?.change ?? 0)).toFixed(2));
  });
});
