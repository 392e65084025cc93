// Part II of docs/studies/photographs.md: tunes every arm on seeds 100 and 101, then trains it with each seed.
//
//   node scripts/studies/photographs/part2.mjs birds 0 1 2
//
// Results go to docs/studies/photographs/, a row a run, as soon as a run is finished; its folder is removed then. What is there is not
// trained again. The configuration of an arm is the one with the best mean validation worst-group accuracy on the tuning seeds,
// of which no other result is kept.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import {
  gradCam,
  trainCnc,
  trainDfr,
  trainErm,
  trainFinetune,
  trainGroupDro,
  trainJtt,
  trainRwg,
  trainSubg,
} from '../../../dist/index.js';
import { addResults, BENCHMARKS, readArguments, readResults, WEIGHTS } from './results.mjs';

const TUNING_SEEDS = [100, 101];
const AUGMENTATION = {
  randomResizedCrop: { size: [112, 112], scale: [0.7, 1], ratio: [3 / 4, 4 / 3] },
  horizontalFlip: 0.5,
};
const RATES = [1e-5, 3e-5, 1e-4, 3e-4];

const { benchmark, seeds } = readArguments();
const { data, epochs, kickIn } = BENCHMARKS[benchmark];
const COMMON = { data, arch: 'resnet18', weights: WEIGHTS, precision: 'bf16', batchSize: 64, resume: true };
const FROM_DATA = { ...COMMON, epochs, augmentation: AUGMENTATION };

/** All combinations of two settings' values. */
function combinations(one, values, other, otherValues) {
  return values.flatMap((value) => otherValues.map((second) => ({ [one]: value, [other]: second })));
}

const CONTRAST = combinations('lr', [1e-5, 1e-4], 'lambda', [1, 10]);
const WITH_RATES = RATES.map((lr) => ({ lr }));

/** An arm that goes on from ERM. */
function finetuned(settings, configurations) {
  return {
    continuesErm: true,
    configurations,
    train: async ({ out, seed, ...configuration }) =>
      trainFinetune({
        ...{ from: await ermFolder(seed), data, out, seed, resume: true, batchSize: 64, precision: 'bf16' },
        ...{ kickInEpoch: kickIn, epochs: epochs - kickIn, viewAugmentation: AUGMENTATION, fraction: 0.001 },
        ...{ select: 'best-worst-group', ...settings, ...configuration },
      }),
  };
}

/** An arm that trains from the ImageNet weights. */
function fromData(train, configurations, settings = {}) {
  return {
    configurations,
    train: ({ out, seed, ...configuration }) =>
      train({ ...FROM_DATA, ...settings, ...configuration, out, seed }),
  };
}

const ARMS = {
  ERM: fromData(trainErm, [{ lr: 1e-4 }]),
  'continued, squared error': finetuned({ contrast: false }, WITH_RATES),
  'continued, cross-entropy': finetuned({ contrast: false, supervised: 'cross-entropy' }, WITH_RATES),
  'contrast, no mask': finetuned({ criterion: 'none' }, CONTRAST),
  'contrast, random mask': finetuned({ criterion: 'random-same-layers' }, CONTRAST),
  'contrast, gradient mask': finetuned({ criterion: 'gradient' }, CONTRAST),
  'contrast, magnitude mask': finetuned({ criterion: 'magnitude' }, CONTRAST),
  released: finetuned(
    // What the published code says of these is what the arms share here.
    { protocol: 'released', fraction: 0.01 },
    combinations('lr', [5e-6, 5e-5], 'lambda', [0.2, 2]),
  ),
  RWG: fromData(trainRwg, WITH_RATES),
  SUBG: fromData(trainSubg, WITH_RATES),
  GroupDRO: fromData(trainGroupDro, combinations('lr', [1e-5, 1e-4], 'groupDroStep', [0.01, 0.1])),
  JTT: fromData(trainJtt, combinations('lr', [1e-5, 1e-4], 'upweight', [5, 20]), {
    identificationEpochs: Math.max(1, Math.round(0.2 * epochs)),
  }),
  CnC: fromData(trainCnc, combinations('lr', [1e-5, 1e-4], 'contrastWeight', [0.5, 0.75]), {
    identificationEpochs: Math.max(1, Math.round(0.2 * epochs)),
  }),
  // Chooses its penalty on validation by itself.
  DFR: {
    configurations: [{}],
    train: async ({ out, seed }) =>
      trainDfr({
        from: await ermFolder(seed),
        data,
        out,
        seed,
        resume: true,
        inverseStrengths: [0.1, 0.03, 0.01],
        draws: 5,
      }),
  },
};

for (const seed of TUNING_SEEDS) {
  for (const [arm, { configurations }] of Object.entries(ARMS)) {
    // One configuration needs no choice.
    if (configurations.length > 1)
      for (const settings of configurations) await run('tuning', arm, settings, seed);
  }
  await forget(seed);
}
for (const seed of seeds) {
  for (const arm of Object.keys(ARMS)) await run('test', arm, chosen(arm), seed);
  await forget(seed);
}

function folderOf(...names) {
  return join('runs', 'photographs', `${benchmark}-part2`, ...names);
}

/** The run of ERM that arms of a seed go on from; trained once. */
async function ermFolder(seed) {
  const out = folderOf(`erm-${seed}`);
  await trainErm({ ...FROM_DATA, lr: 1e-4, out, seed });
  return out;
}

async function forget(seed) {
  await rm(folderOf(`erm-${seed}`), { recursive: true, force: true });
}

async function run(phase, arm, settings, seed) {
  const configuration = JSON.stringify(settings);
  const isThere = (row) => row.arm === arm && row.seed === seed && row.configuration === configuration;
  if (readResults(benchmark, phase).some(isThere)) return;
  const out = arm === 'ERM' ? folderOf(`erm-${seed}`) : folderOf('run');
  const start = performance.now();
  const cpu = process.cpuUsage();
  const result = await ARMS[arm].train({ ...settings, out, seed });
  const { user, system } = process.cpuUsage(cpu);
  addResults(benchmark, phase, [
    {
      ...{ arm, seed, configuration },
      validation: result.val.worstGroupAccuracy,
      // The test split has no say in tuning, and nobody looks at it there.
      ...(phase === 'test'
        ? {
            ...Object.fromEntries(result.test.accuracy.map((accuracy, group) => [`group${group}`, accuracy])),
            worst: result.test.worstGroupAccuracy,
          }
        : {}),
      ...{ seconds: (performance.now() - start) / 1000, processorSeconds: (user + system) / 1e6 },
    },
  ]);
  if (phase === 'test' && ARMS[arm].continuesErm) await addHeat(arm, seed, out);
  if (arm !== 'ERM') await rm(out, { recursive: true, force: true });
}

/** Where the benchmark has masks: the share of the heat on the core of each test image, before and after. */
async function addHeat(arm, seed, run) {
  const { groups, coreRegion } = await gradCam({
    run,
    compare: await ermFolder(seed),
    split: 'test',
    examples: 0,
    seed,
  });
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

/** An arm's configuration with the best mean validation worst-group accuracy over the tuning seeds; the first of equals. */
function chosen(arm) {
  const { configurations } = ARMS[arm];
  if (configurations.length === 1) return configurations[0];
  const rows = readResults(benchmark, 'tuning').filter((row) => row.arm === arm);
  const score = (settings) => {
    const values = rows
      .filter(({ configuration }) => configuration === JSON.stringify(settings))
      .map(({ validation }) => validation);
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  };
  return configurations.reduce((best, settings) => (score(settings) > score(best) ? settings : best));
}
