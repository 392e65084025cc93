import { createHash } from 'node:crypto';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildDominoes, DEFAULT_DOMINOES } from '../../src/data/dominoes.js';
import { SpurmemError, type ErrorCode } from '../../src/errors.js';
import { createProjectionHead } from '../../src/models/architectures.js';
import { Model, takeData } from '../../src/models/model.js';
import type { TensorData } from '../../src/models/safetensors.js';
import { native } from '../../src/native/addon.js';
import { maskNeurons } from '../../src/neurons/perturb.js';
import { fractionToCount } from '../../src/neurons/select.js';
import { Adam } from '../../src/train/adam.js';
import { headLoss } from '../../src/train/finetune/loss.js';
import { trainErm } from '../../src/train/methods.js';
import type { FinetuneOptions } from '../../src/train/methods/finetune.js';
import { trainFinetune } from '../../src/train/methods.js';
import type { EpochMetrics } from '../../src/train/results.js';
import { openRun, RunFolder } from '../../src/train/runFolder.js';
import { descend } from '../../src/train/trainer.js';
import { temporaryFolder } from '../temporary.js';
import { Runs, measured } from './support.js';

const folder = temporaryFolder();
const runs = new Runs(folder);
const M = 784;
const base: FinetuneOptions = {
  ...{ from: runs.reference.path, out: join(folder, 'finetuned'), epochs: 2, batchSize: 42, lr: 1e-3 },
  ...{ fraction: 0.006, seed: 4, device: 'cpu', threads: 1, resume: false },
};

beforeAll(async () => {
  await runs.build();
});

/** Fine-tunes into a folder of its own; the folder and what it measured. */
async function finetune(
  name: string,
  options: Partial<FinetuneOptions> = {},
): Promise<{ run: RunFolder; epochs: EpochMetrics[] }> {
  const run = new RunFolder(join(folder, name));
  await trainFinetune({ ...base, ...options, out: run.path });
  return { run, epochs: await run.readMetrics() };
}

/** Of each tensor: comparing the numbers one by one takes seconds. */
function hashesOf(tensors: Record<string, TensorData>): [string, string][] {
  const hashOf = ({ data: { buffer, byteOffset, byteLength } }: TensorData): string =>
    createHash('sha256')
      .update(new Uint8Array(buffer, byteOffset, byteLength))
      .digest('hex');
  return Object.entries(tensors).map(([name, tensor]) => [name, hashOf(tensor)]);
}

async function refusal(options: Partial<FinetuneOptions>, code: ErrorCode): Promise<string> {
  const out = join(folder, 'refused');
  const error: unknown = await trainFinetune({ ...base, out, ...options }).catch((reason: unknown) => reason);
  if (!(error instanceof SpurmemError)) throw new Error(`Expected ${code}, got ${String(error)}`);
  expect({ code: error.code, message: error.message }).toEqual({ code, message: error.message });
  return error.message;
}

