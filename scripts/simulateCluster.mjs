// Simulates a study on many hosts with a shared folder, of which some die or are suspended: node scripts/simulateCluster.mjs [OPTION=VALUE...],
// after npm run build. Options: those of bench/src/simulation/cluster.ts. docs/reliability.md has its output.
import { simulateCluster } from '../bench/dist/simulation/cluster.js';

const given = process.argv.slice(2).map((word) => word.split('='));
const values = given.map(([name, value]) => [name, JSON.parse(value)]);
const options = { jobs: 1000, workers: 100, seed: 0.1, deathHours: 3, ...Object.fromEntries(values) };
const { makespan, work, lostWork, ...seen } = await simulateCluster(options);
console.log({
  ...options,
  ...seen,
  callsPerJob: Math.round(seen.calls / options.jobs),
  lostHours: lostWork / 3600,
  hours: makespan / 3600,
  idealHours: work / options.workers / 3600,
  idealOfAllWorkHours: (work + lostWork) / options.workers / 3600,
});
process.exit();
