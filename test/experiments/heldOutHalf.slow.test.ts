import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dataset } from '../../src/data/dataset.js';
import { trainingExamples } from '../../src/experiments/samples.js';
import { traceOverlap } from '../../src/experiments/traceOverlap.js';
import { TraceSession } from '../../src/experiments/traceSession.js';
import { traceStructured } from '../../src/experiments/traceStructured.js';
import { type TraceOptions, traceUnstructured } from '../../src/experiments/traceUnstructured.js';
import { evaluateModel } from '../../src/metrics/evaluate.js';
import { CRITERION_NAMES } from '../../src/neurons/criteria.js';
import { maskNeurons } from '../../src/neurons/perturb.js';
import { fig2 } from '../../src/report/figures/changes.js';
import { writeReport } from '../../src/report/writeReport.js';
import { makeResults } from '../../src/reproduce/part1Traces.js';
import { trainErm } from '../../src/train/methods.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { failure } from '../data/support.js';
import { bestOf, ermRun, tinyDominoes, tracedRun } from '../fixtures.js';
import { whilePerturbed } from '../perturbed.js';
import { withoutScript } from '../report/support.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const data = join(folder, 'data');
const run = join(folder, 'run');
const common = { seed: 3, device: 'cpu', threads: 1 } as const;
const options: TraceOptions = { ...common, run, criteria: CRITERION_NAMES, topK: [2], nullDraws: 0 };
const halved = { ...options, heldOutHalf: true };
let dataset: Dataset;

beforeAll(async () => {
  dataset = await tracedRun(data, run);
});

const halves = (seed: number = common.seed) => trainingExamples(dataset, { seed, heldOutHalf: true });
const countsOf = (indices: Int32Array): number[] =>
  dataset.groupNames.map((_, group) => indices.filter((index) => dataset.groups[index] === group).length);

test('neurons are those of a trace on a data set that holds just that half', async () => {
  const { chosenOn } = halves();
  const half = join(folder, 'half');
  await cp(data, half, { recursive: true, filter: (path) => !path.endsWith('.spurmem') });
  const kept = new Set(Array.from(chosenOn, (index) => dataset.examples[index]?.filename ?? ''));
  const rows = (await readFile(join(data, 'metadata.csv'), 'utf8')).split('\n');
  const isLeft = (row: string): boolean => !row.includes('/train/') || kept.has(filenameIn(row));
  await writeFile(join(half, 'metadata.csv'), rows.filter(isLeft).join('\n'));
  const ofHalf = new RunFolder(join(folder, 'ofHalf'));
  await trainErm({ ...common, data: half, out: ofHalf.path, arch: 'resnet20', epochs: 1, batchSize: 20 });
  // The same weights on other data.
  await cp(bestOf(new RunFolder(run)), bestOf(ofHalf));

  const neuronsOf = ({ entries }: { entries: readonly { readonly neurons: unknown }[] }) =>
    entries.map(({ neurons }) => neurons);
  const split = await traceUnstructured(halved);
  const alone = await traceUnstructured({ ...options, run: ofHalf.path });
  expect(alone.baseline.total).toEqual([20, 6, 3, 12]);
  expect(neuronsOf(split)).toEqual(neuronsOf(alone));
  const whole = await traceUnstructured(options);
  const of = (result: typeof whole, criterion: string) =>
    neuronsOf({ entries: result.entries.filter((entry) => entry.criterion === criterion) });
  expect(of(split, 'gradient')).not.toEqual(of(whole, 'gradient'));
  expect(of(split, 'gradient-x-weight')).not.toEqual(of(whole, 'gradient-x-weight'));
  expect(of(split, 'magnitude')).toEqual(of(whole, 'magnitude'));

  const layers = { ...common, criteria: ['gradient'], topK: [1], nullDraws: 0 } as const;
  expect(neuronsOf(await traceStructured({ ...layers, run, heldOutHalf: true }))).toEqual(
    neuronsOf(await traceStructured({ ...layers, run: ofHalf.path })),
  );
  const ranks = { ...common, fraction: 0.003 };
  expect((await traceOverlap({ ...ranks, run, heldOutHalf: true })).entries).toEqual(
    (await traceOverlap({ ...ranks, run: ofHalf.path })).entries,
  );
});

