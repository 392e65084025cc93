// Runs the product's jobs on a device, small: node [--require ./test/device/load.cjs] test/device/product.mjs DEVICE FOLDER
// [JOB...]. FOLDER/data holds the dataset. Prints a line of JSON for each job: what it gave, as a hash or in words, and what the
// device for tests counted meanwhile.
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import * as spurmem from '../../dist/index.js';
import { readSafetensors } from '../../dist/models/safetensors.js';
import { PART1 } from '../../dist/reproduce/articleFigures.js';

const [, , device, folder, ...names] = process.argv;
const data = join(folder, 'data');
const { testDevice } = globalThis;
const { WORLD_SIZE = '1' } = process.env;
const out = (name) => join(folder, `${device.replace(':', '')}-${WORLD_SIZE}-${name}`);
const engine = { device, threads: 1 };
const recipe = {
  data,
  arch: 'resnet20',
  epochs: 2,
  batchSize: 16,
  lr: 1e-3,
  seed: 3,
  keepState: true,
  ...engine,
};
const erm = out('erm');
const traced = { run: erm, ...engine };
const tuning = { from: erm, epochs: 1, batchSize: 16, ...engine };
const vit = { arch: 'vit_tiny_patch16_224', imageSize: [32, 32], patchSize: 8, epochs: 1 };

const hashOf = (...parts) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, 12);
};

/** The hash of all weights and the optimizer's moments. */
async function hashOfRun(name) {
  const run = out(name);
  const files = readdirSync(run, { recursive: true }).filter((file) => file.endsWith('.safetensors'));
  const parts = [];
  for (const file of files.sort()) {
    const { tensors } = await readSafetensors(join(run, file));
    for (const [key, { data: values }] of Object.entries(tensors)) {
      parts.push(key, Buffer.from(values.buffer, values.byteOffset, values.byteLength));
    }
  }
  return hashOf(...parts);
}

const training = (method, options, prepare) => async (name) => {
  await prepare?.(name);
  await spurmem.train(method, { ...options, out: out(name) });
  return hashOfRun(name);
};

const tracing = (method, options) => async () => {
  const result = await spurmem[method]({ ...traced, ...options });
  const { entries = result } = result;
  return hashOf(JSON.stringify(entries, (key, value) => (key === 'run' ? undefined : value)));
};

/** Stopped in its second epoch, and continued. */
async function stop(name) {
  const stopping = new globalThis.AbortController();
  const onProgress = (event) => {
    if (event.task === 'epoch 2/2' && event.done > 0) stopping.abort();
  };
  const run = spurmem.trainErm({ ...recipe, out: out(name), signal: stopping.signal, onProgress });
  const code = await run.then(
    () => 'none',
    (error) => error.code,
  );
  if (code !== 'INTERRUPTED') throw new Error(`it was not stopped: ${code}`);
  if (!readdirSync(join(out(name), 'checkpoints')).includes('epoch-1')) throw new Error('no epoch was saved');
}

/** A study of the article's Part II with two rows, as its recorded table without times. */
async function study() {
  const short = { epochs: 1, batchSize: 16 };
  const set = [
    `settings.data=${JSON.stringify({ ...short, arch: 'resnet20', lr: 1e-3 })}`,
    `settings.run=${JSON.stringify(short)}`,
    'data.dataset.compared.arms=[ERM, fine-tuned]',
  ];
  const read = await spurmem.readStudy('fig6', { data, out: out('study'), seeds: [3], set });
  await spurmem.runStudy(read, engine);
  const table = readFileSync(join(read.recordsFolder, 'dataset-test.csv'), 'utf8');
  return hashOf(table.replaceAll(/,[^,]*,[^,]*$/gm, ''));
}

/** The figures and tables of the article’s Part I, as their CSV files. */
async function part1() {
  const small = { sigmas: [0.005], repeats: 1, nullDraws: 0, samples: 2, seed: 3 };
  await spurmem.reproducePart1({ figures: PART1, run: erm, ...small, ...engine });
  const results = join(erm, 'results');
  const tables = readdirSync(results).filter((file) => file.endsWith('.csv'));
  return hashOf(...tables.sort().map((file) => readFileSync(join(results, file))));
}

