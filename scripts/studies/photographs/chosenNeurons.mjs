// Which neurons the criteria chose over the late models of Part I of studies/photographs/plan.md (k = 3, training split), and which have the
// largest norms in the ImageNet weights that all models started from: node scripts/studies/photographs/chosenNeurons.mjs birds
import { markdownOf } from '#src/cli/textTable.js';
import { select } from '#src/kit/rows.js';
import { Model } from '#src/models/model.js';
import { loadWeights } from '#src/models/weights.js';
import { native } from '#src/native/addon.js';
import { magnitudeScores } from '#src/neurons/score.js';
import { selectTopK } from '#src/neurons/select.js';
import { tableOf } from '#src/reproduce/studyFile/cells.js';
import { Records } from '#src/reproduce/studyFile/records.js';
import { study } from './study.mjs';

const MOST = 4;

const [, , benchmark = ''] = process.argv;
const { criteria, stage, k } = study.models.tests;
const effects = await new Records(study.recordsFolder, benchmark).read('effects');
const chosen = tableOf(
  `${benchmark}: how many different neurons the models' sets of three have, and in how many models the most frequent are`,
  ['criterion', 'chosen for', 'models', 'different neurons', 'most frequent'],
  criteria.flatMap((criterion) =>
    [0, 1, 2, 3].map((chosenFor) => {
      const found = select(effects, { stage, split: 'train', k, criterion, chosenFor });
      const counts = new Map();
      for (const neuron of found.flatMap(({ neurons }) => neurons.split(' '))) {
        counts.set(neuron, (counts.get(neuron) ?? 0) + 1);
      }
      const most = [...counts]
        .sort(([, a], [, b]) => b - a)
        .slice(0, MOST)
        .map(([neuron, count]) => `${neuron} (${count})`);
      return [criterion, `G${chosenFor}`, String(found.length), String(counts.size), most.join(', ')];
    }),
  ),
);

const { arch, weights } = { ...study.erm, ...study.benchmarks[benchmark].erm };
const generator = new (native().Generator)(0);
const model = await Model.create({ arch, numClasses: 2, generator, device: 'cpu' });
await loadWeights(model, weights);
const largest = tableOf(
  `${weights}: the largest magnitudes`,
  ['neuron', 'norm'],
  selectTopK(await magnitudeScores(model), model.description.layers, MOST).map(({ layer, index, score }) => [
    `${layer}:${index}`,
    score.toFixed(2),
  ]),
);
model[Symbol.dispose]();
console.log([chosen, largest].map(markdownOf).join('\n\n'));
