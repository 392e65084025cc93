import { existsSync } from 'node:fs';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withoutChecksum } from '../../src/checksum.js';
import { loadDataset } from '../../src/data/dataset.js';
import { mean } from '../../src/metrics/statistics.js';
import { readSafetensors, type TensorData } from '../../src/models/safetensors.js';
import { native } from '../../src/native/addon.js';
import { writeReport } from '../../src/report/writeReport.js';
import { fitDfr, type LabelledFeatures } from '../../src/train/dfr/fit.js';
import { trainDfr } from '../../src/train/methods.js';
import type { DfrOptions, DfrResult } from '../../src/train/methods/dfr.js';
import { openRun, RunFolder } from '../../src/train/runFolder.js';
import { contentOf } from '../cli/support.js';
import { failure } from '../data/support.js';
import { bestOf, lastOf, tinyDominoes } from '../fixtures.js';
import { settledTensors } from '../networks.js';
import { bytesOf } from '../parity/compare.js';
import { builtRuns, stopIn } from './support.js';

const runs = builtRuns();
const { folder } = runs;
const run = new RunFolder(join(folder, 'dfr'));
let base: DfrOptions;
let result: DfrResult;

/** The result without its folder, which differs. */
async function retrain(options: DfrOptions): Promise<DfrResult> {
  const { run: _folder, ...retrained } = await trainDfr(options);
  return retrained;
}

beforeAll(async () => {
  const place = { from: runs.reference.path, out: run.path, device: 'cpu', threads: 1, resume: false };
  base = { ...place, draws: 3, seed: 5 };
  result = await retrain(base);
});

describe('last-layer retraining', () => {
  test('changes the last layer alone, and says which C it chose', async () => {
    const before = (await readSafetensors(bestOf(runs.reference))).tensors;
    const after = (await readSafetensors(bestOf(run))).tensors;
    const changed = Object.entries(before).filter(
      ([name, { data }]) => !bytesOf(data).equals(bytesOf((after[name] as TensorData).data)),
    );
    expect(changed.map(([name]) => name).sort()).toEqual(['fc.bias', 'fc.weight']);
    expect((await readFile(lastOf(run))).equals(await readFile(bestOf(run)))).toBe(true);
    expect(result).toMatchObject({ kind: 'dfr', epochs: 0, bestEpoch: 0 });
    const { tuning = [] } = result;
    const best = Math.max(...tuning.map(({ worstGroupAccuracy }) => worstGroupAccuracy));
    expect(tuning.map(({ inverseStrength }) => inverseStrength)).toEqual([
      1, 0.7, 0.3, 0.1, 0.07, 0.03, 0.01,
    ]);
    expect(tuning.find(({ worstGroupAccuracy }) => worstGroupAccuracy === best)).toMatchObject({
      inverseStrength: result.inverseStrength,
    });
    expect((await openRun(run.path)).config).toMatchObject({ command: 'train dfr', draws: 3, batchSize: 42 });
  });

  test('gives the same bits again, and the finished result when it is resumed', async () => {
    const live = await settledTensors();
    const again = new RunFolder(join(folder, 'again'));
    expect(await retrain({ ...base, out: again.path })).toEqual(result);
    expect((await readFile(bestOf(again))).equals(await readFile(bestOf(run)))).toBe(true);
    const before = contentOf(run.path);
    expect(await retrain({ ...base, resume: true })).toEqual(result);
    expect(contentOf(run.path)).toEqual(before);
    expect(native().liveTensors()).toBe(live);
  });

  test('that was killed before its result finishes when it is resumed', async () => {
    const killed = new RunFolder(join(folder, 'killed'));
    await cp(run.path, killed.path, { recursive: true });
    await rm(killed.result('dfr'));
    await rm(lastOf(killed));
    expect(await retrain({ ...base, out: killed.path, resume: true })).toEqual(result);
    expect((await readFile(lastOf(killed))).equals(await readFile(lastOf(run)))).toBe(true);
  });

  test('stops when it is told to, and leaves nothing to lose', async () => {
    const stopped = new RunFolder(join(folder, 'stopped'));
    await stopIn('last-layer retraining', (stop) => trainDfr({ ...base, out: stopped.path, ...stop }));
    expect(await stopped.readProgress()).toBeUndefined();
  });

  test('is reported without epochs', async () => {
    const html = await readFile(await writeReport({ run: run.path }), 'utf8');
    expect(html).toContain('train dfr');
    expect(html).not.toMatch(/epoch 0|scheduler/);
  });
});

test('no such run is refused, and nothing is made', async () => {
  const out = join(folder, 'refused');
  const from = join(folder, 'nowhere');
  await failure(trainDfr({ ...base, out, from }), 'RUN_NOT_FOUND', /holds no trained run/);
  expect(existsSync(out)).toBe(false);
});

