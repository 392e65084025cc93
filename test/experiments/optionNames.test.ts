import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { composeDataset } from '../../src/data/compose/compose.js';
import { loadDataset } from '../../src/data/dataset.js';
import { gradCam } from '../../src/experiments/gradCam.js';
import { traceStructured } from '../../src/experiments/traceStructured.js';
import { traceUnstructured } from '../../src/experiments/traceUnstructured.js';
import { neuronAtlas } from '../../src/extras/atlas/atlas.js';
import { FIGURES } from '../../src/report/figures.js';
import { writeReport } from '../../src/report/writeReport.js';
import { reproducePart1 } from '../../src/reproduce/part1.js';
import { reproduceQuickstart } from '../../src/study/quickstart.js';
import { trainDfr, trainErm, trainFinetune } from '../../src/train/methods.js';
import { failure } from '../data/support.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const run = join(folder, 'run');
const misspelt = (options: object) => ({ data: folder, out: run, ...options }) as never;

test.each([
  ['trainErm', () => trainErm(misspelt({ weigths: 'x' })), /`weigths`\. The nearest are weights/],
  ['trainErm', () => trainErm(misspelt({ epoch: 3 })), /`epoch`\. The nearest are .*epochs/],
  ['trainFinetune', () => trainFinetune(misspelt({ lamda: 3 })), /`lamda`\. The nearest are lambda/],
  [
    'traceUnstructured',
    () => traceUnstructured({ run, topk: [1] } as never),
    /`topk`\. The nearest are topK/,
  ],
  ['traceStructured', () => traceStructured({ run, sigma: 1 } as never), /`sigma`/],
  ['gradCam', () => gradCam({ run, sample: 3 } as never), /`sample`\. The nearest are samples/],
  ['neuronAtlas', () => neuronAtlas({ run, neuron: ['a'] } as never), /`neuron`\. The nearest are neurons/],
])('%s names an option that there is none of, and the nearest', async (_name, call, reason) => {
  const { message } = await failure(call(), 'USAGE');
  expect(message).toMatch(reason);
});

test.each<[string, () => Promise<unknown>, RegExp]>([
  ['a missing dataset', () => trainErm({}), /`data` is missing: it takes a dataset’s folder/],
  ['a missing run', () => trainDfr({} as never), /`from` is missing: it takes a run’s folder/],
  ['options that are none', () => trainErm('data' as never), /`options` is "data": it takes an object/],
  ['negative epochs', () => trainErm(misspelt({ epochs: -1 })), /`epochs` is -1: .* at least 1/],
  ['a rate in words', () => trainErm(misspelt({ lr: 'x' })), /`lr` is "x": it takes a number above 0/],
  ['an unknown network', () => trainErm(misspelt({ arch: 'resnet9' })), /`arch` is "resnet9": .*resnet18/],
  ['a seed in words', () => trainErm(misspelt({ seed: 'one' })), /`seed` is "one": it takes a whole number/],
  ['a progress of 1', () => trainErm(misspelt({ onProgress: 1 })), /`onProgress` is 1: .*function/],
  ['epochs to keep that are none', () => trainErm(misspelt({ keepEpochs: [-1] })), /`keepEpochs` is -1/],
  ['a threads that is none', () => traceUnstructured({ run, threads: -1 }), /`threads` is -1/],
  ['no run to report', () => writeReport({} as never), /`run` is missing/],
  ['a number of neurons twice', () => traceUnstructured({ run, topK: [3, 3] }), /`topK`.* different ones/],
  ['a misspelt report', () => writeReport({ run, uot: 'x' } as never), /`uot`\. The nearest are .*out/],
  [
    'a part that is misspelt',
    () => reproducePart1({ run, figures: [FIGURES[0]], erm: { epoch: 3 } } as never),
    /no option `erm\.epoch`\. The nearest are epochs/,
  ],
  ['no figures', () => reproducePart1({ run, figures: [] }), /`figures` is empty/],
  ['a misspelt job', () => reproduceQuickstart({ data: folder, out: run, sed: 1 } as never), /`sed`.* seed/],
  [
    'a misspelt composition',
    () => composeDataset(run, { foregrounds: folder, scenes: folder, agrement: 1 } as never),
    /`agrement`\. The nearest are agreement/,
  ],
  [
    'a misspelt layout',
    () => loadDataset(folder, { fromat: 1 } as never),
    /`fromat`\. The nearest are format/,
  ],
  [
    'an option of reading the data next to the others',
    () => trainErm({ data: 'x', out: run, attribute: 'places.csv' } as never),
    /There is no option `attribute` here\. It goes into `datasetOptions`\./,
  ],
])('%s is refused before anything is written', async (_name, call, reason) => {
  const { message } = await failure(call(), 'USAGE');
  expect(message).toMatch(reason);
  expect(existsSync(run)).toBe(false);
});

test('what is undefined is not given', async () => {
  // Goes on to the folder, which holds no data set.
  await failure(trainErm(misspelt({ nothing: undefined })), 'DATASET_NOT_FOUND');
});
