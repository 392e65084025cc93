import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readTraces } from '../../src/experiments/resultFiles.js';
import { traceMinimal } from '../../src/experiments/traceMinimal.js';
import { traceOverlap } from '../../src/experiments/traceOverlap.js';
import { traceStructured } from '../../src/experiments/traceStructured.js';
import { traceUnstructured } from '../../src/experiments/traceUnstructured.js';
import { TRACES } from '../../src/report/figures.js';
import { fig2 } from '../../src/report/figures/changes.js';
import { reproducePart1 } from '../../src/reproduce/part1.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { failure } from '../data/support.js';
import { ermRun, tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const data = join(folder, 'data');
const [run, shorter] = [join(folder, 'run'), join(folder, 'shorter')];
const common = { seed: 0, device: 'cpu', threads: 1 } as const;
const options = { ...common, run };
const effects = { criteria: ['gradient'], topK: [2], nullDraws: 0 } as const;

beforeAll(async () => {
  await tinyDominoes(data);
  const recipe = { ...common, data, arch: 'resnet20', batchSize: 42, lr: 1e-2, select: 'last' } as const;
  await ermRun({ ...recipe, epochs: 3, out: run, keepEpochs: [1, 2], resume: false });
  await ermRun({ ...recipe, epochs: 2, out: shorter, resume: false });
});

test('a kept epoch is traced as the run that ended with it is', async () => {
  const at = await traceUnstructured({ ...options, ...effects, epoch: 2 });
  const { entries, baseline } = await traceUnstructured({ ...options, ...effects, run: shorter });
  expect(at).toMatchObject({ epoch: 2, entries, baseline });
  const selected = await traceUnstructured({ ...options, ...effects });
  expect(selected.epoch).toBeUndefined();
  expect(selected.entries).not.toEqual(entries);
  const rewind = { ...options, ...effects, perturbation: 'rewind', rewindEpochs: 1, epoch: 2 } as const;
  expect((await traceUnstructured(rewind)).rewound).toMatchObject({ epochs: 1, epoch: 1 });
});

test('its results have names of their own, and are none of the report', async () => {
  await traceUnstructured({ ...options, ...effects, split: 'test', epoch: 2 });
  await traceStructured({ ...options, ...effects, topK: [1], epoch: 2 });
  await traceOverlap({ ...options, epoch: 2 });
  await traceMinimal({ ...options, examples: 1, referenceSize: 4, maxNeurons: 2, epoch: 2 });
  const files = await readdir(join(run, 'results'));
  expect(files.filter((name) => name.includes('epoch')).sort()).toEqual([
    'trace-minimal-epoch-2.json',
    'trace-overlap-epoch-2.json',
    'trace-structured-epoch-2.json',
    ...['trace-unstructured-epoch-2.json', 'trace-unstructured-rewind-epoch-2.json'],
    'trace-unstructured-test-epoch-2.json',
  ]);
  const { traces, made } = await readTraces(new RunFolder(run), TRACES);
  expect(traces.map(({ epoch }) => epoch)).toEqual([undefined]);
  expect(made).toEqual([]);
});

test('an epoch that was not kept is refused, and Part I takes none', async () => {
  const { message } = await failure(traceUnstructured({ ...options, ...effects, epoch: 4 }), 'RUN_NOT_FOUND');
  expect(message).toMatch(
    /`epoch` is 4, .* has not kept that epoch: .*epoch-4\/weights\.safetensors is missing\. Kept: 1, 2, 3\./,
  );
  await failure(reproducePart1({ ...options, figures: [fig2], epoch: 2 } as never), 'USAGE');
});
