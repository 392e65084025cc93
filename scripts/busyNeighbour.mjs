// How a training step suffers from another busy process, by how long OpenMP's threads spin: node scripts/busyNeighbour.mjs resnet18
// Prints the median milliseconds of ERM steps, alone and beside a process that keeps one core busy, a process a measurement.
import { spawn, spawnSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { median } from 'simple-statistics';

const SETTINGS = [
  { name: 'libgomp’s own', environment: { OMP_WAIT_POLICY: '' } },
  { name: 'GOMP_SPINCOUNT=0', environment: { GOMP_SPINCOUNT: '0' } },
  { name: 'GOMP_SPINCOUNT=1000 (spurmem’s)', environment: { GOMP_SPINCOUNT: '1000' } },
  { name: 'GOMP_SPINCOUNT=10000', environment: { GOMP_SPINCOUNT: '10000' } },
  { name: 'OMP_WAIT_POLICY=passive', environment: { OMP_WAIT_POLICY: 'passive' } },
];
const SIZES = {
  resnet18: { images: 64, side: 64, steps: 20, warmUp: 5 },
  resnet50: { images: 16, side: 224, steps: 5, warmUp: 2 },
};
const [, , arch = 'resnet18', task] = process.argv;
const { images: IMAGES, side: SIDE, steps: STEPS, warmUp: WARM_UP } = SIZES[arch];

if (task === 'steps') await measureSteps();
else compare();

function compare() {
  for (const { name, environment } of SETTINGS) {
    const alone = medianOf(environment);
    const neighbour = spawn(process.execPath, ['-e', 'for (;;);']);
    const beside = medianOf(environment);
    neighbour.kill();
    console.log(`${name}: ${alone.toFixed(0)} ms alone, ${beside.toFixed(0)} ms beside a busy process`);
  }
}

function medianOf(environment) {
  const arguments_ = [fileURLToPath(import.meta.url), arch, 'steps'];
  const options = { env: { ...process.env, ...environment }, encoding: 'utf8' };
  const { status, stdout, stderr } = spawnSync(process.execPath, arguments_, options);
  if (status !== 0) throw new Error(`a measurement failed: ${stderr}`);
  return Number(stdout);
}

async function measureSteps() {
  const { Model, native } = await import('../dist/index.js');
  const { setThreads } = await import('#src/native/engine.js');
  const { Adam } = await import('#src/train/adam.js');
  const { descend } = await import('#src/train/run.js');
  await setThreads(0);
  const addon = native();
  const generator = new addon.Generator(0);
  const model = await Model.create({ arch, numClasses: 2, generator, device: 'cpu' });
  const optimizer = new Adam(model, 1e-4);
  const pixels = Float32Array.from({ length: IMAGES * 3 * SIDE * SIDE }, (_, i) => (i % 255) / 255);
  const images = await (await addon.tensor(pixels, [IMAGES, 3, SIDE, SIDE], 'cpu')).channelsLast();
  const labels = await addon.tensor(new Int32Array(IMAGES), [IMAGES], 'cpu');
  const times = [];
  for (let step = 0; step < WARM_UP + STEPS; step += 1) {
    const start = performance.now();
    const { logits } = await model.network.run(images, { statistics: 'shared', grad: true });
    const loss = await addon.crossEntropy(logits, labels, 'mean');
    await descend(loss, [{ network: model.network, optimizer }]);
    for (const tensor of [logits, loss]) tensor.dispose();
    times.push(performance.now() - start);
  }
  console.log(median(times.slice(WARM_UP)));
}
