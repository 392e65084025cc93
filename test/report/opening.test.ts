import type { RunReport } from '../../src/report/figure.js';
import { groupLabels } from '../../src/report/groupLabels.js';
import { openingSentences } from '../../src/report/sections/opening.js';
import { erm, fullReport, trace } from './fixtures.js';
import { pageOf } from './support.js';

const quickstart: RunReport = {
  ...fullReport,
  dataset: { ...fullReport.dataset, targetNames: ['pullover', 'coat'] },
  comparison: {
    kind: 'comparison',
    runs: [{ title: 'ERM', run: 'runs/quickstart', epochs: 8, val: erm.val, test: erm.test, shows: 'x' }],
  },
};
const groups = groupLabels(quickstart.dataset);

test('the quickstart\u2019s page opens with what the network does, why, and what its neurons have to do with it', async () => {
  const [first = '', second = '', third = '', ...others] = openingSentences(quickstart, groups);
  expect(others).toEqual([]);
  const { average, worstGroupAccuracy } = erm.test;
  expect(first).toBe(
    `This network was trained to tell pullover from coat: it is right on ${(100 * average).toFixed(2)} % of the test images, ` +
      `but on only ${(100 * worstGroupAccuracy).toFixed(2)} % of the group coat with 0.`,
  );
  // 184 and 56 of 4,795.
  expect(second).toContain('(pullover with 1 and coat with 0 are 5.0 % of it)');
  expect(third).toMatch(
    /^Zeroing \d neurons? of \d+ \(.+\) (?:takes|adds) [\d.]+ points of the training accuracy (?:from|to) /,
  );
  expect(third).toMatch(/; random neurons of the same layers (?:take|add) [\d.]+ points on average\.$/);
  const page = await pageOf(quickstart);
  expect(page.indexOf('This network was trained to tell')).toBeLessThan(page.indexOf('<main>'));
  expect(page).toContain('<code>npx spurmem init</code>');
});

test('other pages have neither, and what was not measured is not said', async () => {
  expect(openingSentences(fullReport, groups)).toEqual([]);
  expect(await pageOf(fullReport)).not.toContain('spurmem init');
  const { result: _result, ...untested } = quickstart;
  expect(openingSentences({ ...untested, traces: [] }, groups)).toHaveLength(1);
  const bare = { ...trace, entries: trace.entries.map((entry) => ({ ...entry, comparisons: null })) };
  expect(openingSentences({ ...quickstart, traces: [bare] }, groups)[2]).not.toContain('random');
});
