import { type ClusterOptions, simulateCluster } from '../../bench/src/simulation/cluster.js';

// The short form of scripts/simulateCluster.mjs.

const SMALL: ClusterOptions = { jobs: 100, workers: 10, seed: 0.1 };
/** What never happens. */
const SAFE = {
  lostJobs: 0,
  extraRows: 0,
  shortened: 0,
  doubleRuns: 0,
  foreignWrites: 0,
  repeatedEpochs: 0,
  wrongTakeOvers: 0,
  failures: [],
};

test('workers on a shared folder run each job once, and seldom wait', async () => {
  const seen = await simulateCluster(SMALL);
  expect(seen).toMatchObject({ ...SAFE, takeOvers: 0, lostWork: 0 });
  // A job takes up to 20 minutes.
  expect(seen.makespan).toBeLessThan(seen.work / 10 + 1200);
  // Its owner's beats, its files, and the others' looks.
  expect(seen.calls / 100).toBeLessThan(1000);
});

test('jobs that are shorter than caches last lose no rows', async () => {
  expect(await simulateCluster({ ...SMALL, jobs: 300, workers: 20, epochSeconds: 2 })).toMatchObject(SAFE);
});

test.each([false, true])(
  'workers die, or are suspended and write nothing afterwards (cached lists: %s)',
  async (cachesLists) => {
    const seen = await simulateCluster({ ...SMALL, deathHours: 1, suspensionHours: 0.5, cachesLists });
    expect(seen).toMatchObject(SAFE);
    expect(Math.min(seen.deaths, seen.suspensions, seen.takeOvers)).toBeGreaterThan(5);
  },
);

test('a lock that is too weak shows', async () => {
  const hasty = await simulateCluster({ ...SMALL, staleMs: 4000, hours: 1 });
  expect(Math.min(hasty.doubleRuns, hasty.wrongTakeOvers)).toBeGreaterThan(5);
  const unchecked = await simulateCluster({ ...SMALL, isUnchecked: true, suspensionHours: 0.5 });
  expect(unchecked.foreignWrites).toBeGreaterThan(5);
});