describe('fine-tuning', () => {
  test('masks the share of neurons that was asked for, anew each epoch, and leaves no tensor', async () => {
    const live = native().liveTensors();
    const { run, epochs } = await finetune('gradient');
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
      ...{
        command: 'train finetune',
        protocol: 'article',
        arch: 'resnet20',
        lambda: 10,
        statistics: 'separate',
      },
      viewAugmentation: { randomResizedCrop: { size: [32, 16] }, horizontalFlip: 0 },
    });
  });

  test('random masks differ between epochs, no mask is none, both criteria together are their union, and any criterion can choose', async () => {
    const random = await finetune('random', { criterion: 'random' });
    const [first, second] = random.epochs.map(({ mask }) => mask?.neurons);
    expect(first).toHaveLength(5);
    expect(first).not.toEqual(second);
    const none = await finetune('none', { criterion: 'none', epochs: 1 });
    expect(none.epochs[0]?.mask).toEqual({ count: 0, neurons: [] });

    const place = ({ layer, index }: { layer: string; index: number }): string => `${layer}[${index}]`;
    const masks = await Promise.all(
      (['gradient', 'magnitude', 'combined'] as const).map(async (criterion) => {
        const { epochs } = await finetune(`first-${criterion}`, { criterion, epochs: 1 });
        return (epochs[0]?.mask?.neurons ?? []).map(place);
      }),
    );
    const [gradient = [], magnitude = [], combined = []] = masks;
    expect(new Set(combined)).toEqual(new Set([...gradient, ...magnitude]));
    expect(gradient).not.toEqual(magnitude);

    const signed = await finetune('signed', { criterion: 'gradient-x-weight', epochs: 1 });
    const { neurons = [] } = signed.epochs[0]?.mask ?? {};
    const scores = neurons.map(({ score }) => score);
    expect(scores).toHaveLength(5);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    expect(neurons.map(place)).not.toEqual(gradient);
  });

  test('without the contrast it is continued training: no mask, one term', async () => {
    const { epochs } = await finetune('continued', { contrast: false, epochs: 1 });
    expect(epochs[0]?.mask?.count).toBe(0);
    expect(Object.keys(epochs[0]?.lossTerms ?? {})).toEqual(['supervised']);
  });

  test('the magnitude\u2019s smallest single weights are the published code\u2019s mask', async () => {
    const { epochs } = await finetune('published', {
      ...{ protocol: 'released', criterion: 'magnitude', fraction: 0.0001, epochs: 1 },
    });
    const mask = epochs[0]?.mask;
    // A share of all 270,256 weights of convolutions, taken from those that are not among the 2,560 of the shortcuts.
    expect(mask?.count).toBe(fractionToCount(0.0001, 270_256));
    const scores = mask?.neurons.map(({ score }) => score) ?? [];
    expect(scores).toEqual([...scores].sort((a, b) => a - b));
    expect(Math.max(...scores)).toBeLessThan(1e-4);
    expect(mask?.neurons.some(({ layer }) => layer.includes('downsample'))).toBe(false);
  });

  test.each([
    ['the article\u2019s protocol, averaged', { ema: 0.9 }],
    ['the published code\u2019s protocol', { protocol: 'released', fraction: 0.001 }],
    ['a head that was warmed up, SimCLR\u2019s views', { headWarmup: 1, viewAugmentation: 'simclr' }],
  ] as const)('goes on to the same bits: %s', async (name, settings) => {
    const whole = await finetune(`whole ${name}`, settings);
    const stopped = new RunFolder(join(folder, `stopped ${name}`));
    const options = { ...base, ...settings, out: stopped.path };
    const shown: number[] = [];
    // Inside an epoch, with a checkpoint there, and without.
    for (const [stop, checkpointEvery] of [['epoch 1/2', 100], ['epoch 2/2']] as const) {
      const abort = new AbortController();
      const interrupted = trainFinetune({
        ...{ ...options, checkpointEvery, resume: true, signal: abort.signal },
        onProgress: ({ task, done }) => {
          if (/^epoch \d\/\d$/.test(task)) shown.push(done);
          if (task === stop) abort.abort();
        },
      });
      await expect(interrupted).rejects.toMatchObject({ code: 'INTERRUPTED' });
    }
    expect(shown).toEqual([42, 84, 42]);
    await trainFinetune({ ...options, resume: true });
    expect(await measured(stopped)).toEqual(await measured(whole.run));
    for (const file of ['best', 'last', 'resume'] as const) {
      expect((await readFile(stopped[file])).equals(await readFile(whole.run[file]))).toBe(true);
    }
  });

  test('a warm-up trains the head before the first epoch, and nothing else', async () => {
    // The model's weights, by the mask that its magnitudes choose.
    const settings = { criterion: 'magnitude', epochs: 1 } as const;
    const tasks: string[] = [];
    const warm = await finetune('warm', {
      ...{ ...settings, headWarmup: 2 },
      onProgress: ({ task }) => tasks.push(task),
    });
    expect([...new Set(tasks)].slice(0, 3)).toEqual(['head warm-up 1/2', 'head warm-up 2/2', 'epoch 1/1']);
    const cold = await finetune('cold', settings);
    expect(warm.epochs[0]?.mask).toEqual(cold.epochs[0]?.mask);
    // A head that is trained contrasts better.
    const contrast = ({ epochs }: typeof warm): number => epochs[0]?.lossTerms?.contrast ?? NaN;
    expect(contrast(warm)).toBeLessThan(contrast(cold));
    expect((await openRun(cold.run.path)).config).toMatchObject({ headWarmup: 0, stopGradient: 'none' });
    expect((await openRun(warm.run.path)).config).toMatchObject({ headWarmup: 2 });
  });

  test('without a warm-up, nothing is chosen or drawn before the first epoch', async () => {
    const tasks: string[] = [];
    await finetune('no warm-up', { epochs: 1, onProgress: ({ task }) => tasks.push(task) });
    expect(tasks[0]).toBe('epoch 1/1, losses');
  });

  test('a step of the warm-up changes only the head, and no running statistic', async () => {
    const addon = native();
    const live = addon.liveTensors();
    const generator = new addon.Generator(1);
    {
      using model = await Model.create({ arch: 'resnet20', numClasses: 2, generator, device: 'cpu' });
      const features = model.numFeatures;
      const design = { inputs: features, hidden: features, outputs: 128 };
      const network = await createProjectionHead(design, generator, model.context);
      const head = { network, optimizer: new Adam({ network }, 1e-3) };
      using images = await addon.tensor(generator.randn(4 * 3 * 16 * 16), [4, 3, 16, 16], 'cpu');
      using second = await addon.tensor(generator.randn(4 * 3 * 16 * 16), [4, 3, 16, 16], 'cpu');
      const stateOf = async () => [await model.stateDict(), await takeData(await network.state())] as const;
      const [modelBefore, headBefore] = await stateOf();
      const settings = { statistics: 'shared', temperature: 0.5 } as const;
      const mask = maskNeurons([{ layer: 'conv1', index: 3 }]);
      const { loss, logits } = await headLoss(settings, model, network, mask, { images, second });
      await descend(loss, [head]);
      for (const made of [loss, logits]) made.dispose();
      const [modelAfter, headAfter] = await stateOf();
      expect(hashesOf(modelAfter)).toEqual(hashesOf(modelBefore));
      for (const name of Object.keys(headBefore)) expect(headAfter[name]).not.toEqual(headBefore[name]);
      network.dispose();
    }
    expect(addon.liveTensors()).toBe(live);
  });

  test('starts from an epoch that ERM kept', async () => {
    const erm = new RunFolder(join(folder, 'kept'));
    await trainErm({ ...runs.base, out: erm.path, keepEpochs: [1] });
    expect(await refusal({ from: erm.path, kickInEpoch: 2 }, 'RUN_NOT_FOUND')).toMatch(
      /`kickInEpoch` is 2, and .* has not kept that epoch: .*epoch-2\.safetensors is missing.*`keepEpochs` 2/s,
    );
    // By default the first of two epochs, as 40 of 100.
    for (const [kickInEpoch, started, weights] of [
      [1, 1, erm.epoch(1)],
      [undefined, 1, erm.epoch(1)],
      ['selected', null, erm.best],
    ] as const) {
      const { run } = await finetune(`kick-in ${kickInEpoch}`, {
        ...{ from: erm.path, kickInEpoch, criterion: 'magnitude', epochs: 1 },
      });
      const { config, environment } = await openRun(run.path);
      expect(config).toMatchObject({ kickInEpoch: started });
      expect(environment.weightsPath).toBe(weights);
    }
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
    [
      'warm-up without a head',
      { headWarmup: 1, features: 'softmax' },
      /`headWarmup` is 1, and with `features` softmax there is no projection head/,
    ],
    ['warm-up without a contrast', { headWarmup: 1, contrast: false }, /with `contrast` no there is no/],
    ['views', { viewAugmentation: { scale: [0.9, 0.8] } }, /`viewAugmentation` is .*simclr, minScale/],
    ['average', { ema: 1 }, /`ema` is 1: it takes a decay above 0 and below 1/],
    ['architecture', { arch: 'resnet50' }, /`arch` is resnet50, and .* was trained with resnet20/],
  ] as const)('is refused: %s', async (_name, options, message) => {
    expect(await refusal(options, 'USAGE')).toMatch(message);
  });

  test('is refused on another dataset, and where groups are missing', async () => {
    const other = join(folder, 'other');
    const counts = { train: [8, 8, 8, 8], val: [4, 4, 4, 4], test: [4, 4, 4, 4] };
    await buildDominoes(other, { ...DEFAULT_DOMINOES, counts, size: 32 });
    expect(await refusal({ data: other }, 'DATASET_INVALID')).toMatch(
      /is not the dataset that .* was trained on/,
    );
    const erm = join(folder, 'balanced');
    await trainErm({ ...runs.base, data: other, out: erm, epochs: 1 });
    expect(await refusal({ from: erm, gradientSource: 'minority-groups' }, 'USAGE')).toMatch(
      /`gradientSource` is minority-groups, and dominoes has no example of any: its training groups have 8, 8, 8, 8/,
    );
    const lacking = join(folder, 'lacking');
    await cp(runs.base.data, lacking, { recursive: true });
    const table = join(lacking, 'metadata.csv');
    const rows = (await readFile(table, 'utf8')).split('\n');
    // Without one class in the validation split.
    await writeFile(
      table,
      rows.filter((row) => !row.includes('/val/2/') && !row.includes('/val/3/')).join('\n'),
    );
    expect(await refusal({ data: lacking }, 'DATASET_EMPTY_GROUP')).toMatch(
      /the split val has no example of groups 2 .* 3 /,
    );
  });

  test('is refused from no run, and into a run with other settings', async () => {
    expect(await refusal({ from: join(folder, 'nowhere') }, 'RUN_NOT_FOUND')).toMatch(/holds no trained run/);
    const settled = { criterion: 'magnitude', epochs: 1 } as const;
    await finetune('settled', settled);
    const again = { ...settled, out: join(folder, 'settled'), resume: true };
    expect(await refusal({ ...again, lambda: 3 }, 'RUN_EXISTS')).toMatch(/lambda: 10 -> 3/);
  });

  test('stops at a loss that is no number, and keeps the last good epoch', async () => {
    const run = new RunFolder(join(folder, 'diverging'));
    let poisoned = 0;
    const epochs: EpochMetrics[] = [];
    const message = await refusal(
      {
        ...{ out: run.path, lr: 1e18, epochs: 3 },
        onEpoch: (metrics) => {
          epochs.push(metrics);
          poisoned = metrics.epoch;
        },
      },
      'NATIVE_FAILED',
    );
    expect(message).toMatch(
      /(loss became (NaN|Infinity) in epoch \d, batch \d|validation loss became (NaN|Infinity) after epoch \d).*Try a lower `lr`/,
    );
    expect(await run.readMetrics()).toHaveLength(poisoned);
  });
});
