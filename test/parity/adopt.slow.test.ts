import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { BatchLoader } from '../../src/data/batches.js';
import { evaluateModel } from '../../src/metrics/evaluate.js';
import { writeSafetensors } from '../../src/models/safetensors.js';
import { setThreads } from '../../src/native/engine.js';
import { criterionNamed } from '../../src/neurons/criteria.js';
import { selectByCriterion } from '../../src/neurons/criterion.js';
import { gradientScores } from '../../src/neurons/score.js';
import { adopt } from '../../src/train/methods.js';
import { openRun } from '../../src/train/runFolder.js';
import { loadModel } from '../../src/train/runModel.js';
import { failure } from '../data/support.js';
import { tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { expectWithin } from './compare.js';
import { python, reference, THREADS } from './python.js';

const folder = temporaryFolder();
const data = join(folder, 'dominoes');
let loader: BatchLoader;
let expected: Readonly<
  Record<string, { predictions: readonly number[]; top: readonly (readonly [string, number, number])[] }>
>;

beforeAll(async () => {
  const dataset = await tinyDominoes(data, { train: [24, 8, 6, 16] }, 0, 64);
  loader = await BatchLoader.open(dataset, { device: 'cpu' });
  await setThreads(THREADS);
  const { train } = loader.dataset.splits;
  const batch = join(folder, 'batch.safetensors');
  using all = await loader.evaluation(train, train.length).start(train.length);
  await writeSafetensors(batch, {
    images: { shape: all.images.shape, data: await all.images.data() },
    labels: { shape: all.labels.shape, data: await all.labels.data() },
  });
  expected = JSON.parse(reference('adopt', { batch, folder, threads: THREADS })) as typeof expected;
});

afterAll(() => {
  loader[Symbol.dispose]();
});

test.each([
  ['resnet50.pth', 'resnet50', [281, 207], ''],
  ['plain.pth', 'resnet18', undefined, ''],
  ['lightning.ckpt', 'resnet18', undefined, 'without the prefix model., leaving out loss.weight.'],
  ['timm.pth.tar', 'resnet18', undefined, ''],
  ['two-heads.pt2', undefined, undefined, 'starts from the weights in its file'],
] as const)(
  '%s predicts as PyTorch does, and has the same ten neurons',
  async (file, arch, classes, said) => {
    const told: string[] = [];
    const out = join(folder, `run-${file}`);
    const place = { data, weights: join(folder, file), out, device: 'cpu', threads: THREADS } as const;
    const adopted = await adopt({
      ...place,
      arch,
      classes,
      batchSize: loader.dataset.splits.train.length,
      onInfo: (text) => void told.push(text),
    });
    expect(told.join(' ')).toContain(said);
    const run = await openRun(out);
    using model = await loadModel(run.config, loader, run.weights, run.folder);
    const { train } = loader.dataset.splits;
    const numbers = { batchSize: train.length };
    const { predictions, accuracies } = await evaluateModel(model, loader, train, { ...numbers, task: '' });
    expect([...predictions]).toEqual(expected[file]?.predictions);
    // Some of both classes, or the comparison would tell little.
    expect(new Set(predictions).size).toBe(2);
    expect(adopted.train).toEqual(accuracies);

    const scores = await gradientScores(model, loader, train, numbers);
    const top = selectByCriterion(
      criterionNamed('gradient'),
      scores,
      model.description.layers,
      { magnitudeLayers: 'all' },
      10,
    );
    const theirs = expected[file]?.top ?? [];
    expect(top.map(({ layer, index }) => `${layer}[${index}]`)).toEqual(
      theirs.map(([layer, index]) => `${layer}[${index}]`),
    );
    const difference = Math.max(...top.map(({ score }, i) => Math.abs(score / (theirs[i]?.[2] ?? 0) - 1)));
    expectWithin(`${file}, the ten largest gradients, relative difference`, difference, 1e-5);
  },
);

test('a state dict of another network is refused with the line that exports it, which runs', async () => {
  const weights = join(folder, 'small net.pth');
  const code = `import sys, torch, torchvision; torch.save(torchvision.models.mobilenet_v3_small(num_classes=2).state_dict(), sys.argv[1])`;
  python(['-c', code, weights]);
  const place = { data, device: 'cpu', threads: THREADS, out: join(folder, 'other-network') } as const;
  const { message } = await failure(adopt({ ...place, arch: 'resnet18', weights }), 'WEIGHTS_INVALID');
  const [line = ''] = /^ {2}\S.*export\.py .*$/m.exec(message) ?? [];
  const printed = execFileSync('/bin/sh', ['-c', line], { encoding: 'utf8' });
  expect(printed).toContain('small net.pth is of mobilenet_v3_small.');
  const exported = join(folder, 'small net.pt2');
  const { train } = await adopt({ ...place, weights: exported, imageSize: 224 });
  expect(train.total).toEqual([24, 8, 6, 16]);
});
