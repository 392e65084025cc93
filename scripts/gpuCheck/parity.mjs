// Compares with PyTorch on the same device: node scripts/gpuCheck/parity.mjs DEVICE FILE
// Logits within 1e-4 of the largest, gradients within 1e-3 of each tensor's norm, the same ten neurons with the largest gradients, and
// after each of three epochs of ERM the same accuracies of all groups within one image in 500. Views of images that the device has, and
// of those that are sent there, within two of 255 levels of what the CPU makes. Writes what it saw, and ends with 1 where one differs by
// more.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dominoes } from '../../bench/dist/data.js';
import { BatchLoader } from '../../dist/data/batches.js';
import { loadDataset } from '../../dist/data/dataset.js';
import { Model, takeData } from '../../dist/models/model.js';
import { readSafetensors, writeSafetensors } from '../../dist/models/safetensors.js';
import { addonInUse, native } from '../../dist/native/addon.js';
import { openEngine } from '../../dist/native/engine.js';
import { selectTopK } from '../../dist/neurons/select.js';
import { augmentationOf, SIMCLR } from '../../dist/train/augmentation.js';
import { trainErm } from '../../dist/train/methods.js';
import { RunFolder } from '../../dist/train/runFolder.js';

// Deterministic products need it, and cuBLAS reads it once, at its first product.
process.env.CUBLAS_WORKSPACE_CONFIG ??= ':4096:8';
const [device, file] = process.argv.slice(2);
const MAX = { logits: 1e-4, gradients: 1e-3, topNeurons: 0, accuracy: 1 / 500, levels: 2 };
const [LARGE, SMALL] = [
  { size: 224, batch: 32 },
  { size: 64, batch: 8 },
];
// The device for tests computes like the CPU, and is compared with PyTorch on the CPU.
const isSmall = device === 'cpu' || device.startsWith('test');
const pythonsDevice = isSmall ? 'cpu' : device;
const MODELS = isSmall ? ['resnet18', 'vit_tiny_patch16_224'] : ['resnet50', 'vit_small_patch16_224'];
const python = process.env.SPURMEM_PYTHON ?? addonInUse().libtorch.python ?? 'python3';
const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'spurmem-gpu-check-'));
const checks = [];

function check(what, found, max) {
  const passed = found <= max;
  checks.push({ what, found, max, passed });
  console.log(`${passed ? 'ok  ' : 'FAIL'} ${what}: ${found.toPrecision(3)} (at most ${max})`);
}

async function checkModel(arch) {
  const { size, batch } = isSmall ? SMALL : LARGE;
  const generator = new (native().Generator)(7);
  const model = await Model.create({ arch, numClasses: 2, generator, device, imageSize: [size, size] });
  const shape = [batch, 3, size, size];
  const images = { data: generator.randn(shape.reduce((a, b) => a * b)), shape };
  const labels = { data: Int32Array.from({ length: batch }, (_, i) => i % 2), shape: [batch] };
  await writeSafetensors(join(folder, 'weights.safetensors'), await takeData(await model.network.state()));
  await writeSafetensors(join(folder, 'batch.safetensors'), { images, labels });
  execFileSync(python, [at('parity.py'), arch, pythonsDevice, folder], { stdio: 'inherit' });
  const { tensors: theirs } = await readSafetensors(join(folder, 'theirs.safetensors'));

  const onDevice = await native().tensor(images.data, shape, device);
  const input = await onDevice.channelsLast();
  const target = await native().tensor(labels.data, [batch], device);
  const evaluated = (await model.network.run(input)).logits;
  check(`${arch}, logits of evaluation`, difference(await evaluated.data(), theirs.logits.data), MAX.logits);
  const { logits } = await model.network.run(input, { grad: true });
  check(`${arch}, logits with a graph`, difference(await logits.data(), theirs.logits.data), MAX.logits);
  const loss = await native().crossEntropy(logits, target, 'mean');
  await loss.backward();
  const ours = await takeData(await model.network.gradients());
  const worst = Object.entries(ours).map(([name, { data }]) =>
    distance(data, theirs[`gradient.${name}`].data),
  );
  check(`${arch}, gradients`, Math.max(...worst), MAX.gradients);

  const { layers } = model.description;
  const scores = await (await model.network.neuronScores('gradient', 'neuron')).data();
  const norms = layers.flatMap(({ name, size: neurons }) =>
    rowNorms(theirs[`gradient.${name}.weight`].data, neurons),
  );
  const names = (values) =>
    selectTopK(Float32Array.from(values), layers, 10).map((one) => `${one.layer}[${one.index}]`);
  const expected = names(norms);
  const missing = expected.filter((name) => !names(scores).includes(name));
  check(
    `${arch}, of the ten neurons with the largest gradients, others than PyTorch\u2019s`,
    missing.length,
    MAX.topNeurons,
  );
}

