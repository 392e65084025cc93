// Time of an ERM step in one process, and in two that share its batches: node scripts/dataParallel.mjs [ARCH] [IMAGES A PROCESS]
//
// Each process has one thread. Prints the medians of rounds that take turns, and the bytes that a step reduces.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { performance } from 'node:perf_hooks';
import { median } from 'simple-statistics';

const [, script, arch = 'resnet50', images = '16'] = process.argv;
const ROUNDS = 3;
const STEPS = 6;

if (process.send) await work(arch, Number(images));
else await compare();

async function compare() {
  const cases = { 'one process': [], 'two processes': [] };
  let bytes = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, values] of Object.entries(cases)) {
      const results = await start(name === 'two processes' ? 2 : 1);
      bytes = results[0].bytes;
      values.push(Math.max(...results.map(({ milliseconds }) => milliseconds)));
    }
  }
  const [one, two] = Object.values(cases).map((values) => median(values));
  console.log(
    `${arch}, ${images} images a process, 224 px, float32, one thread each, ${ROUNDS} rounds of ${STEPS} steps`,
  );
  console.log(
    `one process: ${one.toFixed(0)} ms a step, ${((1000 * images) / one).toFixed(1)} images a second`,
  );
  console.log(
    `two processes: ${two.toFixed(0)} ms a step, ${((2000 * images) / two).toFixed(1)} images a second`,
  );
  console.log(
    `reduced a step: ${(bytes / 1e6).toFixed(1)} MB; efficiency ${((100 * one) / two).toFixed(0)} %`,
  );
}

/** Returns the measurements of `size` processes side by side. */
async function start(size) {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  const place = { MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(port), WORLD_SIZE: String(size) };
  return Promise.all(
    Array.from({ length: size }, async (_, rank) => {
      const env = { ...process.env, ...place, RANK: String(rank), OMP_NUM_THREADS: '1' };
      const [message] = await once(fork(script, [arch, images], { env }), 'message');
      return message;
    }),
  );
}

async function work(name, size) {
  const [{ Model }, { native }, { joinProcessGroup }, { Adam }, { descend }] = await Promise.all([
    import('#src/models/model.js'),
    import('#src/native/addon.js'),
    import('#src/native/processGroup.js'),
    import('#src/train/adam.js'),
    import('#src/train/run.js'),
  ]);
  const group = await joinProcessGroup();
  const generator = new (native().Generator)(0);
  const device = 'cpu';
  const model = await Model.create({ arch: name, numClasses: 2, generator, device });
  await group.distribute(model.network, false);
  const optimizer = new Adam(model, 1e-4);
  const pixels = generator.randn(size * 3 * 224 * 224);
  const batch = await (await native().tensor(pixels, [size, 3, 224, 224], device)).channelsLast();
  const labels = await native().tensor(
    Int32Array.from({ length: size }, (_, i) => i % 2),
    [size],
    device,
  );
  const times = [];
  for (let step = 0; step < STEPS + 2; step += 1) {
    const start = performance.now();
    const { logits } = await model.network.run(batch, { statistics: 'shared', grad: true });
    const loss = await native().crossEntropy(logits, labels, 'mean');
    await descend(loss, [{ network: model.network, optimizer }]);
    logits.dispose();
    loss.dispose();
    // The first ones warm up.
    if (step >= 2) times.push(performance.now() - start);
  }
  const numbers = model.description.parameters.map(({ shape }) => shape.reduce((a, b) => a * b, 1));
  const bytes = group.isDistributed ? 4 * numbers.reduce((a, b) => a + b, 0) : 0;
  process.send({ milliseconds: median(times), bytes }, () => process.disconnect());
}
