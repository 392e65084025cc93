// How a training step suffers from another busy process, by how long OpenMP's threads spin: node scripts/busyNeighbour.mjs
// Prints the median milliseconds of 20 ERM steps of ResNet-18 on 64 images of 64 x 64 px, alone and beside a process that
// keeps one core busy, a process a measurement.
import { spawn, spawnSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

const SETTINGS = [
  { name: 'libgomp’s own', environment: { OMP_WAIT_POLICY: '' } },
  { name: 'GOMP_SPINCOUNT=0', environment: { GOMP_SPINCOUNT: '0' } },
  { name: 'GOMP_SPINCOUNT=1000 (spurmem’s)', environment: { GOMP_SPINCOUNT: '1000' } },
  { name: 'GOMP_SPINCOUNT=10000', environment: { GOMP_SPINCOUNT: '10000' } },
  { name: 'OMP_WAIT_POLICY=passive', environment: { OMP_WAIT_POLICY: 'passive' } },
];
const [IMAGES, SIDE, STEPS, WARM_UP] = [64, 64, 20, 5];

if (process.argv[2] === 'steps') await measureSteps();
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
  const arguments_ = [fileURLToPath(import.meta.url), 'steps'];
  const { stdout } = spawnSync(process.execPath, arguments_, { env: { ...process.env, ...environment } });
  return Number(stdout);
}

async function measureSteps() {
  const { Model, native } = await import('../dist/index.js');
  const { setThreads } = await import('#src/native/device.js');
  const { Adam } = await import('#src/train/adam.js');
  await setThreads(0);
  const addon = native();
  const generator = new addon.Generator(0);
  const model = await Model.create({ arch: 'resnet18', numClasses: 2, generator, device: 'cpu' });
  const optimizer = new Adam(model, 1e-4);
  const pixels = Float32Array.from({ length: IMAGES * 3 * SIDE * SIDE }, (_, i) => (i % 255) / 255);
  const images = await (await addon.tensor(pixels, [IMAGES, 3, SIDE, SIDE], 'cpu')).channelsLast();
  const labels = await addon.tensor(new Int32Array(IMAGES), [IMAGES], 'cpu');
  const times = [];
  for (let step = 0; step < WARM_UP + STEPS; step += 1) {
    const start = performance.now();
    const logits = await model.network.forward(images, { statistics: 'shared', grad: true });
    const loss = await addon.crossEntropy(logits, labels, 'mean');
    await model.network.zeroGrad();
    await loss.backward();
    await optimizer.step();
    for (const tensor of [logits, loss]) tensor.dispose();
    times.push(performance.now() - start);
  }
  const sorted = times.slice(WARM_UP).sort((a, b) => a - b);
  console.log(sorted[Math.floor(sorted.length / 2)]);
}
