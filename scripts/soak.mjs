// Memory, threads and files that one process holds over 2,000 steps of ERM, 2,000 of fine-tuning and 200 traces:
//   node scripts/soak.mjs          some minutes
//   node scripts/soak.mjs 0.1      a tenth of each
//   node scripts/soak.mjs 1 FILE   and 500 steps and 50 traces of a program of torch.export, for images of 32 x 16 px
// After a warm-up of a quarter of each part, resident memory stays within 2 %, no tensor is left, and neither threads nor file
// descriptors become more. Prints the figures, and ends with 1 if one of these fails.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  buildDominoes,
  DEFAULT_DOMINOES,
  native,
  traceUnstructured,
  trainErm,
  trainFinetune,
} from '../dist/index.js';

const SCALE = Number(process.argv[2] ?? 1);
const MAX_GROWTH = 0.02;
const BATCH = 8;
const STEPS_PER_EPOCH = 50;
const EPOCHS = Math.max(4, Math.ceil((2000 / STEPS_PER_EPOCH) * SCALE));
const TRACES = Math.max(4, Math.ceil(200 * SCALE));
const PROGRAM = process.argv[3];

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
const folder = mkdtempSync(join(tmpdir(), 'spurmem-soak-'));
const data = join(folder, 'data');
const run = join(folder, 'run');
const train = [190, 20, 30, 160];
const small = [8, 8, 8, 8];
await buildDominoes(data, { ...DEFAULT_DOMINOES, counts: { train, val: small, test: small }, size: 32 });

const held = () => {
  collect();
  return {
    resident: process.memoryUsage.rss(),
    threads: readdirSync('/proc/self/task').length,
    descriptors: readdirSync('/proc/self/fd').length,
    tensors: native().liveTensors(),
  };
};
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
let isFlat = true;

/** Compares the memory held after each turn: the last quarter with the quarter after the warm-up. */
function judge(name, samples) {
  const quarter = Math.floor(samples.length / 4);
  const [early, late] = [samples.slice(quarter, 2 * quarter), samples.slice(-quarter)];
  const of = (key) => [early, late].map((part) => median(part.map((sample) => sample[key])));
  const [before, after] = of('resident');
  const growth = after / before - 1;
  const counts = ['threads', 'descriptors', 'tensors'].map((key) => [key, ...of(key)]);
  const more = counts.filter(([, first, last]) => last > first);
  if (growth > MAX_GROWTH || more.length > 0) isFlat = false;
  const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
  console.log(
    `${name}: ${megabytes(before)} to ${megabytes(after)} MB (${(100 * growth).toFixed(2)} %), ` +
      counts.map(([key, first, last]) => `${key} ${first} to ${last}`).join(', '),
  );
}

const settings = { data, batchSize: BATCH, epochs: EPOCHS, device: 'cpu', threads: 1, seed: 0 };
let samples = [];
const onEpoch = () => samples.push(held());
await trainErm({ ...settings, out: run, arch: 'resnet20', lr: 1e-3, onEpoch });
judge(`${EPOCHS * STEPS_PER_EPOCH} steps of ERM`, samples);

samples = [];
await trainFinetune({ ...settings, from: run, out: join(folder, 'fine-tuned'), onEpoch });
judge(`${EPOCHS * STEPS_PER_EPOCH} steps of fine-tuning`, samples);

async function trace(run, times) {
  samples = [];
  for (let seed = 0; seed < times; seed += 1) {
    await traceUnstructured({ run, topK: [1], nullDraws: 0, samples: 16, device: 'cpu', threads: 1, seed });
    samples.push(held());
  }
}
await trace(run, TRACES);
judge(`${TRACES} traces`, samples);

if (PROGRAM !== undefined) {
  const of = { out: join(folder, 'program'), arch: PROGRAM, epochs: Math.max(4, EPOCHS / 4), lr: 1e-3 };
  samples = [];
  await trainErm({ ...settings, ...of, onEpoch });
  judge(`${of.epochs * STEPS_PER_EPOCH} steps of an exported program`, samples);
  await trace(of.out, Math.max(4, TRACES / 4));
  judge(`${samples.length} traces of it`, samples);
}

const left = held().tensors;
console.log(`tensors left at the end: ${left}`);
rmSync(folder, { recursive: true });
process.exitCode = isFlat && left === 0 ? 0 : 1;
