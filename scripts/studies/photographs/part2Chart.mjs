// Draws Part II of studies/photographs/plan.md, a dot a seed: node scripts/studies/photographs/part2Chart.mjs birds writes
// studies/photographs/results/birds-test.svg. test/studies/chart.test.ts holds it against the table.
import { join } from 'node:path';
import { summarizeSeeds } from '#src/metrics/seeds.js';
import { studyDots } from '#src/report/study/dots.js';
import { completeArms } from '#src/reproduce/studyFile/part2Tables.js';
import { Records } from '#src/reproduce/studyFile/records.js';
import { writeChart } from '../charts.mjs';
import { study } from './study.mjs';

const [, , benchmark = ''] = process.argv;
const seeds = study.benchmarks[benchmark]?.arms?.seeds;
if (seeds === undefined) throw new Error(`${study.path} has no arms of ${benchmark}.`);
const { complete } = await completeArms(new Records(study.recordsFolder, benchmark), seeds);
const rows = study.arms
  .filter(({ name }) => complete.has(name))
  .map(({ name }) => ({
    arm: name,
    testWorstGroupAccuracy: summarizeSeeds(complete.get(name).map(({ worst }) => worst)),
    seeds: complete.get(name).map(({ seed, worst }) => ({ seed, testWorstGroupAccuracy: worst })),
  }));
await writeChart(
  join(study.recordsFolder, `${benchmark}-test.svg`),
  studyDots(`${benchmark}, Part II`, { rows, reference: 'ERM' }),
);
