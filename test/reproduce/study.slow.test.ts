import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buildDominoes, DEFAULT_DOMINOES } from '../../src/data/dominoes.js';
import { holm } from '../../src/metrics/holm.js';
import { pairedDifference, summarizeSeeds } from '../../src/metrics/seeds.js';
import { runStudy } from '../../src/reproduce/study/runStudy.js';
import type { StudyOptions } from '../../src/reproduce/study/studyOptions.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { failure } from '../data/support.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const out = join(folder, 'study');
let epochs = 0;
const data = join(folder, 'dominoes');
const options: StudyOptions = {
  out,
  data,
  seeds: [0, 1],
  device: 'cpu',
  threads: 1,
  erm: { arch: 'resnet20', epochs: 1, batchSize: 42, lr: 1e-3 },
  finetune: { epochs: 1, batchSize: 42, fraction: 0.001, lambda: 5 },
  arms: [
    { name: 'ERM' },
    { name: 'fine-tuned', method: 'finetune' },
    { name: 'lambda 5', method: 'finetune', settings: { lambda: 5 } },
    { name: 'no mask', method: 'finetune', settings: { criterion: 'none' } },
    { name: 'SUBG', method: 'subg' },
    { name: 'DFR', method: 'dfr' },
    {
      name: 'other loss',
      method: 'finetune',
      settings: { loss: 'double-softmax' },
      erm: { loss: 'double-softmax' },
    },
  ],
  focus: 'fine-tuned',
  onEpoch: () => {
    epochs += 1;
  },
};

test('trains each setting once a seed, goes on where it was, and summarizes over seeds', async () => {
  const counts = { train: [40, 8, 6, 30], val: [6, 6, 6, 6], test: [10, 10, 10, 10] };
  await buildDominoes(data, { ...DEFAULT_DOMINOES, counts, size: 32 });
  // Stopped in the middle of the second seed.
  const abort = new AbortController();
  let steps = 0;
  const stopped = runStudy({
    ...options,
    signal: abort.signal,
    onStep: () => {
      steps += 1;
      if (steps === 9) abort.abort();
    },
  });
  await failure(stopped, 'INTERRUPTED');
  const { rows, reference, focus } = await runStudy(options);
  expect(await readdir(out)).toEqual([
    ...['dfr', 'erm', 'erm-loss=double-softmax', 'finetune', 'finetune-criterion=none'],
    ...['finetune-loss=double-softmax-loss=double-softmax', 'subg'],
  ]);
  // Two seeds of six runs of one epoch each, and last layers, which have none: settings equal to the study's own are not trained again.
  expect(epochs).toBe(12);
  await runStudy(options);
  expect(epochs).toBe(12);

  expect(reference).toBe('ERM');
  expect(rows.map(({ arm }) => arm)).toEqual(options.arms.map(({ name }) => name));
  const values = async (name: string): Promise<number[]> =>
    Promise.all(
      options.seeds.map(async (seed) => {
        const result = await new RunFolder(join(out, name, `seed-${seed}`)).readTrainingResult();
        return result?.test.worstGroupAccuracy ?? Number.NaN;
      }),
    );
  const erm = await values('erm');
  const finetuned = await values('finetune');
  const row = rows[1];
  expect(rows[2]?.seeds).toEqual(row?.seeds);
  expect(row?.testWorstGroupAccuracy).toEqual(summarizeSeeds(finetuned));
  expect(row?.difference).toMatchObject(pairedDifference(finetuned, erm));
  const p = rows.map(({ difference }) => difference?.pValue);
  expect(rows.map(({ difference }) => difference?.pValueHolm)).toEqual(
    holm(p).map((adjusted) => adjusted ?? undefined),
  );
  expect(rows[0]?.difference).toBeNull();
  expect(focus?.arm).toBe('fine-tuned');
  expect(focus?.against.map(({ arm }) => arm)).toEqual([
    ...['ERM', 'lambda 5', 'no mask', 'SUBG', 'DFR', 'other loss'],
  ]);
  expect(focus?.against[0]?.difference).toMatchObject(pairedDifference(finetuned, erm));
});

test('an arm with a grid is tuned with other seeds, and takes the configuration that is best on validation', async () => {
  const tuned = {
    ...options,
    arms: [{ name: 'ERM', grid: { lr: [1e-3, 1e-2] } }],
    focus: undefined,
    seeds: [0],
  };
  await expect(runStudy(tuned)).rejects.toThrow(/`grid` of the arm ERM: it takes `tuning`/);
  const { tuning, rows } = await runStudy({ ...tuned, tuning: { seeds: [7] } });
  expect(tuning?.runs.map(({ configuration, seed }) => [configuration.lr, seed])).toEqual([
    [1e-3, 7],
    [1e-2, 7],
  ]);
  const [first, second] = (tuning?.runs ?? []).map(({ validation }) => validation);
  const lr = (second as number) > (first as number) ? 1e-2 : 1e-3;
  expect(tuning?.chosen).toEqual({ ERM: { lr } });
  expect(rows[0]?.seeds.map(({ run }) => run)).toEqual([
    join(out, lr === 1e-3 ? 'erm' : 'erm-lr=0.01', 'seed-0'),
  ]);
});

test('needs settings and seeds', async () => {
  await failure(runStudy({ ...options, arms: [] }), 'USAGE');
  await expect(runStudy({ ...options, seeds: [] })).rejects.toThrow(/`seeds` is empty/);
});
