import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadDataset } from '../../src/data/dataset.js';
import {
  compareMinorities,
  type MinimalExample,
  summarizeMinimal,
  type TraceMinimalResult,
} from '../../src/experiments/minimal.js';
import { traceMinimal, type TraceMinimalOptions } from '../../src/experiments/traceMinimal.js';
import { TraceSession } from '../../src/experiments/traceSession.js';
import { evaluateModel, type Evaluation } from '../../src/metrics/evaluate.js';
import { maskNeurons } from '../../src/neurons/perturb.js';
import { minimal } from '../../src/report/figures/minimal.js';
import { OF_ONE_RUN, PART1 } from '../../src/reproduce/articleFigures.js';
import { reproducePart1 } from '../../src/reproduce/part1.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { failure } from '../data/support.js';
import { ermRun, recordedIn, tinyDominoes } from '../fixtures.js';
import { whilePerturbed } from '../perturbed.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const data = join(folder, 'data');
const run = join(folder, 'run');
const common = { run, device: 'cpu', threads: 1 } as const;
const options: TraceMinimalOptions = { ...common, seed: 0, examples: 3, referenceSize: 24, maxNeurons: 12 };

beforeAll(async () => {
  await tinyDominoes(data);
  const recipe = { arch: 'resnet20', epochs: 4, batchSize: 42, lr: 3e-3 } as const;
  await ermRun({ data, out: run, ...recipe, device: 'cpu', threads: 1 });
});

const files = (): string[] => readdirSync(dirname(new RunFolder(run).result('any'))).sort();

let result: TraceMinimalResult;

test('a job that is stopped leaves no file', async () => {
  const before = files();
  const controller = new AbortController();
  const attempt = traceMinimal({
    ...options,
    signal: controller.signal,
    onProgress: ({ task, done }) => {
      if (task === 'minimal neurons' && done === 1) controller.abort();
    },
  });
  await failure(attempt, 'INTERRUPTED');
  expect(files()).toEqual(before);
});

test('the neurons together flip the example, and without the last they do not', async () => {
  result = await traceMinimal(options);
  expect(recordedIn(new RunFolder(run).result(result.kind))).toEqual(result);
  expect(result.referenceSize).toBe(24);

  using session = await TraceSession.open(common);
  const { model, loader, dataset } = session;
  // Weights are written here, apart from the addon's masks.
  const without = (neurons: MinimalExample['neurons'], indices: Int32Array): Promise<Evaluation> =>
    whilePerturbed(model, maskNeurons(neurons).edits, () =>
      evaluateModel(model, loader, indices, { batchSize: 42, task: 'alone' }),
    );
  const right = await without([], dataset.splits.train);
  for (const { group, filename, neurons, count, flipped, loss } of result.examples) {
    const index = dataset.examples.findIndex((example) => example.filename === filename);
    const label = dataset.labels[index];
    expect(dataset.groups[index]).toBe(group);
    expect(right.predictions[dataset.splits.train.indexOf(index)]).toBe(label);
    expect(count).toBe(neurons.length);
    expect(new Set(neurons.map((neuron) => session.position(neuron))).size).toBe(count);
    const alone = Int32Array.of(index);
    const after = await without(neurons, alone);
    expect(after.predictions[0] !== label).toBe(flipped);
    expect((await without(neurons.slice(0, -1), alone)).predictions[0]).toBe(label);
    expect(loss.after).toBeCloseTo(after.losses[0] ?? Number.NaN, 5);
    expect(loss.before).toBeCloseTo((await without([], alone)).losses[0] ?? Number.NaN, 5);
    if (!flipped) expect(count).toBe(12);
  }

  for (const [group, summary] of result.groups.entries()) {
    const total = right.accuracies.correct[group] ?? 0;
    expect(summary.examples).toBe(Math.min(3, total));
  }
  expect(result.comparison?.minority.examples).toBe(
    dataset.minorityGroups.reduce((sum, group) => sum + (result.groups[group]?.examples ?? 0), 0),
  );
  expect(await traceMinimal(options)).toEqual(result);
});

test('the figure is no part of the article\u2019s, and shows what is there', async () => {
  expect(OF_ONE_RUN).toContain(minimal);
  expect(PART1).not.toContain(minimal);
  const steps: string[] = [];
  const onStep = (step: string) => steps.push(step);
  const { figures } = await reproducePart1({ ...common, figures: [minimal], onStep });
  expect(steps).toEqual(['report']);
  expect(figures[0]?.rows.map(({ count }) => count)).toEqual(result.examples.map(({ count }) => count));
});

