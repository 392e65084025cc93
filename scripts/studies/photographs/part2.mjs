// Part II of docs/studies/photographs.md: with the tuning seeds, trains every configuration of every arm; with another seed, trains
// the arms in their chosen configurations, or those that --arm names.
//
//   node scripts/studies/photographs/part2.mjs birds 100 101
//   node scripts/studies/photographs/part2.mjs birds 0 1 2
//   node scripts/studies/photographs/part2.mjs birds 0 1 2 --arm RWG --arm JTT
//
// Results go to docs/studies/photographs/, a row a run, as soon as a run is finished; its folder in runs/photographs/ is removed then, but
// for ERM's, from which other arms go on. What is there is not trained again, and several processes may each take seeds of their own. The
// first tuning seed tries every configuration of an arm, the second the best two of these. The configuration with the best validation
// worst-group accuracy is chosen (choices.mjs). No other result of the tuning is kept.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { gradCam, native } from '../../../dist/index.js';
import { ARMS } from './arms.mjs';
import { BASELINES, bestOf, bestTwo, chosen, MASKS, precisionOf, TUNING_SEEDS } from './choices.mjs';
import { addResults, BENCHMARKS, completeArms, readArguments, readResults, testSeedsOf } from './results.mjs';

const { benchmark, seeds, arms: askedArms } = readArguments();
const unknownArm = askedArms?.find((arm) => !(arm in ARMS));
if (unknownArm !== undefined) {
  console.error(`There is no arm "${unknownArm}". Arms: ${Object.keys(ARMS).join(', ')}`);
  process.exit(2);
}
for (const seed of seeds) await (TUNING_SEEDS.includes(seed) ? tune(seed) : test(seed));

async function tune(seed) {
  for (const [arm, { configurations }] of Object.entries(ARMS)) {
    // One configuration needs no choice.
    if (configurations.length === 1) continue;
    const tried = seed === TUNING_SEEDS[0] ? configurations : bestTwo(arm, tuningRows());
    for (const configuration of tried) await run('tuning', arm, configuration, seed);
  }
}

async function test(seed) {
  for (const arm of askedArms ?? armsOf(BENCHMARKS[benchmark])) {
    await run('test', arm, chosen(arm, tuningRows()), seed);
  }
}

function armsOf({ arms = Object.keys(ARMS).filter((arm) => ARMS[arm].cut !== true), tunedOn, lacksGroups }) {
  if (arms !== 'best') return arms;
  const complete = completeArms(tunedOn, testSeedsOf(tunedOn));
  const best = (of) => bestOf(of, complete);
  // Methods that weigh groups have nothing to weigh where some have no training image.
  const baselines = lacksGroups ? [] : [best(BASELINES)];
  return ['ERM', best(MASKS), ...baselines, 'DFR', 'ERM, 3e-4'];
}

/** Where a seed's runs are. */
function placeOf(seed, arm) {
  const folder = join('runs', 'photographs', `${benchmark}-part2`);
  const place = {
    ...BENCHMARKS[benchmark],
    seed,
    precision: precisionOf(seed, arm, readResults(benchmark, 'test'), native().fastBf16),
    // By arm, so that processes may each take arms of a seed: those that go on from its ERM run are for one of them.
    out: join(folder, `run-${seed}-${arm}`),
    ermFolder: join(folder, `erm-${seed}`),
  };
  return {
    ...place,
    async erm() {
      const [configuration] = ARMS.ERM.configurations;
      await ARMS.ERM.train({ ...place, out: place.ermFolder }, configuration);
      return place.ermFolder;
    },
  };
}

async function run(phase, arm, settings, seed) {
  const configuration = JSON.stringify(settings);
  const isThere = (row) => row.arm === arm && row.seed === seed && row.configuration === configuration;
  if (readResults(benchmark, phase).some(isThere)) return;
  const place = placeOf(seed, arm);
  const out = arm === 'ERM' ? place.ermFolder : place.out;
  // Of a run that was stopped.
  if (arm !== 'ERM') await rm(out, { recursive: true, force: true });
  const start = performance.now();
  const cpu = process.cpuUsage();
  const result = await ARMS[arm].train({ ...place, out }, settings);
  const { user, system } = process.cpuUsage(cpu);
  if (phase === 'test' && ARMS[arm].continuesErm) await addHeat(arm, place);
  addResults(benchmark, phase, [
    {
      ...{ arm, seed, configuration },
      validation: result.val.worstGroupAccuracy,
      // The test split has no say in tuning, and nobody looks at it there.
      ...(phase === 'test'
        ? {
            precision: place.precision,
            ...Object.fromEntries(result.test.accuracy.map((accuracy, group) => [`group${group}`, accuracy])),
            worst: result.test.worstGroupAccuracy,
          }
        : {}),
      ...{ seconds: (performance.now() - start) / 1000, processorSeconds: (user + system) / 1e6 },
    },
  ]);
  if (arm !== 'ERM') await rm(out, { recursive: true, force: true });
}

/** Where the benchmark has masks: the share of the heat on the core of each test image, before and after. */
async function addHeat(arm, { out, seed, erm }) {
  if (readResults(benchmark, 'heat').some((row) => row.arm === arm && row.seed === seed)) return;
  const compare = await erm();
  const { groups, coreRegion } = await gradCam({ run: out, compare, split: 'test', examples: 0, seed });
  if (coreRegion === null) return;
  addResults(
    benchmark,
    'heat',
    groups.map(({ group, core, before, after, difference }) => ({
      ...{ arm, seed, group, core, before: before.share?.mean, after: after.share?.mean },
      difference: difference?.mean,
    })),
  );
}

/** The tuning's rows that the benchmark's arms are chosen by. */
function tuningRows() {
  return readResults(BENCHMARKS[benchmark].tunedOn ?? benchmark, 'tuning');
}
