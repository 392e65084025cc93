import { join } from 'node:path';
import type { ErrorCode } from '../../src/errors.js';
import { native } from '../../src/native/addon.js';
import { fractionToCount } from '../../src/neurons/select.js';
import { trainErm, trainFinetune } from '../../src/train/methods.js';
import type { FinetuneOptions } from '../../src/train/methods/finetune.js';
import type { EpochMetrics } from '../../src/train/results.js';
import { openRun, RunFolder } from '../../src/train/runFolder.js';
import { failure } from '../data/support.js';
import { bestOf, tinyDominoes } from '../fixtures.js';
import { settledTensors } from '../networks.js';
import { builtRuns, expectSameRun, stopIn } from './support.js';

const runs = builtRuns();
const { folder } = runs;
const M = 784;
const base: FinetuneOptions = {
  from: runs.reference.path,
  out: join(folder, 'finetuned'),
  epochs: 2,
  batchSize: 42,
  lr: 1e-3,
  fraction: 0.006,
  seed: 4,
  device: 'cpu',
  threads: 1,
  resume: false,
  keepState: true,
};

/** The published code's protocol, its own mask included. */
const RELEASED = { protocol: 'released', criterion: 'magnitude', fraction: 0.0001 } as const;

interface Finetuned {
  readonly run: RunFolder;
  readonly epochs: readonly EpochMetrics[];
}

const made = new Map<string, Promise<Finetuned>>();

/** Fine-tunes into a folder of its own, once for equal options; the folder and its measurements. */
function finetune(options: Partial<FinetuneOptions> = {}): Promise<Finetuned> {
  const key = JSON.stringify(options);
  const known = made.get(key) ?? train(options, `finetuned-${made.size}`);
  made.set(key, known);
  return known;
}

async function train(options: Partial<FinetuneOptions>, name: string): Promise<Finetuned> {
  const run = new RunFolder(join(folder, name));
  await trainFinetune({ ...base, ...options, out: run.path });
  return { run, epochs: await run.readMetrics() };
}

async function refusal(
  options: Partial<FinetuneOptions>,
  code: ErrorCode,
  ...parts: (string | RegExp)[]
): Promise<void> {
  await failure(trainFinetune({ ...base, out: join(folder, 'refused'), ...options }), code, ...parts);
}