/** Trains in a thread of its own, as a program with a worker does. */
async function inWorker(name) {
  const workerData = { ...recipe, epochs: 1, out: out(name) };
  const url = JSON.stringify(new URL('../../dist/index.js', import.meta.url));
  const code = `import(${url}).then(({ trainErm }) => trainErm(require('node:worker_threads').workerData))`;
  const [exitCode] = await once(new Worker(code, { eval: true, workerData }), 'exit');
  if (exitCode !== 0) throw new Error(`the worker ended with ${exitCode}`);
  return hashOfRun(name);
}

/** A failure's code and first words. */
async function failureOf(name, prepare) {
  prepare();
  try {
    await spurmem.trainErm({ ...recipe, epochs: 1, out: out(name) });
    return 'none';
  } catch (error) {
    return `${error.code}: ${error.message}`;
  } finally {
    testDevice.setCapacity(8 * 2 ** 30);
    testDevice.find();
  }
}

/** Jobs that run by name alone: long ones of which each part is a job, and of the device for tests. */
const OTHERS = {
  part1,
  study,
  'no-memory': (name) => failureOf(name, () => testDevice.setCapacity(2 ** 22)),
  'no-memory-once': (name) => failureOf(name, () => testDevice.failAllocation(700)),
  lost: (name) => failureOf(name, () => testDevice.lose(1500)),
  'lost-at-wait': (name) => failureOf(name, () => testDevice.loseAtWait(70)),
};

const JOBS = {
  erm: training('erm', recipe),
  'erm-bf16': training('erm', { ...recipe, precision: 'bf16' }),
  'erm-contiguous': training('erm', { ...recipe, epochs: 1, memoryFormat: 'contiguous' }),
  'erm-deterministic': training('erm', { ...recipe, epochs: 1, deterministic: true }),
  'erm-simclr': training('erm', { ...recipe, epochs: 1, augmentation: 'simclr', trackImages: true }),
  resume: training('erm', { ...recipe, resume: true }, stop),
  vit: training('erm', { ...recipe, ...vit }),
  'vit-bf16': training('erm', { ...recipe, ...vit, precision: 'bf16' }),
  rwy: training('rwy', { ...recipe, epochs: 1 }),
  rwg: training('rwg', { ...recipe, epochs: 1 }),
  suby: training('suby', { ...recipe, epochs: 1 }),
  subg: training('subg', { ...recipe, epochs: 1 }),
  'group-dro': training('groupdro', { ...recipe, epochs: 1 }),
  jtt: training('jtt', { ...recipe, epochs: 1, identificationEpochs: 1, upweight: 2 }),
  cnc: training('cnc', {
    ...recipe,
    epochs: 1,
    identificationEpochs: 1,
    anchors: 2,
    positives: 2,
    negatives: 2,
  }),
  dfr: async () =>
    hashOf(JSON.stringify((await spurmem.trainDfr({ from: erm, out: out('dfr'), ...engine })).test)),
  'finetune-gradient': training('finetune', { ...tuning, criterion: 'gradient' }),
  'finetune-magnitude': training('finetune', { ...tuning, criterion: 'magnitude' }),
  unstructured: tracing('traceUnstructured', {
    topK: [1, 3],
    criteria: ['gradient', 'magnitude', 'gradient-x-weight'],
    nullDraws: 1,
    samples: 4,
  }),
  'unstructured-noise': tracing('traceUnstructured', {
    topK: [2],
    perturbation: 'noise',
    repeats: 1,
    samples: 4,
  }),
  'unstructured-reinit': tracing('traceUnstructured', {
    topK: [2],
    perturbation: 'reinit',
    repeats: 1,
    samples: 4,
  }),
  'unstructured-mean': tracing('traceUnstructured', {
    topK: [2],
    perturbation: 'mean',
    nullDraws: 0,
    samples: 4,
  }),
  predictions: tracing('evaluateRun', { rows: true }),
  structured: tracing('traceStructured', { nullDraws: 0 }),
  overlap: tracing('traceOverlap', {}),
  minimal: tracing('traceMinimal', { referenceSize: 8, examples: 2, maxNeurons: 4 }),
  'grad-cam': tracing('gradCam', {}),
  worker: inWorker,
};

if (WORLD_SIZE !== '1') await spurmem.joinProcessGroup();

for (const name of names.length > 0 ? names : Object.keys(JOBS)) {
  testDevice?.forget();
  const start = performance.now();
  const line = { job: name };
  try {
    line.result = await (JOBS[name] ?? OTHERS[name])(name);
  } catch (error) {
    line.error = `${error.code}: ${error.message}`;
  }
  line.milliseconds = Math.round(performance.now() - start);
  console.log(JSON.stringify({ ...line, ...testDevice?.report() }));
}
