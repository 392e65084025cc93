// Draws Part II of docs/studies/photographs.md, a dot a seed: node scripts/studies/photographs/part2Chart.mjs birds writes
// docs/studies/photographs/birds-test.svg. test/studies/chart.test.ts holds it against the table.
import { studyDots } from '#src/report/charts/studyDots.js';
import { summarizeSeeds } from '#src/metrics/seeds.js';
import { ARMS } from './arms.mjs';
import { writeChart } from './chart.mjs';
import { completeArms, readArguments, testSeedsOf } from './results.mjs';

const { benchmark } = readArguments();
const complete = completeArms(benchmark, testSeedsOf(benchmark));
const rows = Object.keys(ARMS)
  .filter((arm) => arm in complete)
  .map((arm) => ({
    arm,
    testWorstGroupAccuracy: summarizeSeeds(complete[arm].map(({ worst }) => worst)),
    seeds: complete[arm].map(({ seed, worst }) => ({ seed, testWorstGroupAccuracy: worst })),
  }));
await writeChart(`${benchmark}-test`, studyDots(`${benchmark}, Part II`, { rows, reference: 'ERM' }));
