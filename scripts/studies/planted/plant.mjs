// Plants memories as a file of studies/planted/ says, and records each: node scripts/studies/planted/plant.mjs studies/planted/pilot.yaml
// A recorded cell is not run again; a run that was stopped goes on. --limit N ends after N cells.
import { readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { parse } from 'yaml';
import { BatchLoader } from '#src/data/batches.js';
import { loadDataset } from '#src/data/dataset.js';
import { select } from '#src/kit/rows.js';
import { evaluate } from '#src/metrics/evaluate.js';
import { Model } from '#src/models/model.js';
import { loadWeights } from '#src/models/weights.js';
import { native } from '#src/native/addon.js';
import { openEngine } from '#src/native/engine.js';
import { Records, timed } from '#src/study/records.js';
import { combinationsOf } from '#src/study/tuning.js';
import { folderName } from '#src/study/variants.js';
import { trainErm } from '#src/train/methods.js';
import { RunFolder } from '#src/train/runFolder.js';
import { measure } from './measure.mjs';
import { drawRows, readImages, removeStore, writeTable } from './tables.mjs';

const [, , path = '', flag, limit = 'Infinity'] = process.argv;
const file = parse(await readFile(path, 'utf8'));
const records = new Records(join(dirname(path), file.records), basename(path, '.yaml'));
const engine = { device: 'cpu', threads: file.threads };
const celeba = await readImages(file.data);

/** Correct predictions and images of the groups with one value of `planted`, of all classes. */
function share({ correct, total }, planted) {
  const groups = correct.map((_, group) => group).filter((group) => group % 2 === planted);
  const sum = (counts) => groups.reduce((all, group) => all + counts[group], 0);
  return sum(correct) / sum(total);
}

/** The accuracies of a weights file on a table, before anything is planted. */
async function accuraciesOf({ data, datasetOptions }, weights) {
  const dataset = await loadDataset(data, datasetOptions);
  const context = await openEngine(engine);
  const { arch, precision } = file.base;
  const generator = new (native().Generator)(0);
  const loader = await BatchLoader.open(dataset, { context });
  const model = await Model.create({ context, arch, numClasses: 2, generator, precision });
  try {
    await loadWeights(model, weights);
    const on = async (split) =>
      (await evaluate(model, loader, dataset.splits[split], { batchSize: 64, task: split })).accuracies;
    return { train: await on('train'), test: await on('test') };
  } finally {
    model[Symbol.dispose]();
    loader[Symbol.dispose]();
  }
}

async function plantCell(cell) {
  const { kind, images: count, layer, neurons, lr, seed } = cell;
  const drawn = drawRows(celeba, { kind, count, seed, ...file.draws });
  const folder = join(file.runs, `${kind === 'minority' ? 'agreeing' : 'natural'}-${seed}`);
  const base = new RunFolder(join(folder, 'base'));
  const table = join(folder, 'data');
  if ((await base.readTrainingResult()) === undefined) {
    const data = await writeTable(celeba, table, drawn.base, ['female', 'male']);
    await trainErm({ ...engine, ...file.base, ...data, seed, out: base.path, resume: true });
    await removeStore(table);
  }
  const planted = await writeTable(celeba, join(folder, `${kind}-${count}`), drawn.planted, [
    'kept',
    'planted',
  ]);
  const before = await accuraciesOf(planted, base.last);
  const out = join(folder, folderName({ kind, images: count, layer, neurons, lr }));
  const { result, took } = await timed(() =>
    trainErm({
      ...engine,
      ...file.planting,
      ...planted,
      from: base.path,
      out,
      seed,
      lr,
      keepEpochs: [0],
      resume: true,
      trainable: [layer],
      trainableCount: neurons,
      minorityPerBatch: Math.min(count, file.mostPerBatch),
    }),
  );
  const fitted = share(result.train, 1);
  const [testBefore, test] = [share(before.test, 0), share(result.test, 0)];
  const pure = Number(fitted >= file.pure.fitted && Math.abs(test - testBefore) <= file.pure.test);
  const ofPlanted = { fittedBefore: share(before.train, 1), fitted, twinsBefore: share(before.test, 1) };
  const row = {
    ...cell,
    epochs: result.epochs,
    ...ofPlanted,
    twins: share(result.test, 1),
    testBefore,
    test,
    pure,
  };
  // Recorded together, so that a measurement that was stopped leaves no rows.
  const measured = new Map();
  const collect = (name, rows) => measured.set(name, [...(measured.get(name) ?? []), ...rows]);
  if (file.measure) await measure(file.measure, { ...engine, run: out, ...planted, seed }, cell, collect);
  for (const [name, rows] of measured) await records.add(name, rows);
  await records.add('cells', [{ ...row, ...took }]);
  // A run's checkpoints take 270 MB.
  await rm(out, { recursive: true, force: true });
  return row;
}

let done = 0;
for (const { seeds = file.seeds, ...grid } of file.cells) {
  for (const cell of combinationsOf({ seed: seeds, ...grid })) {
    if (select(await records.read('cells'), cell).length > 0) continue;
    if (flag === '--limit' && done >= Number(limit)) process.exit(0);
    console.log(JSON.stringify(await plantCell(cell)));
    done += 1;
  }
}
