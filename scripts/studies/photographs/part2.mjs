// Part II of docs/studies/photographs.md: with the tuning seeds, trains every configuration of every arm; with another seed, trains
// the arms in their chosen configurations, or those that --arm names.
//
//   node scripts/studies/photographs/part2.mjs birds 100 101
//   node scripts/studies/photographs/part2.mjs birds 0 1 2
//   node scripts/studies/photographs/part2.mjs birds 0 1 2 --arm RWG --arm JTT
//
// Results go to docs/studies/photographs/, a row a run, as soon as a run is finished; its folder in runs/photographs/ is removed then, but
// for ERM's, from which other arms go on. What is there is not trained again, and several processes may each take seeds of their own. The
// runs of a seed that are tested are in one precision: bf16 where the processor has it, else fp32. The first tuning seed tries every configuration of an arm, the second the best two of these. The configuration with
// the best validation worst-group accuracy is chosen. No other result of the tuning is kept.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { mean } from 'simple-statistics';
import { gradCam, native } from '../../../dist/index.js';
import { ARMS, CONTRASTS } from './arms.mjs';
import { addResults, BENCHMARKS, completeArms, readArguments, readResults, testSeedsOf } from './results.mjs';

const TUNING_SEEDS = [100, 101];
/** What the curve compares: ERM, the best mask, the best baseline that trains the network, and last-layer retraining, which costs little. */
const MASKS = ['contrast, random mask', 'contrast, gradient mask', 'contrast, magnitude mask', 'released'];
/** Described, not tested, and trained from the data alone. */
const ALONE = ['ERM, 3e-4', 'RWG', 'GroupDRO', 'JTT'];
const BASELINES = ['RWG', 'SUBG', 'GroupDRO', 'JTT', 'CnC'];

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
    const tried = seed === TUNING_SEEDS[0] ? configurations : bestTwo(arm);
    for (const configuration of tried) await run('tuning', arm, configuration, seed);
  }
}

async function test(seed) {
  for (const arm of askedArms ?? armsOf(BENCHMARKS[benchmark])) await run('test', arm, chosen(arm), seed);
}

function armsOf({ arms = Object.keys(ARMS).filter((arm) => ARMS[arm].cut !== true), tunedOn, lacksGroups }) {
  if (arms !== 'best') return arms;
  // Methods that weigh groups have nothing to weigh where some have no training image.
  const baselines = lacksGroups ? [] : [bestOf(BASELINES, tunedOn)];
  return ['ERM', bestOf(MASKS, tunedOn), ...baselines, 'DFR'];
}

/** Of the arms that have all seeds on another benchmark, that with the best mean validation worst-group accuracy. */
function bestOf(arms, other) {
  const complete = completeArms(other, testSeedsOf(other));
  const tested = arms.filter((arm) => arm in complete);
  if (tested.length === 0)
    throw new Error(`On ${other}, none of ${arms.join(', ')} has all of its seeds yet.`);
  const score = (arm) => mean(complete[arm].map(({ validation }) => validation));
  return tested.reduce((best, arm) => (score(arm) > score(best) ? arm : best));
}

/** A seed's runs are compared with each other: all are in the precision of its first, but for arms that stand alone. */
function precisionOf(seed, arm) {
  const first = ALONE.includes(arm)
    ? undefined
    : readResults(benchmark, 'test').find((row) => row.seed === seed && !ALONE.includes(row.arm));
  return first?.precision ?? (native().fastBf16 ? 'bf16' : 'fp32');
}

/** Where a seed's runs are. */
function placeOf(seed, arm) {
  const folder = join('runs', 'photographs', `${benchmark}-part2`);
  const place = {
    ...BENCHMARKS[benchmark],
    seed,
    precision: precisionOf(seed, arm),
    out: join(folder, `run-${seed}`),
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
  // Of a run that was stopped, perhaps of another arm.
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

/**
 * An arm's configuration with the best validation worst-group accuracy on the first tuning seed, the only one that all arms were tried on;
 * the first of equals. The contrasts share the one that is best in their mean.
 */
function chosen(arm) {
  const { configurations } = ARMS[arm];
  if (configurations.length === 1) return configurations[0];
  const scores = (CONTRASTS.includes(arm) ? CONTRASTS : [arm]).map((each) =>
    scoresOf(each).map(({ score }) => score),
  );
  if (scores.flat().includes(undefined)) notTuned(arm);
  const means = configurations.map((_, at) => mean(scores.map((values) => values[at])));
  return configurations[means.indexOf(Math.max(...means))];
}

/** The two configurations that the first tuning seed found best, in the order of the list; of equals the first. */
function bestTwo(arm) {
  const scores = scoresOf(arm);
  if (scores.some(({ score }) => score === undefined)) notTuned(arm);
  const ranked = scores.toSorted((a, b) => b.score - a.score).slice(0, 2);
  return scores.filter((entry) => ranked.includes(entry)).map(({ settings }) => settings);
}

/** Of each configuration, its validation worst-group accuracy on the first tuning seed; undefined where it is missing. */
function scoresOf(arm) {
  const rows = readResults(BENCHMARKS[benchmark].tunedOn ?? benchmark, 'tuning').filter(
    (row) => row.arm === arm && row.seed === TUNING_SEEDS[0],
  );
  return ARMS[arm].configurations.map((settings) => {
    const configuration = JSON.stringify(settings);
    return { settings, score: rows.find((row) => row.configuration === configuration)?.validation };
  });
}

function notTuned(arm) {
  const on = BENCHMARKS[benchmark].tunedOn ?? benchmark;
  throw new Error(`${arm} is not tuned yet: run part2.mjs ${on} ${TUNING_SEEDS.join(' ')}`);
}