describe('fine-tuning', () => {
  test('masks the share of neurons that was asked for, anew each epoch, and leaves no tensor', async () => {
    const live = await settledTensors();
    const { run, epochs } = await finetune();
    expect(native().liveTensors()).toBe(live);
    expect(epochs).toHaveLength(2);
    for (const { mask, trainLoss, lossTerms } of epochs) {
      expect(mask?.count).toBe(fractionToCount(0.006, M));
      expect(mask?.neurons).toHaveLength(5);
      const scores = mask?.neurons.map(({ score }) => score) ?? [];
      expect(scores).toEqual([...scores].sort((a, b) => b - a));
      expect(trainLoss).toBeCloseTo((lossTerms?.contrast ?? 0) + 10 * (lossTerms?.supervised ?? 0), 4);
    }
    const { config } = await openRun(run.path);
    expect(config).toMatchObject({
      command: 'train finetune',
      protocol: 'article',
      arch: 'resnet20',
      lambda: 10,
      statistics: 'separate',
      viewAugmentation: { randomResizedCrop: { size: [32, 16] }, horizontalFlip: 0 },
    });
  });

  test('random masks differ between epochs, no mask is none, both criteria together are their union, and any criterion can choose', async () => {
    const random = await finetune({ criterion: 'random' });
    const [first, second] = random.epochs.map(({ mask }) => mask?.neurons);
    expect(first).toHaveLength(5);
    expect(first).not.toEqual(second);
    const none = await finetune({ criterion: 'none', kickInEpoch: 'selected', epochs: 1 });
    expect(none.epochs[0]?.mask).toEqual({ count: 0, total: M, neurons: [] });

    const place = ({ layer, index }: { layer: string; index: number }): string => `${layer}[${index}]`;
    const masked = async (options: Partial<FinetuneOptions>): Promise<string[]> =>
      ((await finetune(options)).epochs[0]?.mask?.neurons ?? []).map(place);
    const gradient = await masked({});
    const magnitude = await masked({ criterion: 'magnitude', epochs: 1 });
    const combined = await masked({ criterion: 'combined', epochs: 1 });
    expect(new Set(combined)).toEqual(new Set([...gradient, ...magnitude]));
    expect(gradient).not.toEqual(magnitude);

    const signed = await finetune({ criterion: 'gradient-x-weight', epochs: 1 });
    const { neurons = [] } = signed.epochs[0]?.mask ?? {};
    const scores = neurons.map(({ score }) => score);
    expect(scores).toHaveLength(5);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    expect(neurons.map(place)).not.toEqual(gradient);
  });

  test('without the contrast it is continued training: no mask, one term', async () => {
    const { epochs } = await finetune({ contrast: false, epochs: 1 });
    expect(epochs[0]?.mask?.count).toBe(0);
    expect(Object.keys(epochs[0]?.lossTerms ?? {})).toEqual(['supervised']);
  });

  test('the magnitude\u2019s smallest single weights are the published code\u2019s mask', async () => {
    const mask = (await finetune(RELEASED)).epochs[0]?.mask;
    // A share of all 270,256 weights of convolutions, taken from those that are not among the 2,560 of the shortcuts.
    expect(mask?.count).toBe(fractionToCount(0.0001, 270_256));
    const scores = mask?.neurons.map(({ score }) => score) ?? [];
    expect(scores).toEqual([...scores].sort((a, b) => a - b));
    expect(Math.max(...scores)).toBeLessThan(1e-4);
    expect(mask?.neurons.some(({ layer }) => layer.includes('downsample'))).toBe(false);
  });

  test.each([
    ['averaged weights, SimCLR\u2019s views', { ema: 0.9, viewAugmentation: 'simclr' }],
    ['the published code\u2019s protocol', RELEASED],
  ] as const)('goes on to the same bits: %s', async (name, settings) => {
    const whole = await finetune(settings);
    const stopped = new RunFolder(join(folder, `stopped ${name}`));
    const options = { ...base, ...settings, out: stopped.path };
    await stopIn('epoch 2/2', (stop) => trainFinetune({ ...options, ...stop }));
    await trainFinetune({ ...options, resume: true });
    await expectSameRun(stopped, whole.run, 'finetune');
  });

  test.each([
    // The first of two epochs, as 40 of 100.
    ['an epoch that ERM kept', {}, 1, runs.reference.weights(1)],
    ['the selected epoch', { criterion: 'none', kickInEpoch: 'selected', epochs: 1 }, null, undefined],
  ] as const)('starts from %s', async (_what, options, kickInEpoch, weights) => {
    const { run } = await finetune(options);
    const { config, environment } = await openRun(run.path);
    expect(config).toMatchObject({ kickInEpoch });
    expect(environment.weightsPath).toBe(weights ?? bestOf(runs.reference));
  });

  test('needs the epoch to be kept', async () => {
    await refusal(
      { kickInEpoch: 3 },
      'RUN_NOT_FOUND',
      /`kickInEpoch` is 3, and .* has not kept that epoch: .*epoch-3\/weights\.safetensors is missing.*`keepEpochs` 3/s,
    );
  });
});

describe('a fine-tuning that cannot be', () => {
  test.each([
    ['lambda', { lambda: 0 }, /`lambda` is 0: it takes a number above 0/],
    ['temperature', { temperature: -1 }, /`temperature` is -1: it takes a number above 0/],
    ['fraction', { fraction: 1 }, /`fraction` is 1: it takes a share above 0 and below 1/],
    ['batch of one', { batchSize: 1 }, /`batchSize` is 1: every batch has one image, and NT-Xent/],
    ['last batch of one', { batchSize: 83 }, /the last batch of 84 training images has one image/],
    ['samples', { gradientWorst: 4, gradientDrawn: 5 }, /`gradientDrawn` is 5, more than the 4/],
    ['views', { viewAugmentation: { scale: [0.9, 0.8] } }, /`viewAugmentation` is .*simclr, minScale/],
    ['architecture', { arch: 'resnet50' }, /`arch` is resnet50, and .* was trained with resnet20/],
  ] as const)('is refused: %s', async (_name, options, message) => {
    await refusal(options, 'USAGE', message);
  });

  test('is refused on another dataset, and without minority groups', async () => {
    const other = join(folder, 'other');
    await tinyDominoes(other, { train: [8, 8, 8, 8] });
    await refusal({ data: other }, 'DATASET_INVALID', /is not the dataset that .* was trained on/);
    const erm = join(folder, 'balanced');
    await trainErm({ ...runs.base, data: other, out: erm, epochs: 1 });
    await refusal(
      { from: erm, gradientSource: 'minority-groups' },
      'USAGE',
      /`gradientSource` is minority-groups, and dominoes has no training image of a minority group: its training groups have 8, 8, 8, 8/,
    );
  });

  test('is refused from no run, and into a run with other settings', async () => {
    await refusal({ from: join(folder, 'nowhere') }, 'RUN_NOT_FOUND', /holds no trained run/);
    const settled = { criterion: 'magnitude', epochs: 1 } as const;
    const { run } = await finetune(settled);
    const again = { ...settled, out: run.path, resume: true };
    await refusal({ ...again, lambda: 3 }, 'RUN_EXISTS', /lambda: 10 -> 3/);
  });
});