test('effects and random sets are measured on the other half, on other splits on all', async () => {
  const { judgedOn } = halves();
  const random = { nullDraws: 3, exceedances: 3, nulls: ['same-layers'] } as const;
  const result = await traceUnstructured({ ...halved, ...random, criteria: ['gradient'] });
  expect(result.heldOutHalf).toBe(true);
  expect(result.baseline.total).toEqual(countsOf(judgedOn));
  using session = await TraceSession.open({ ...common, run });
  const { model, loader } = session;
  const onHalf = { batchSize: 32, task: 'half' };
  for (const { neurons, accuracy, loss, group, comparisons } of result.entries) {
    const before = await evaluateModel(model, loader, judgedOn, onHalf);
    const alone = await whilePerturbed(model, maskNeurons(neurons).edits, () =>
      evaluateModel(model, loader, judgedOn, onHalf),
    );
    expect(accuracy).toEqual(alone.accuracies.accuracy);
    const meanOf = (losses: Float32Array): number => {
      const own = losses.filter((_, i) => dataset.groups[judgedOn[i] as number] === group);
      return own.reduce((sum, value) => sum + value, 0) / own.length;
    };
    expect(loss[group]).toBeCloseTo(meanOf(alone.losses) - meanOf(before.losses), 4);
    // A change of accuracy of a random set is a number of the half's examples, too.
    const mean = comparisons?.['same-layers']?.groups[group]?.accuracy.mean ?? Number.NaN;
    const examples = 3 * mean * (result.baseline.total[group] ?? 0);
    expect(examples).toBeCloseTo(Math.round(examples), 6);
  }
  const ofTest = await traceUnstructured({ ...halved, split: 'test', criteria: ['gradient'] });
  expect(ofTest.baseline.total).toEqual(dataset.counts.test);
  expect(ofTest.entries.map(({ neurons }) => neurons)).toEqual(result.entries.map(({ neurons }) => neurons));
});

test('a figure takes a trace only where it was judged as asked for, and the report says how', async () => {
  const figure = { ...common, run, figures: [fig2], criteria: ['gradient'], nullDraws: 0 } as const;
  await traceUnstructured({ ...common, run, criteria: ['gradient'], nullDraws: 0 });
  const steps: string[] = [];
  const onStep = (step: string): void => void steps.push(step);
  const isTraced = async (heldOutHalf?: boolean): Promise<boolean> => {
    steps.length = 0;
    using session = await TraceSession.open({ ...common, run, heldOutHalf });
    await makeResults(session, { ...figure, onStep });
    return steps.some((step) => step.startsWith('trace'));
  };
  expect(await isTraced()).toBe(false);
  expect(await isTraced(true)).toBe(true);
  expect(await isTraced(true)).toBe(false);
  const page = withoutScript(await readFile(await writeReport({ run }), 'utf8'));
  expect(page).toContain('the half of each group that no neurons were chosen on');
  expect(page).toContain('in the half that neurons are chosen on');
  expect(await isTraced(false)).toBe(true);
  const written: unknown = JSON.parse(
    await readFile(new RunFolder(run).result('trace-unstructured'), 'utf8'),
  );
  expect(written).not.toHaveProperty('heldOutHalf');
});

test('a group with one training image is refused before anything is computed', async () => {
  const few = join(folder, 'few');
  const out = join(folder, 'fewRun');
  await tinyDominoes(few, { train: [8, 4, 1, 8] });
  const recipe = { arch: 'resnet20', epochs: 1, batchSize: 21, device: 'cpu', threads: 1 } as const;
  await ermRun({ ...recipe, data: few, out, resume: false });
  const steps: string[] = [];
  const onProgress = ({ task }: { task: string }) => steps.push(task);
  const error = await failure(
    traceUnstructured({ ...halved, run: out, onProgress }),
    'USAGE',
    /`heldOutHalf` halves the training examples of each group, and .*metadata\.csv has 1 of group 2 \(coat.*\)\./,
  );
  expect(error).toMatchObject({ parameter: 'heldOutHalf', value: true });
  expect(steps).toEqual([]);
});

function filenameIn(row: string): string {
  return row.split(',').find((cell) => cell.endsWith('.png')) ?? '';
}
