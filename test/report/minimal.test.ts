import type { RunReport } from '../../src/report/figure.js';
import { minimal, minimalTables } from '../../src/report/figures/minimal.js';
import { groupLabels } from '../../src/report/groupLabels.js';
import { fullReport, minimalTrace, NAMES } from '../report/fixtures.js';
import { chartNames, marks, pageOf, svgOf, textOf, texts } from '../report/support.js';

const report: RunReport = { ...fullReport, made: [minimalTrace] };

test('the chart has a median for each group with examples, and a dot per example', async () => {
  const svg = await svgOf(report, 'minimal');
  expect(marks(svg, 'circle')).toBe(3);
  expect(svg.match(/<path [^>]*opacity="0\.45"/g)).toHaveLength(3 + 3 + 2);
  expect(svg).toContain('aria-label="G0: 50.0"');
  // A title's lines break where they are full.
  expect(texts(svg).join(' ')).toContain('examples that were right after 50 stand at 50');
});

test('the table has a row per group, and both kinds below', () => {
  const [table] = minimalTables(minimalTrace, groupLabels(fullReport.dataset));
  expect(table?.columns.map(({ name }) => name)).toEqual([
    ...['group', 'kind of group', 'examples', 'flipped', 'median neurons', 'mean', 'change, points'],
  ]);
  expect(table?.rows.map((row) => row.slice(1, 5))).toEqual([
    ['', '3', '33.33', '50.0'],
    ['', '3', '100.00', '3.0'],
    ['', '2', '100.00', '2.5'],
    ['', '0', '', ''],
    ['minority', '5', '100.00', '3.0'],
    ['majority', '3', '33.33', '50.0'],
  ]);
  expect(table?.rows[0]?.slice(5)).toEqual([expect.stringMatching(/^40\.0 \[/), '-2.00']);
});

test('the section says how it was found and compares, and is left out without examples', async () => {
  const text = await textOf(report);
  expect(text).toContain('Not in the article; after Maini et al.');
  expect(text).toContain('need fewer neurons than majority ones: median 3.0 against 50.0, p = 0.0');
  expect(text).toMatch(
    /Mann-Whitney U = 0, p = 0\.0\d+; a minority example needs fewer with probability 1\.00/,
  );
  for (const without of [fullReport, { ...report, made: [{ ...minimalTrace, examples: [] }] }]) {
    expect(await pageOf(without)).not.toContain('id="minimal"');
    expect(chartNames(without)).not.toContain('minimal');
  }
});

test('a row of the CSV is an example', () => {
  const rows = minimal.show(report, groupLabels(report.dataset))?.data?.rows ?? [];
  expect(rows).toHaveLength(minimalTrace.examples.length);
  expect(rows[0]).toMatchObject({
    group: 0,
    name: NAMES[0],
    filename: 'images/train/0/0.png',
    count: 20,
    flipped: 'yes',
    lossBefore: 0.01,
    lossAfter: 0.9,
    referenceAccuracyBefore: 1,
    referenceAccuracyAfter: 0.98,
  });
  expect(rows[1]).toMatchObject({ count: 50, flipped: 'no' });
});