test('another dataset is refused, and one with a single validation example of a group', async () => {
  const out = join(folder, 'refused');
  const data = join(folder, 'few');
  await tinyDominoes(data, { val: [4, 1, 4, 4] });
  await failure(trainDfr({ ...base, out, data }), 'DATASET_INVALID');
  // The same run, as if it had been trained on that dataset.
  const from = await runs.copyOf('few-run');
  const path = join(from.path, 'config.json');
  const [old, now] = [await loadDataset(runs.base.data), await loadDataset(data)];
  const config = withoutChecksum(await readFile(path, 'utf8'));
  await writeFile(path, config.replace(old.fingerprint, now.fingerprint));
  await failure(
    trainDfr({ ...base, from: from.path, out, data }),
    'DATASET_EMPTY_GROUP',
    /split val has one example of group 1 \(pullover, digit 1\)/,
  );
  expect(existsSync(out)).toBe(false);
});

describe('the fitted layer', () => {
  /** Feature 0 tells the class, feature 1 the attribute more strongly; the other eight are noise. */
  function features(numClasses: number): LabelledFeatures {
    const sizes = Array.from({ length: 2 * numClasses }, (_, group) =>
      group % 2 === Math.floor(group / 2) % 2 ? 120 : 20,
    );
    const groups = Int32Array.from(sizes.flatMap((size, group) => new Array<number>(size).fill(group)));
    const labels = groups.map((group) => Math.floor(group / 2));
    const numFeatures = 10;
    const values = new (native().Generator)(11).randn(groups.length * numFeatures);
    groups.forEach((group, row) => {
      const at = row * numFeatures;
      values[at] = 5 + 3 * (0.4 * (values[at] as number) + 2 * (labels[row] as number));
      values[at + 1] = 0.1 * (values[at + 1] as number) + (group % 2);
      values[at + 9] = 7; // Does not vary.
    });
    return { features: values, numFeatures, numClasses, labels, groups };
  }

  test.each([2, 3])(
    'of %d classes tells them from features as they are, not by the attribute',
    async (classes) => {
      const data = features(classes);
      const settings = { inverseStrengths: [1, 0.03], draws: 4 };
      const { layer, tuning } = await fitDfr(data, settings, new (native().Generator)(1), {});
      expect(tuning).toHaveLength(2);
      const { numFeatures } = data;
      const right = [...data.labels].filter((label, row) => {
        const outputs = layer.bias.map((bias, y) =>
          Array.from({ length: numFeatures }, (_, j) => j).reduce(
            (sum, j) =>
              sum +
              (layer.weight[y * numFeatures + j] as number) *
                (data.features[row * numFeatures + j] as number),
            bias,
          ),
        );
        return outputs.indexOf(Math.max(...outputs)) === label;
      });
      // One linear score cannot put the middle one of three classes first: it is told by the others' absence.
      expect(right.length / data.labels.length).toBeGreaterThan(classes === 2 ? 0.97 : 0.6);
      expect(layer.weight[numFeatures - 1]).toBe(0);
      // Per deviation of the feature, the class counts and the attribute does not.
      const own = Math.abs(layer.weight[0] as number) * 3;
      expect(Math.abs(layer.weight[1] as number) * 0.5).toBeLessThan(0.2 * own);
    },
  );

  test('of two classes is the optimum of the L1-penalized objective, for features as they are', async () => {
    // Groups of equal size: each balanced subset has all examples.
    const equal = { ...features(2), groups: Int32Array.from({ length: 280 }, (_, row) => row % 4) };
    const data = { ...equal, labels: equal.groups.map((group) => Math.floor(group / 2)) };
    const { numFeatures } = data;
    const C = 1;
    const settings = { inverseStrengths: [C], draws: 2 };
    const { layer } = await fitDfr(data, settings, new (native().Generator)(1), {});
    // The class's probability is that of softmax over both outputs.
    const of = (j: number) => (layer.weight[numFeatures + j] as number) - (layer.weight[j] as number);
    const errors = [...data.labels].map((label, row) => {
      let logit = (layer.bias[1] as number) - (layer.bias[0] as number);
      for (let j = 0; j < numFeatures; j += 1)
        logit += of(j) * (data.features[row * numFeatures + j] as number);
      return 1 / (1 + Math.exp(-logit)) - label;
    });
    const violations = Array.from({ length: numFeatures - 1 }, (_, j) => {
      const column = errors.map((_error, row) => data.features[row * numFeatures + j] as number);
      const center = mean(column);
      const deviation = Math.sqrt(mean(column.map((value) => (value - center) ** 2)));
      const slope = mean(
        errors.map((error, row) => (error * ((column[row] as number) - center)) / deviation),
      );
      const ofLoss = C * errors.length * slope;
      const weight = of(j);
      return weight === 0 ? Math.max(0, Math.abs(ofLoss) - 1) : Math.abs(ofLoss + Math.sign(weight));
    });
    const ofIntercept = Math.abs(C * errors.length * mean(errors));
    // fitDfr's tolerance.
    expect(Math.max(...violations, ofIntercept)).toBeLessThan(1.01e-4);
    expect(violations.filter((_, j) => of(j) !== 0).length).toBeGreaterThan(2);
  });
});
