// The study's hours, from its tables, and plain PyTorch's for the same, by count: cost.mjs birds '{"forward": 236, ...}',
// with the images a second that rates.py prints, on two cores that it keeps busy. The published procedure evaluates each perturbed model
// alone on the whole split.
import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { NULL_NAMES } from '#src/neurons/nulls.js';
import { Records } from '#src/reproduce/studyFile/records.js';
import { methodNamed } from '#src/train/methods.js';
import { printTable, study } from './study.mjs';

const [, , benchmark, rates] = process.argv;
const { forward, erm, finetune } = JSON.parse(rates);
const own = study.benchmarks[benchmark];
const { data } = own;
const { epochs } = { ...study.erm, ...own.erm };
const { kickInEpoch } = { ...study.finetune, ...own.finetune };
const { epochs: early } = { ...study.models.stages.early, ...own.models?.stages.early };
const { nulls = NULL_NAMES } = own.models ?? {};
const records = new Records(study.recordsFolder, benchmark);
const DRAWS = 20;
const table = parse(readFileSync(`${data}/metadata.csv`), { columns: true });
const [train, val, test] = ['0', '1', '2'].map((split) => table.filter((row) => row.split === split).length);

// As many of each group as of the smallest.
const sizes = new Map();
for (const { split, y, place } of table) {
  const group = `${y}-${place}`;
  if (split === '0') sizes.set(group, (sizes.get(group) ?? 0) + 1);
}
const balanced = sizes.size * Math.min(...sizes.values());

const HOUR = 3600;
const found = [await part1(), await part2('tuning'), await part2('test')];
const rows = found.filter((row) => row !== undefined);
printTable(
  `${benchmark}: hours here, and by count in PyTorch at ${forward}, ${erm} and ${finetune} images a second (forward, ERM, fine-tuning)`,
  ['part', 'runs', 'hours', 'processor hours', 'of PyTorch on these cores', 'times'],
  rows.map(({ name, runs, seconds, processorSeconds, pytorch }) => [
    ...[name, runs, (seconds / HOUR).toFixed(2), (processorSeconds / HOUR).toFixed(2)],
    ...[(pytorch / HOUR).toFixed(1), ((2 * pytorch) / processorSeconds).toFixed(1)],
  ]),
);

/** Models that are trained and traced. */
async function part1() {
  const models = await records.read('models');
  const effects = await records.read('effects');
  const layers = await records.read('layers');
  const seeds = [...new Set(models.map(({ seed }) => seed))];
  const took = seeds.map((seed) => models.find((row) => row.seed === seed));
  const controlled = effects.filter((row) => row['same-layers margin'] !== null).length;
  const onTest = effects.filter(({ split }) => split === 'test').length;
  const onTrain = effects.length - onTest + controlled * nulls.length * DRAWS + layers.length;
  const training = seeds.length * (epochs + early) * (train / erm + val / forward);
  return {
    name: 'Part I',
    runs: seeds.length,
    ...sumOf(took),
    pytorch: training + (onTrain * train + onTest * test) / forward,
  };
}

/** Arms, in one configuration or in all of them. */
async function part2(phase) {
  const runs = await records.read(phase);
  if (runs.length === 0) return undefined;
  const pytorch = runs.reduce((sum, { arm }) => {
    const isContrast = /contrast|released/.test(arm);
    const count = continues(arm) ? epochs - kickInEpoch : epochs;
    // DFR trains a last layer on features of the validation split.
    if (arm === 'DFR') return sum + val / forward;
    const images = arm === 'SUBG' ? balanced : train;
    const identification = ['JTT', 'CnC'].includes(arm) ? (Math.round(0.2 * epochs) * train) / erm : 0;
    return sum + identification + count * (images / (isContrast ? finetune : erm) + val / forward);
  }, 0);
  // In tuning, ERM is no arm: each seed trains it for the arms that go on from it.
  const ofErm = runs.some(({ arm }) => arm === 'ERM') ? 0 : epochs * (train / erm + val / forward);
  const seeds = new Set(runs.map(({ seed }) => seed)).size;
  return { name: `Part II, ${phase}`, runs: runs.length, ...sumOf(runs), pytorch: pytorch + seeds * ofErm };
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
