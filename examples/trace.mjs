// Trains by ERM, finds the neurons that memorize, writes a report: node trace.mjs DATASET [RUN]
import { traceUnstructured, trainErm, writeReport } from 'spurmem';

const [, , data = 'data/dominoes', out = 'runs/example'] = process.argv;
const onProgress = ({ task, done, total }) => {
  if (done === total) console.error(task);
};

// The article's settings are the defaults; these take seconds.
const erm = await trainErm({ data, out, arch: 'resnet20', epochs: 2, batchSize: 42, onProgress });
console.log(`Worst group of the test split: ${(100 * erm.test.worstGroupAccuracy).toFixed(1)} %`);

const trace = await traceUnstructured({
  run: out,
  criteria: ['gradient'],
  topK: [1, 3],
  nullDraws: 4,
  onProgress,
});
for (const { group, k, neurons, change } of trace.entries) {
  const names = neurons.map(({ layer, index }) => `${layer}[${index}]`).join(', ');
  const { name } = trace.groups[group];
  console.log(`${name}, k = ${k}: ${names} changes it by ${(100 * change[group]).toFixed(1)} points`);
}
console.log(await writeReport({ run: out }));
