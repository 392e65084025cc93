import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { loadDataset } from '../../src/data/dataset.js';
import { gradientXWeight } from '../../src/neurons/criteria/gradientXWeight.js';
import { readStudy } from '../../src/study/document.js';
import { foundRows } from '../../src/study/planted/measure.js';
import { runStudy, StudyRunner } from '../../src/study/runner.js';
import { studyTables } from '../../src/study/tables.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { CELEBA_ATTRIBUTES, celebaLists } from '../data/standardSplits.js';
import { failure, put, putJpeg } from '../data/support.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const at = (...parts: string[]): string => join(folder, ...parts);
const IMAGES = 300;

/** The small study: one planting of each kind, with the kinds' own starts. */
const STUDY = `
title: Planted
runs: ${at('runs')}
folder: '{arm}-{seed}'
seeds: [1]
arms:
  natural: &start { data: natural, shown: false, settings: { arch: resnet20, epochs: 1, batchSize: 42, select: last } }
  agreeing: { <<: *start, data: agreeing }
  flipped: &planted
    from: natural
    keepEpochs: [0]
    settings: { trainable: [layer3.1.conv1], trainableCount: 8, lr: 0.01, batchSize: 20, minorityPerBatch: 4, epochs: 2, select: last }
  minority: { <<: *planted, from: agreeing }
data:
  natural: { path: '${at('natural')}', make: &made { by: plant, from: '${at('celeba')}', part: start, kind: flipped, reserve: 4 } }
  agreeing: { path: '${at('agreeing')}', make: { <<: *made, kind: minority } }
  flips: { path: '${at('flips')}', make: &plant { <<: *made, part: planted, images: 4, keep: 60 }, models: { arms: [flipped] } }
  minorities: { path: '${at('minorities')}', make: { <<: *plant, kind: minority }, models: { arms: [minority] } }
traces:
  - { trace: planted, of: &all [flipped, minority] }
  - { trace: found, of: *all, settings: { criteria: &criteria [gradient, gradient-x-weight-contrast] } }
  - { trace: erased, of: *all, settings: { criteria: *criteria, perturbations: [zero, rewind] } }
tests:
  planted: { pure: { fitted: 0, moved: 1 }, found: { least: 0.75, within: 0.1 }, erased: { least: 0.5, moved: 0.01 } }
`;
const options = { device: 'cpu', threads: 1 } as const;

type Line = Readonly<Record<string, string>>;
const linesOf = (...parts: string[]): Line[] => parse(readFileSync(at(...parts), 'utf8'), { columns: true });

beforeAll(async () => {
  const [blond, male] = ['Blond_Hair', 'Male'].map((name) => CELEBA_ATTRIBUTES.indexOf(name));
  const rows = Array.from({ length: IMAGES }, (_, i) => {
    const positive = [i % 2 === 0 ? blond : undefined, i % 3 === 0 ? male : undefined];
    const values = CELEBA_ATTRIBUTES.map((_name, index) => (positive.includes(index) ? 1 : -1));
    return { name: `${String(i + 1).padStart(6, '0')}.jpg`, split: 0, values };
  });
  await Promise.all(rows.map(({ name }, i) => putJpeg(at('celeba/img_align_celeba', name), 32, 32, i)));
  const lists = celebaLists(rows);
  await put(at('celeba/list_attr_celeba.txt'), lists.attributes);
  await put(at('celeba/list_eval_partition.txt'), lists.partitions);
  await put(
    at('celeba/folds.csv'),
    ['image,fold', ...rows.map(({ name }, i) => `${name},${i % 5}`)].join('\n'),
  );
  const preprocessing = {
    resize: [32, 32],
    crop: null,
    mean: [0.5, 0.5, 0.5],
    std: [0.5, 0.5, 0.5],
    augmentation: null,
  };
  await put(at('celeba/dataset.json'), JSON.stringify({ preprocessing }));
  writeFileSync(at('study.yaml'), STUDY);
  await runStudy(await readStudy(at('study.yaml')), options);
});

