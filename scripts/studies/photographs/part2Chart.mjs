// Draws Part II of docs/studies/photographs.md, a dot a seed: node scripts/studies/photographs/part2Chart.mjs birds writes
// docs/studies/photographs/birds-test.svg. test/studies/chart.test.ts holds it against the table.
import { writeFileSync } from 'node:fs';
import { renderChart } from '#src/report/charts/render.js';
import { studyDots } from '#src/report/charts/studyDots.js';
import { summarizeSeeds } from '#src/metrics/seeds.js';
import { ARMS } from './arms.mjs';
import { completeArms, pathOf, readArguments, testSeedsOf } from './results.mjs';

/** For readers whose letters are wider than those that the chart was laid out for. */
const MARGIN = 40;

const { benchmark } = readArguments();
const complete = completeArms(benchmark, testSeedsOf(benchmark));
const rows = Object.keys(ARMS)
  .filter((arm) => arm in complete)
  .map((arm) => ({
    arm,
    testWorstGroupAccuracy: summarizeSeeds(complete[arm].map(({ worst }) => worst)),
    seeds: complete[arm].map(({ seed, worst }) => ({ seed, testWorstGroupAccuracy: worst })),
  }));
const { svg } = await renderChart(studyDots(`${benchmark}, Part II`, { rows, reference: 'ERM' }));
writeFileSync(pathOf(benchmark, 'test').replace(/csv$/, 'svg'), `${widened(svg)}\n`);

/** As a file of its own it has no page around it. */
function widened(chart) {
  return chart.replace(
    / width="([\d.]+)" height="([\d.]+)" viewBox="[^"]*"/,
    (_size, width, height) =>
      ` width="${Number(width) + 2 * MARGIN}" height="${height}" viewBox="${-MARGIN} 0 ${Number(width) + 2 * MARGIN} ${height}" style="background: white"`,
  );
}
