import { join } from 'node:path';
import { gradCam } from '../../src/experiments/gradCam.js';
import { traceStructured } from '../../src/experiments/traceStructured.js';
import { traceUnstructured } from '../../src/experiments/traceUnstructured.js';
import { trainErm, trainFinetune } from '../../src/train/methods.js';
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
])('%s names an option that there is none of, and the nearest', async (_name, call, reason) => {
  const { message } = await failure(call(), 'USAGE');
  expect(message).toMatch(reason);
});

test('what is undefined is not given', async () => {
  // Goes on to the folder, which holds no data set.
  await failure(trainErm(misspelt({ nothing: undefined })), 'DATASET_NOT_FOUND');
});