test('the reference is measured without the example', async () => {
  using session = await TraceSession.open(common);
  const { dataset, model, loader } = session;
  const { train } = dataset.splits;
  const { predictions } = await evaluateModel(model, loader, train, { batchSize: 42, task: 'whole' });
  const right = train.filter((index, i) => predictions[i] === dataset.labels[index]);
  // All examples that are predicted right are the reference, so that the example is one of them.
  const whole = { ...options, examples: 1, referenceSize: 1000, maxNeurons: 1 };
  const result = await traceMinimal(whole);
  expect(result.referenceSize).toBe(right.length);
  for (const { filename, neurons, reference } of result.examples) {
    const others = right.filter((index) => dataset.examples[index]?.filename !== filename);
    expect(others).toHaveLength(right.length - 1);
    for (const [removed, state] of [
      [[], reference.before],
      [neurons, reference.after],
    ] as const) {
      const alone = await whilePerturbed(model, maskNeurons(removed).edits, () =>
        evaluateModel(model, loader, others, { batchSize: 42, task: 'alone' }),
      );
      expect(state.accuracy).toBeCloseTo(alone.accuracies.average, 10);
      expect(state.loss).toBeCloseTo(alone.loss, 5);
    }
  }
});

test('a model that predicts nothing right has nothing to forget', async () => {
  const dataset = await loadDataset(data);
  const { train, ...others } = dataset.splits;
  using session = await TraceSession.open(common);
  const { predictions } = await evaluateModel(session.model, session.loader, train, {
    batchSize: 42,
    task: 'whole',
  });
  const wrong = train.filter((index, i) => predictions[i] !== dataset.labels[index]);
  const attempt = traceMinimal({ ...options, data: { ...dataset, splits: { train: wrong, ...others } } });
  const { message, parameter } = await failure(attempt, 'USAGE');
  expect(parameter).toBe('run');
  expect(message).toContain(`predicts 0 of ${wrong.length} training examples right`);
});

test('in another precision than the run\u2019s, the result says so', async () => {
  const { precision } = await traceMinimal({ ...options, precision: 'bf16', examples: 1, maxNeurons: 1 });
  expect(precision).toMatchObject({ precision: 'bf16', ofRun: 'fp32' });
});

test('single weights can be the unit', async () => {
  const result = await traceMinimal({ ...options, unit: 'weight', examples: 1, maxNeurons: 2 });
  expect(result.numNeurons).toBe(270_256);
  for (const { count } of result.examples) expect(count).toBeLessThanOrEqual(2);
});

test('more neurons than the model has are refused before the work', async () => {
  const steps: string[] = [];
  const onProgress = ({ task }: { task: string }) => steps.push(task);
  const attempt = traceMinimal({ ...options, maxNeurons: 785, onProgress });
  const refused = { code: 'NEURONS_INVALID', parameter: 'maxNeurons', value: 785 };
  await expect(attempt).rejects.toMatchObject(refused);
  expect(steps).toEqual([]);
});

const example = (group: number, count: number, flipped = true): MinimalExample => ({
  group,
  filename: '',
  count,
  flipped,
  neurons: [],
  loss: { before: 0, after: 1 },
  reference: { before: { accuracy: 1, loss: 0 }, after: { accuracy: 0.75, loss: 1 } },
});

test('summaries and the comparison', () => {
  const minority = [1, 2, 2].map((count) => example(1, count));
  const majority = [example(0, 4), example(0, 9, false)];
  const summary = { examples: 2, flipped: 0.5, median: 6.5, mean: 6.5, referenceChange: -0.25 };
  expect(summarizeMinimal(majority)).toMatchObject(summary);
  // Student's t of two values, 2.5 from their mean: the 97.5th percentile with one degree of freedom is 12.706.
  expect(summarizeMinimal(majority).interval?.[1]).toBeCloseTo(6.5 + 12.7062 * 2.5, 3);
  expect(compareMinorities([...minority, ...majority], [1])).toMatchObject({
    minority: { median: 2 },
    majority: { median: 6.5 },
    difference: -4.5,
    u: 0,
    probabilityFewer: 1,
  });
  expect(compareMinorities(minority, [1])).toBeNull();
  expect(compareMinorities(majority, [1])).toBeNull();
  expect(summarizeMinimal([]).median).toBeNull();
});
