import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { evaluateRun } from '../../src/experiments/evaluateRun.js';
import { traceUnstructured } from '../../src/experiments/traceUnstructured.js';
import { readSafetensors, type TensorData, writeSafetensors } from '../../src/models/safetensors.js';
import { writeReport } from '../../src/report/writeReport.js';
import { adopt, trainDfr, trainFinetune } from '../../src/train/methods.js';
import { namedPreprocessing } from '../../src/train/namedPreprocessing.js';
import { openRun } from '../../src/train/runFolder.js';
import { failure } from '../data/support.js';
import { tracedRun } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const [data, trained] = [join(folder, 'dominoes'), join(folder, 'trained')];
const common = { data, arch: 'resnet20', device: 'cpu', threads: 1 } as const;
let weights: string;
let tensors: Readonly<Record<string, TensorData>>;

beforeAll(async () => {
  await tracedRun(data, trained);
  ({ weights } = await openRun(trained));
  ({ tensors } = await readSafetensors(weights));
});

/** A checkpoint with other tensors. */
async function saved(name: string, content: Readonly<Record<string, TensorData>>): Promise<string> {
  const path = join(folder, `${name}.safetensors`);
  await writeSafetensors(path, content);
  return path;
}

const prefixed = (prefix: string): Record<string, TensorData> =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [prefix + name, tensor]));

test('a run\u2019s weights are adopted, traced, reported and retrained as that run\u2019s', async () => {
  const run = join(folder, 'adopted');
  const told: string[] = [];
  const onWarning = (text: string): void => void told.push(text);
  const { test: ofTest } = await adopt({ ...common, weights, out: run, batchSize: 20, onWarning });
  expect(told).toEqual([
    expect.stringMatching(/^A checkpoint does not tell which images it was trained on\./),
  ]);
  expect(ofTest).toEqual((await evaluateRun({ run: trained })).accuracies);
  const [theirs, ours] = await Promise.all(
    [trained, run].map((of) => traceUnstructured({ run: of, nullDraws: 0, topK: [3] })),
  );
  expect(ours?.entries).toEqual(theirs?.entries);
  const page = await readFile(await writeReport({ run }), 'utf8');
  expect(page).toContain('Adopted model on dominoes');
  expect(page).toMatch(/weights\.safetensors, SHA-256 <code>[\da-f]{12}<\/code>/);
  expect(page).not.toContain('id="training"');
  const quiet = { onWarning: () => undefined };
  await trainDfr({ from: run, out: join(folder, 'dfr'), draws: 1, ...quiet });
  await trainFinetune({ from: run, out: join(folder, 'finetuned'), epochs: 1, batchSize: 20, ...quiet });
  // Adopted again, it is what it was.
  expect((await adopt({ ...common, weights, out: run, batchSize: 20 })).test).toEqual(ofTest);
  await failure(
    adopt({ ...common, weights: await saved('other', prefixed('')), out: run, precision: 'bf16' }),
    'RUN_EXISTS',
    'precision: "fp32" -> "bf16"',
  );
});

test('a prefix of all names is taken off and told; two networks that fit are not chosen between', async () => {
  const told: string[] = [];
  const onInfo = (text: string): void => void told.push(text);
  const lightning = await saved('lightning', {
    ...prefixed('net.model.'),
    'loss.weight': tensors['fc.bias'] as TensorData,
  });
  await adopt({ ...common, weights: lightning, out: join(folder, 'lightning'), onInfo });
  expect(told).toContain(`${lightning} is read without the prefix net.model., leaving out loss.weight.`);
  const both = await saved('both', { ...prefixed('teacher.'), ...prefixed('student.') });
  const out = join(folder, 'both');
  await failure(
    adopt({ ...common, weights: both, out }),
    'WEIGHTS_INVALID',
    /several networks that fit, under (?:teacher\., student\.|student\., teacher\.)\. Name one of them: `weights` \S+#(?:teacher|student)\.$/,
  );
  await adopt({ ...common, weights: `${both}#student`, out });
});

test('outputs of a larger head are chosen in order; without a choice both numbers are named', async () => {
  const wide = Object.fromEntries(
    ['fc.weight', 'fc.bias'].map((name) => {
      const { shape, data: values } = tensors[name] as TensorData;
      const size = values.length / 2;
      const rows = new Float32Array(5 * size);
      rows.set((values as Float32Array).subarray(0, size), 4 * size);
      rows.set((values as Float32Array).subarray(size), size);
      return [name, { shape: [5, ...shape.slice(1)], data: rows }] as const;
    }),
  );
  const five = await saved('five', { ...tensors, ...wide });
  const out = join(folder, 'five');
  await failure(
    adopt({ ...common, weights: five, out }),
    'WEIGHTS_INVALID',
    'has 5 outputs, and the data have 2 classes',
    'with `classes`',
  );
  await failure(
    adopt({ ...common, weights: five, out, classes: [4, 5] }),
    'WEIGHTS_INVALID',
    'none numbered 5',
  );
  await failure(adopt({ ...common, weights: five, out, classes: [4] }), 'USAGE', 'names 1 outputs');
  const { test: ofTest } = await adopt({ ...common, weights: five, out, classes: [4, 1] });
  expect(ofTest).toEqual((await evaluateRun({ run: trained })).accuracies);
});

test('other architectures and missing checkpoints are named', async () => {
  const out = join(folder, 'refused');
  await failure(
    adopt({ ...common, arch: 'resnet18', weights, out }),
    'WEIGHTS_INVALID',
    'does not fit resnet18',
    'missing: layer4.0.',
  );
  await failure(adopt({ ...common, out }), 'USAGE', '`weights` is missing');
});

test('inputs by name, and by timm\u2019s file', async () => {
  expect(await namedPreprocessing('imagenet')).toMatchObject({ resize: 256, crop: 224 });
  const path = join(folder, 'timm.json');
  const half = [0.5, 0.5, 0.5];
  const timms = { interpolation: 'bicubic', mean: half, std: half };
  await writeFile(path, JSON.stringify({ input_size: [3, 224, 224], crop_pct: 0.9, ...timms }));
  expect(await namedPreprocessing(path)).toEqual({ resize: 248, crop: [224, 224], ...timms });
  const squash = { input_size: [3, 224, 160], crop_pct: 0.95, crop_mode: 'squash', ...timms };
  await writeFile(path, JSON.stringify(squash));
  expect(await namedPreprocessing(path)).toEqual({ resize: [235, 168], crop: [224, 160], ...timms });
  await writeFile(path, JSON.stringify({ ...squash, crop_mode: 'border' }));
  await failure(namedPreprocessing(path), 'USAGE', 'crop_mode');
  await writeFile(path, JSON.stringify({ ...squash, crop_mode: 'center' }));
  await failure(
    namedPreprocessing(path),
    'USAGE',
    'timm keeps the ratio of images that it resizes to 224 x 160 px',
  );
  await writeFile(path, JSON.stringify({ pretrained_cfg: { input_size: [3, 224], mean: half, std: half } }));
  await failure(namedPreprocessing(path), 'USAGE', 'none of imagenet, vit, deit', 'input_size');
});
