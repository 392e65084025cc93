import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import { overModels } from '../../src/experiments/overModels.js';
import type { Row } from '../../src/kit/rows.js';
import { summarizeSeeds } from '../../src/metrics/seeds.js';
import { signFlip } from '../../src/metrics/signFlip.js';
import { fig2 } from '../../src/report/figures/changes.js';
import { reproducePart1Seeds } from '../../src/reproduce/part1Seeds.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { failure } from '../data/support.js';
import { tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';

const figureSchema = z.looseObject({
  checkpoint: z.string(),
  rows: z.array(z.record(z.string(), z.union([z.string(), z.number(), z.null()]))),
});
const folder = temporaryFolder();
const data = join(folder, 'data');
const run = join(folder, 'models');

test('a figure over two trained models is the mean of theirs, and is not made twice', async () => {
  await tinyDominoes(data);
  const steps: string[] = [];
  const options = {
    data,
    run,
    figures: [fig2],
    seeds: [3, 4],
    nullDraws: 0,
    device: 'cpu',
    threads: 1,
    batchSize: 42,
    erm: { arch: 'resnet20', epochs: 1, lr: 1e-3 },
    onStep: (step: string) => steps.push(step),
  } as const;
  const result = await reproducePart1Seeds(options);
  expect(steps.filter((step) => step.startsWith('ERM'))).toHaveLength(2);
  const [figure] = result.figures;
  const checkpoints = new Set<string>();
  const ofSeeds = await Promise.all(
    [3, 4].map(async (seed) => {
      const made = await new RunFolder(join(run, `seed-${seed}`)).readResult('fig2', figureSchema);
      checkpoints.add(made?.checkpoint ?? '');
      return made?.rows ?? [];
    }),
  );
  // Two models with their own order and head.
  expect(checkpoints.size).toBe(2);
  const isWanted = ({ criterion, chosenFor, k, group }: Row): boolean =>
    criterion === 'gradient' && chosenFor === 1 && k === 2 && group === 1;
  const row = figure?.rows.find(isWanted);
  const changes = ofSeeds.map((rows) => rows.find(isWanted)?.change as number);
  expect(row?.models).toBe(2);
  const { mean, std, interval } = summarizeSeeds(changes);
  expect([row?.change, row?.changeStd, row?.changeLow, row?.changeHigh]).toEqual([
    mean,
    std,
    ...(interval ?? []),
  ]);
  expect(row).toMatchObject({ changeValues: changes, changeP: signFlip(changes)?.pValue });
  const lines = parse<Record<string, string>>(await readFile(figure?.csv ?? '', 'utf8'), { columns: true });
  expect(lines).toHaveLength(figure?.rows.length ?? 0);
  const page = await readFile(result.report, 'utf8');
  expect(page).toContain('2 models (seeds 3, 4)');
  expect(page).toContain('aria-label="Change under a group’s own top-k neurons, zeroed');

  steps.length = 0;
  await reproducePart1Seeds(options);
  expect(steps.some((step) => step.startsWith('ERM') || step.startsWith('trace'))).toBe(false);
  // Models of other settings, which are there, are not taken for seeds of these.
  const mixed = { ...options, seeds: [3, 5], erm: { ...options.erm, lr: 1e-2 } };
  const { message } = await failure(reproducePart1Seeds(mixed), 'RUN_EXISTS', 'differ in their seeds alone');
  expect(message).toContain('lr: 0.001 -> 0.01');
  await expect(reproducePart1Seeds({ ...options, seeds: [] })).rejects.toMatchObject({ parameter: 'seeds' });
});

test('rows of one model with equal settings count by their mean, and models are the unit', () => {
  const model = (a: number, b: number) => [
    { group: 0, among: 'model', neuron: 'x', percentile: a },
    { group: 0, among: 'model', neuron: 'y', percentile: b },
  ];
  const [row] = overModels([model(10, 20), model(30, 40), model(50, 60)]);
  expect(row).toMatchObject({ group: 0, among: 'model', models: 3 });
  expect(row?.percentile).toBeCloseTo(35, 12);
  expect(row?.percentileStd).toBeCloseTo(20, 12);
  expect(row).not.toHaveProperty('change');
});
