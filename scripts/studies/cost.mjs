// A study's hours, from its recorded results, and plain PyTorch's for the same, by count:
//   node scripts/studies/cost.mjs studies/photographs/study.yaml birds '{"forward": 236, "erm": 90, "finetune": 30, "cores": 1.8}'
// with the images a second that rates.py prints, and the cores that it kept busy. The name is a benchmark's or a pool's, whose members
// count as the first of them. The published procedure evaluates each perturbed model alone on the whole split.
import { markdownOf } from '#src/cli/textTable.js';
import { loadDataset } from '#src/data/dataset.js';
import { distinct, select } from '#src/kit/rows.js';
import { tableOf } from '#src/reproduce/studyFile/cells.js';
import { isEpochOf } from '#src/reproduce/studyFile/schema.js';
import { methodNamed } from '#src/train/methods.js';
import { readNamed } from './named.mjs';

const HOUR = 3600;

const rates = process.argv[4] ?? '';
const { forward, erm, finetune, cores } = JSON.parse(rates);
const { name, study, members, records } = await readNamed();
const own = study.benchmarks[members[0]];
const { splits, groups, numGroups } = await loadDataset(own.data, own.datasetOptions);
const [train, val, test] = [splits.train.length, splits.val.length, splits.test.length];
const { epochs } = { ...study.erm, ...own.erm };
const continued = { ...study.finetune, ...own.finetune }.epochs;

const found = [await part1(), await part2('tuning'), await part2('test')];
const rows = found.filter((row) => row !== undefined);
const table = tableOf(
  `${name}: hours here, and by count in PyTorch at ${forward}, ${erm} and ${finetune} images a second (forward, ERM, fine-tuning)`,
  ['part', 'runs', 'hours', 'processor hours', 'PyTorch, hours', 'PyTorch, processor hours', 'times'],
  rows.map(({ name, runs, seconds, processorSeconds, pytorch }) => [
    ...[name, String(runs), (seconds / HOUR).toFixed(2), (processorSeconds / HOUR).toFixed(2)],
    ...[(pytorch / HOUR).toFixed(1), ((cores * pytorch) / HOUR).toFixed(1)],
    ((cores * pytorch) / processorSeconds).toFixed(1),
  ]),
);
console.log(markdownOf(table));

/** Models that are trained and traced. */
async function part1() {
  const models = await records.read('models');
  if (models.length === 0) return undefined;
  const seeds = distinct(models, 'seed');
  const took = seeds.map((seed) => select(models, { seed })[0]);
  const stages = Object.entries(study.models.stages).filter(([, stage]) => !isEpochOf(stage));
  const trained = stages.reduce((sum, [stage, settings]) => {
    const differs = { ...study.models.erm, ...settings, ...own.models?.stages[stage] };
    return sum + (differs.epochs ?? epochs);
  }, 0);
  const effects = await records.read('effects');
  // Each set of neurons, and the random ones beside it, on its split.
  const traced = effects.reduce(
    (sum, row) => sum + (1 + randomSets(row)) * (row.split === 'test' ? test : train),
    0,
  );
  const layers = (await records.read('layers')).length * train;
  const training = seeds.length * trained * (train / erm + val / forward);
  return {
    name: 'Part I',
    runs: seeds.length,
    ...sumOf(took),
    pytorch: training + (traced + layers) / forward,
  };
}

/** Random sets beside a recorded one. */
function randomSets(row) {
  if (row['same-layers margin'] === null) return 0;
  const { settings } = study.models.traces.find(
    ({ record, stage, settings: { split = 'train', topK = [] } }) =>
      record === 'effects' && stage === row.stage && split === row.split && topK.includes(row.k),
  );
  return settings.nullDraws * (own.models?.nulls ?? settings.nulls).length;
}

/** The study's arms, in one configuration or in all of them. */
async function part2(phase) {
  const recorded = await records.read(phase);
  const runs = recorded.filter(({ arm }) => study.arms.some(({ name }) => name === arm));
  if (runs.length === 0) return undefined;
  const pytorch = runs.reduce((sum, { arm }) => {
    const isContrast = /contrast|released/.test(arm);
    const count = continues(arm) ? continued : epochs;
    // DFR trains a last layer on features of the validation split.
    if (arm.startsWith('DFR')) return sum + val / forward;
    const images = arm === 'SUBG' ? balanced() : train;
    const identification = ['JTT', 'CnC'].includes(arm) ? (Math.round(0.2 * epochs) * train) / erm : 0;
    return sum + identification + count * (images / (isContrast ? finetune : erm) + val / forward);
  }, 0);
  // In tuning, ERM is no arm: each seed trains it for the arms that go on from it.
  const ofErm = runs.some(({ arm }) => arm === 'ERM') ? 0 : epochs * (train / erm + val / forward);
  const seeds = distinct(runs, 'seed').length;
  return { name: `Part II, ${phase}`, runs: runs.length, ...sumOf(runs), pytorch: pytorch + seeds * ofErm };
}

/** As many images of each group as of the smallest. */
function balanced() {
  const sizes = Array.from({ length: numGroups }, (_, group) => {
    return splits.train.filter((index) => groups[index] === group).length;
  });
  return numGroups * Math.min(...sizes);
}

/** Whether an arm goes on from ERM with epochs of its own. */
function continues(arm) {
  const { method } = study.arms.find(({ name }) => name === arm);
  const { startsFrom, settings } = methodNamed(method);
  return startsFrom === 'run' && 'epochs' in settings;
}

function sumOf(measured) {
  const total = (key) => measured.reduce((sum, row) => sum + row[key], 0);
  return { seconds: total('seconds'), processorSeconds: total('processorSeconds') };
}
