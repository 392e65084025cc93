// Draws Part II of a study, a dot a seed:
//   node scripts/studies/part2Chart.mjs studies/photographs/study.yaml birds
// writes NAME-test.svg beside the results; NAME is a benchmark, or a pool, which has a dot a seed of each member.
import { join } from 'node:path';
import { summarizeSeeds } from '#src/metrics/seeds.js';
import { studyDots } from '#src/report/study/dots.js';
import { completeArms } from '#src/reproduce/studyFile/part2Tables.js';
import { writeChart } from './charts.mjs';
import { readNamed } from './named.mjs';

const { path, name, study, members } = await readNamed();
const seeds = members.flatMap((member) => study.benchmarks[member]?.arms?.seeds ?? []);
if (seeds.length === 0) throw new Error(`${path} has no arms of ${name}.`);
const { complete } = await completeArms(study, members);
const rows = study.arms
  .filter((arm) => complete.has(arm.name))
  .map((arm) => ({
    arm: arm.name,
    testWorstGroupAccuracy: summarizeSeeds(complete.get(arm.name).map(({ worst }) => worst)),
    seeds: complete.get(arm.name).map(({ seed, worst }) => ({ seed, testWorstGroupAccuracy: worst })),
  }));
const chart = studyDots(`${name}, Part II`, { rows, reference: study.comparisons.reference });
await writeChart(join(study.recordsFolder, `${name}-test.svg`), chart);
