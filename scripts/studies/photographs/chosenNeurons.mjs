// Which neurons the criteria chose over the late models of Part I of docs/studies/photographs.md (k = 3, training split), and which have the
// largest norms in the ImageNet weights that all models started from: node scripts/studies/photographs/chosenNeurons.mjs birds
import { sum } from 'simple-statistics';
import { readSafetensors } from '#src/models/safetensors.js';
import { BENCHMARKS, printTable, readArguments, readResults, select, weightsOf } from './results.mjs';

const CRITERIA = ['gradient', 'magnitude', 'gradient-x-weight'];
const MOST = 4;

const { benchmark } = readArguments();
const effects = readResults(benchmark, 'effects');
printTable(
  `${benchmark}: how many different neurons the models' sets of three have, and in how many models the most frequent are`,
  ['criterion', 'chosen for', 'models', 'different neurons', 'most frequent'],
  CRITERIA.flatMap((criterion) =>
    [0, 1, 2, 3].map((chosenFor) => {
      const found = select(effects, { stage: 'late', split: 'train', k: 3, criterion, chosenFor });
      const counts = new Map();
      for (const neuron of found.flatMap(({ neurons }) => neurons.split(' '))) {
        counts.set(neuron, (counts.get(neuron) ?? 0) + 1);
      }
      const most = [...counts]
        .sort(([, a], [, b]) => b - a)
        .slice(0, MOST)
        .map(([neuron, count]) => `${neuron} (${count})`);
      return [criterion, `G${chosenFor}`, found.length, counts.size, most.join(', ')];
    }),
  ),
);

const { arch } = BENCHMARKS[benchmark];
const { tensors } = await readSafetensors(weightsOf(arch));
const norms = Object.entries(tensors)
  .filter(([, { shape }]) => shape.length === 4)
  .flatMap(([name, { shape, data }]) => {
    const size = data.length / shape[0];
    return Array.from({ length: shape[0] }, (_, index) => ({
      neuron: `${name.replace(/\.weight$/, '')}:${index}`,
      norm: Math.sqrt(
        sum(Array.from(data.subarray(index * size, (index + 1) * size), (value) => value ** 2)),
      ),
    }));
  })
  .sort((a, b) => b.norm - a.norm);
printTable(
  `${weightsOf(arch)}: the largest norms of a convolution's neuron`,
  ['neuron', 'norm'],
  norms.slice(0, MOST).map(({ neuron, norm }) => [neuron, norm.toFixed(2)]),
);