/** Crops, flips, changes of color and blur, of the same draws. */
async function checkImages() {
  const dataset = await loadDataset(await dominoes({ folder: 'bench-data' }));
  const viewAugmentation = augmentationOf(SIMCLR, undefined);
  const viewsOn = async (where) => {
    const loader = await BatchLoader.open(dataset, { device: where });
    const generator = new (native().Generator)(5);
    const views = loader.trainingViews(dataset.splits.train, 64, generator, {
      viewAugmentation,
      views: 'two',
    });
    const found = [];
    for await (const batch of views) {
      found.push(await batch.images.data(), await batch.second.data());
      batch[Symbol.dispose]();
      if (found.length === 8) break;
    }
    loader[Symbol.dispose]();
    return found;
  };
  const levels = 255 * Math.max(...dataset.preprocessing.std);
  const expected = await viewsOn('cpu');
  const found = await viewsOn(device);
  const max = Math.max(
    ...found.flatMap((values, i) =>
      values.reduce((largest, value, at) => Math.max(largest, Math.abs(value - expected[i][at])), 0),
    ),
  );
  check(`views on ${device}, largest difference in levels`, max * levels, MAX.levels);
}

async function checkTraining() {
  const data = await dominoes({ folder: 'bench-data' });
  const settings = { epochs: 3, batchSize: 64, lr: 1e-4, seed: 3 };
  const out = join(folder, 'erm');
  // Else the last bits of a GPU's gradients change from run to run, and Adam's first steps with them.
  const { batchSize, ...same } = { ...settings, data, arch: 'resnet18', device };
  await trainErm({ ...same, batchSize, out, cudnnAllowTf32: false, deterministic: true });
  const others = { 'batch-size': batchSize, device: pythonsDevice, threads: 2, deterministic: 'yes' };
  const words = Object.entries({ ...same, ...others });
  const args = words.flatMap(([word, value]) => [`--${word}`, `${value}`]);
  const stdio = ['ignore', 'pipe', 'inherit'];
  const printed = execFileSync(python, [at('../reference/erm.py'), ...args], { encoding: 'utf8', stdio });
  const theirs = JSON.parse(printed);
  const { counts } = await loadDataset(data);
  for (const [i, epoch] of (await new RunFolder(out).readMetrics()).entries()) {
    for (const split of ['train', 'val']) {
      for (const [group, accuracy] of epoch[split].accuracy.entries()) {
        const found = Math.abs(accuracy - theirs.epochs[i][split][group]);
        const max = Math.max(1 / counts[split][group], MAX.accuracy) + 1e-9;
        check(`ERM, ${split} accuracy of group ${group} after epoch ${i + 1}`, found, max);
      }
    }
  }
}

function difference(ours, theirs) {
  const largest = theirs.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  return ours.reduce((max, value, i) => Math.max(max, Math.abs(value - theirs[i])), 0) / largest;
}

function distance(ours, theirs) {
  return norm(ours.map((value, i) => value - theirs[i])) / Math.max(norm(theirs), 1e-12);
}

function norm(values) {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}

function rowNorms(values, rows) {
  const length = values.length / rows;
  return Array.from({ length: rows }, (_, row) => norm(values.subarray(row * length, (row + 1) * length)));
}

try {
  const context = await openEngine({ device, cudnnAllowTf32: false });
  for (const arch of MODELS) await checkModel(arch);
  await checkImages();
  // Training opens the engine itself, with other numerics.
  context[Symbol.dispose]();
  await checkTraining();
} finally {
  writeFileSync(
    file,
    `${JSON.stringify({ device, memory: native().deviceMemory(device), checks }, null, 2)}\n`,
  );
  rmSync(folder, { recursive: true, force: true });
}
process.exit(checks.every(({ passed }) => passed) ? 0 : 1);