test('starts see no planted image, and none that disagrees where minority images are planted', async () => {
  for (const [start, planted] of [
    ['natural', 'flips'],
    ['agreeing', 'minorities'],
  ] as const) {
    const seen = linesOf(start, 'images.csv').filter(({ split }) => split === '0');
    const own = linesOf(planted, 'images.csv').filter(({ a, split }) => a === '1' && split === '0');
    expect(own).toHaveLength(4);
    for (const { image } of own) expect(seen.map((line) => line.image)).not.toContain(image);
    const { examples } = await loadDataset(at('celeba'), { format: 'celeba' });
    const known = new Map(examples.map(({ filename, y, a }) => [filename.split('/').at(-1), { y, a }]));
    for (const { image, y } of own) {
      const { y: before, a } = known.get(image) ?? { y: -1, a: -1 };
      expect(Number(y)).toBe(start === 'natural' ? 1 - before : before);
      if (start === 'agreeing') expect(a).toBe(before);
    }
    if (start === 'agreeing') for (const { y, a } of seen) expect(y).not.toBe(a);
  }
});

test('accuracies before are those of the start, and those after the run has', async () => {
  const [row] = linesOf('runs/records/flips-planted.csv');
  const run = new RunFolder(at('runs/flipped-1'));
  const result = await run.readTrainingResult();
  const share = ({ correct = [], total = [] }: { correct?: readonly number[]; total?: readonly number[] }) =>
    ((correct[1] ?? 0) + (correct[3] ?? 0)) / ((total[1] ?? 0) + (total[3] ?? 0));
  expect(Number(row?.fitted)).toBeCloseTo(share(result?.train ?? {}), 4);
  expect([row?.layer, row?.neurons, row?.images]).toEqual(['layer3.1.conv1', '8', '4']);
});

test('each criterion is asked for the neurons of each class, and erasing compares with the planted ones', async () => {
  const found = linesOf('runs/records/minorities-found.csv');
  expect(found.map(({ criterion, group }) => [criterion, group])).toEqual(
    ['gradient', 'gradient-x-weight-contrast'].flatMap((name) => [
      [name, '1'],
      [name, '3'],
    ]),
  );
  for (const { auc, aucInLayer } of found)
    for (const value of [auc, aucInLayer]) expect(Number(value)).toBeGreaterThanOrEqual(0);
  const erased = linesOf('runs/records/minorities-erased.csv');
  // Two splits: planted and chosen ones of both classes zeroed, then the chosen ones rewound.
  expect(erased).toHaveLength(2 * (2 + 4 + 4));
  const random = erased.filter(({ randomChange }) => randomChange !== '');
  expect(random.every(({ split, perturbation }) => split === 'train' && perturbation === 'zero')).toBe(true);
  expect(random).toHaveLength(4);
  const study = await readStudy(at('study.yaml'));
  const headings = (await studyTables(study)).map(({ heading, tables }) => [heading, tables.length]);
  expect(headings).toEqual([
    ['flips, planted memories', 7],
    ['minorities, planted memories', 7],
  ]);
  const mine = { ...gradientXWeight, name: 'mine' };
  const rows = await foundRows({
    ...options,
    run: at('runs/flipped-1'),
    seed: 1,
    criteria: ['gradient-x-weight', mine],
  });
  expect(rows.map(({ criterion, group }) => [criterion, group])).toEqual([
    ['gradient-x-weight', 1],
    ['gradient-x-weight', 3],
    ['mine', 1],
    ['mine', 3],
  ]);
  expect(rows.slice(2).map(({ auc }) => auc)).toEqual(rows.slice(0, 2).map(({ auc }) => auc));
  const other = await readStudy(at('study.yaml'), { set: [`records=${at('mine')}`] });
  const criteria = [mine];
  await failure(
    () => runStudy(other, { ...options, criteria: [gradientXWeight] }),
    'USAGE',
    'Another criterion',
  );
  await runStudy(other, { ...options, criteria });
  expect(linesOf('mine/flips-found.csv').map(({ criterion, auc }) => [criterion, auc])).toEqual([
    ...linesOf('runs/records/flips-found.csv').map(({ criterion, auc }) => [criterion, auc]),
    ...rows.slice(2).map(({ auc }) => ['mine', String(Number(Number(auc).toPrecision(5)))]),
  ]);
  const states = await new StudyRunner(study, options).states();
  expect(new Set(states.map(({ state }) => state))).toEqual(new Set(['finished']));
});
