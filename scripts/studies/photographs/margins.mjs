// How far from the decision boundary the training examples of each group are, in the late models of Part I that part1.mjs left in
// runs/photographs/: node scripts/studies/photographs/margins.mjs birds 0 1 2
import { join } from 'node:path';
import { judge } from '#src/experiments/outcomes.js';
import { mean, quantile } from 'simple-statistics';
import { TraceSession } from '../../../dist/index.js';
import { addResults, readArguments, readResults } from './results.mjs';

const { benchmark, seeds } = readArguments();
for (const seed of seeds) {
  if (!readResults(benchmark, 'margins').some((row) => row.seed === seed)) await measure(seed);
}

async function measure(seed) {
  const session = await TraceSession.open({
    run: join('runs', 'photographs', benchmark, `late-${seed}`),
    seed,
  });
  const { dataset, loader, model } = session;
  const margins = dataset.groupNames.map(() => []);
  for await (const batch of loader.evaluation(dataset.splits.train, 64)) {
    const logits = await model.network.forward(batch.images);
    const labels = batch.indices.map((index) => dataset.labels[index]);
    judge(await logits.data(), labels).margins.forEach((margin, i) => {
      margins[dataset.groups[batch.indices[i]]].push(margin);
    });
    logits.dispose();
    batch[Symbol.dispose]();
  }
  session[Symbol.dispose]();
  addResults(
    benchmark,
    'margins',
    margins.map((values, group) => ({ seed, group, mean: mean(values), tenth: quantile(values, 0.1) })),
  );
}
