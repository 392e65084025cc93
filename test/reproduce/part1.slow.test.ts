import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { readOf } from '../../src/experiments/resultFiles.js';
import { unstructured } from '../../src/experiments/traces.js';
import type { Figure } from '../../src/report/figure.js';
import { fig2, fig4, table3 } from '../../src/report/figures/changes.js';
import { fig10 } from '../../src/report/figures/gradCam.js';
import { fig7 } from '../../src/report/figures/layers.js';
import { mergeNeeds, PART1 } from '../../src/reproduce/articleFigures.js';
import { type Part1Options, reproducePart1 } from '../../src/reproduce/part1.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { failure } from '../data/support.js';
import { tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const [data, run, bare] = [join(folder, 'dominoes'), join(folder, 'run'), join(folder, 'bare')];
const steps: string[] = [];
const options: Part1Options = {
  figures: PART1,
  run,
  seed: 0,
  device: 'cpu',
  threads: 0,
  sigmas: [0.005, 1],
  repeats: 1,
  nullDraws: 1,
  samples: 20,
  onStep: (step) => void steps.push(step),
};
const ofBare = { ...options, run: bare };

/** Needs little, which matters on CPUs that only emulate bfloat16. */
const own: Figure = {
  name: 'own',
  title: 'The largest k',
  needs: { traces: [{ perturbation: 'zero', split: 'train', topK: [2], compared: [], sigmas: [] }] },
  show: ({ traces }) => {
    const most = Math.max(...traces.flatMap(({ entries }) => entries.map(({ k }) => k)));
    return { id: 'own', title: own.title, data: { name: 'own', rows: [{ most }] } };
  },
};

beforeAll(async () => {
  await tinyDominoes(data, { train: [16, 4, 3, 12] });
});

test('Part I has these figures and tables of one run, in the article\u2019s order', () => {
  expect(PART1.map(({ name }) => name)).toEqual([
    ...['fig1', 'fig2', 'fig3', 'fig4', 'fig5', 'fig7', 'fig11', 'fig12'],
    ...['table3', 'table11', 'table13', 'table14'],
  ]);
});

test('one trace covers what several figures need of it', () => {
  const needs = mergeNeeds(PART1, [0.005, 1]);
  expect(needs.map(({ perturbation, split }) => `${perturbation} ${split}`)).toEqual([
    ...['zero train', 'reinit train', 'noise train'],
    ...['zero test', 'reinit test', 'noise test'],
  ]);
  expect(needs[0]?.topK).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(needs[1]).toMatchObject({ topK: [1, 2, 3], sigmas: [0.005, 1] });
  expect(needs[4]).toMatchObject({ topK: [1, 2, 3], sigmas: [0.005] });
  const own = mergeNeeds(PART1);
  expect(own[1]?.sigmas).toEqual([0.005, 0.02, 0.05, 0.1, 0.15, 0.2]);
  expect(own[2]?.sigmas).toEqual([0.005, 0.01, 0.02]);
});

test('without a run, it says how to get one', async () => {
  await expect(reproducePart1(options)).rejects.toThrow(
    /holds no finished run.*`run`.*`data` and `erm\.arch`/,
  );
  expect(steps).toEqual([]);
});

test('trains where there is no run, makes every figure and table, and shares the traces', async () => {
  const erm = { arch: 'resnet20', epochs: 1, lr: 1e-3 } as const;
  const result = await reproducePart1({ ...options, data, batchSize: 32, erm });
  expect(steps[0]).toBe('ERM: resnet20');
  expect(result.figures.map(({ kind }) => kind)).toEqual(PART1.map(({ name }) => name));
  for (const { kind, json, csv, rows } of result.figures) {
    expect(rows.length).toBeGreaterThan(0);
    const written = JSON.parse(await readFile(json, 'utf8')) as { kind: string; rows: unknown[] };
    expect(written.kind).toBe(kind);
    expect(written.rows).toEqual(rows);
    const lines = parse<Record<string, string>>(await readFile(csv, 'utf8'), { columns: true });
    expect(lines).toHaveLength(rows.length);
    expect(Object.keys(lines[0] ?? {})).toEqual(Object.keys(rows[0] ?? {}));
    // Each further report would draw it.
    await rm(json);
  }

  const rowsOf = (name: string) => result.figures.find(({ kind }) => kind === name)?.rows ?? [];
  // Criteria, groups that neurons are chosen for, groups that are measured, and minority minus majority.
  const settings = 2 * 4 * 5;
  expect(rowsOf('fig1')).toHaveLength(3 * 4);
  expect(rowsOf('fig2')).toHaveLength(3 * settings);
  expect(rowsOf('fig4')).toHaveLength(3 * settings);
  expect(rowsOf('fig7')).toHaveLength(21 * 2 * 4);
  expect(rowsOf('fig11')).toHaveLength(3 * 2 * settings);
  expect(rowsOf('table3')).toHaveLength(10 * settings);
  expect(rowsOf('table13')).toHaveLength(2 * 3 * 3 * settings);
  const zeroed = await readOf(new RunFolder(run), unstructured);
  const entry = zeroed?.entries.find(
    ({ criterion, group, k }) => criterion === 'gradient' && group === 2 && k === 3,
  );
  expect(rowsOf('fig2')).toContainEqual(
    expect.objectContaining({
      perturbation: 'zero',
      split: 'train',
      criterion: 'gradient',
      chosenFor: 2,
      k: 3,
      group: 1,
      accuracy: entry?.accuracy[1],
      change: entry?.change[1],
      sameLayersAccuracyP: entry?.comparisons?.['same-layers']?.groups[1]?.accuracy.pValue,
      wholeModelMarginP: entry?.comparisons?.['whole-model']?.groups[1]?.margin.pValue,
      marginChange: entry?.margin[1],
    }),
  );

  steps.length = 0;
  const again = await reproducePart1({ ...options, figures: [fig4, table3, fig7] });
  expect(steps).toEqual(['report']);
  expect(again.figures[0]?.rows).toEqual(rowsOf('fig4'));
  await reproducePart1({ ...options, figures: [fig2], nullDraws: 0 });
  expect(steps).toEqual(['report', 'trace: zero, train split', 'report']);
});

test('shows other criteria where they are asked for, and traces again in another precision', async () => {
  // Without the results of all figures, which each report would draw.
  await cp(run, bare, { recursive: true, filter: (path) => !/results\/(?!erm\.json)|\.html$/.test(path) });
  const criteriaOf = async (more: Partial<Part1Options>): Promise<unknown[]> => {
    steps.length = 0;
    const { figures } = await reproducePart1({ ...ofBare, figures: [fig2, fig7], nullDraws: 0, ...more });
    return figures.map(({ rows }) => [...new Set(rows.map(({ criterion }) => criterion))]);
  };
  const all = ['gradient', 'magnitude', 'gradient-x-weight'] as const;
  expect(await criteriaOf({ criteria: all })).toEqual([[...all], [...all]]);
  expect(steps).toEqual(['trace: zero, train split', 'trace: layer by layer', 'report']);
  // The article's are among them.
  expect(await criteriaOf({})).toEqual([all.slice(0, 2), all.slice(0, 2)]);
  expect(steps).toEqual(['report']);
  for (const precision of ['bf16', undefined] as const) {
    await criteriaOf({ figures: [own], precision });
    expect([precision, steps]).toEqual([precision, ['trace: zero, train split', 'report']]);
  }
  const one = reproducePart1({ ...ofBare, figures: PART1, criteria: ['gradient'] });
  expect(await failure(one, 'USAGE')).toMatchObject({ parameter: 'criteria' });
});

test('makes a figure of one\u2019s own from what it needs, and heat maps where there are none', async () => {
  steps.length = 0;
  const { figures } = await reproducePart1({ ...ofBare, figures: [own, fig10], nullDraws: 0 });
  expect(steps).toEqual(['heat maps', 'report']);
  expect(figures[0]).toMatchObject({ kind: 'own', rows: [{ most: 2 }] });
  expect(await readFile(join(bare, 'results', 'own.csv'), 'utf8')).toBe('most\n2\n');
  expect(figures[1]?.rows).toHaveLength(4);
});
