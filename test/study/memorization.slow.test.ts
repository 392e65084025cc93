import { readFileSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import sharp from 'sharp';
import type { ErrorCode } from '../../src/errors.js';
import { type ImageChange, imageChanges } from '../../src/experiments/imageChanges.js';
import { memorization } from '../../src/experiments/memorization.js';
import { traceMemorized } from '../../src/experiments/traceMemorized.js';
import { traceUnstructured } from '../../src/experiments/traceUnstructured.js';
import { groupedBy, numberOf, select } from '../../src/kit/rows.js';
import { mean } from '../../src/metrics/statistics.js';
import { native } from '../../src/native/addon.js';
import { readStudy } from '../../src/study/document.js';
import { writeStudyReport } from '../../src/study/report.js';
import { runStudy } from '../../src/study/runner.js';
import { studyTables } from '../../src/study/tables.js';
import { succeed } from '../cli/support.js';
import { failure, put } from '../data/support.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const at = (...parts: string[]): string => join(folder, ...parts);
const SIDE = 16;
const SEEDS = [0, 1, 2, 3, 4, 5, 6, 7];
/** Images of each class: of training, those with another's label among them, and of validation and test. */
const [TRAIN, FLIPPED, OTHERS] = [200, 20, 20];

const STUDY = `
title: Flipped labels
runs: ${at('runs')}
folder: '{arm}-{seed}'
seeds: [${SEEDS.join(', ')}]
arms: { half: { settings: { arch: resnet20, epochs: 20, batchSize: 20, lr: 0.002, select: last, leaveOut: 0.5 } } }
data: { flips: { path: '${at('data')}', options: { table: images.csv }, models: { arms: [half] } } }
traces:
  - { trace: predictions, of: half }
  - { trace: changes, of: half, settings: { criteria: [gradient], topK: [2], nullDraws: 2, heldOutHalf: true } }
tests:
  memorization:
    { of: half, k: 2, criteria: [gradient], minorityGroups: { 1: 0 }, points: 5, equivalence: 0.25, proxy: { same: 0.9, least: 0.8 } }
`;
const options = { device: 'cpu', threads: 1 } as const;

/** Noise, in which each image can be told from the others, above a colour that tells the class. */
async function putNoise(path: string, label: number, noise: Float32Array): Promise<void> {
  const pixels = noise.map((value, i) =>
    Math.min(255, Math.max(0, 110 + 50 * value + (i % 3 === label ? 40 : 0))),
  );
  const raw = { width: SIDE, height: SIDE, channels: 3 } as const;
  await put(path, await sharp(Buffer.from(pixels), { raw }).png().toBuffer());
}

beforeAll(async () => {
  const generator = new (native().Generator)(5);
  const rows = ['img_filename,y,split,place'];
  for (const [split, size] of [TRAIN, OTHERS, OTHERS].entries())
    for (let i = 0; i < 2 * size; i += 1) {
      const [seen, isFlipped] = [i % 2, Number(split === 0 && i < 2 * FLIPPED)];
      const name = `${split}-${i}.png`;
      await putNoise(at('data', name), seen, generator.randn(SIDE * SIDE * 3));
      rows.push([name, isFlipped === 1 ? 1 - seen : seen, split, isFlipped].join(','));
    }
  await put(at('data/images.csv'), rows.join('\n'));
  const values = [0.5, 0.5, 0.5];
  const preprocessing = { resize: [SIDE, SIDE], crop: null, mean: values, std: values, augmentation: null };
  await put(at('data/dataset.json'), JSON.stringify({ preprocessing }));
  writeFileSync(at('study.yaml'), STUDY);
  await runStudy(await readStudy(at('study.yaml')), options);
});

type Line = Readonly<Record<string, string>>;
const runs = SEEDS.map((seed) => at(`runs/half-${seed}`));

test('flipped labels are memorized, and the others are not', async () => {
  const study = await readStudy(at('study.yaml'));
  await writeStudyReport(study, at('out'));
  const [section] = (await studyTables(study)).filter(({ part }) => part === 'memorization');
  expect(section?.heading).toBe('flips, memorization');
  expect(section?.tables[0]?.rows.map((row) => row.slice(0, 4))).toEqual([
    ['half', 'G0 (0, 0)', '8', '180'],
    ['half', 'G1 (0, 1)', '8', '20'],
    ['half', 'G2 (1, 0)', '8', '180'],
    ['half', 'G3 (1, 1)', '8', '20'],
  ]);
  expect(readFileSync(at('out/flips-memorization.svg'), 'utf8')).toContain('G3 (1, 1)');

  const images: Line[] = parse(readFileSync(at('out/flips-memorization.csv')), { columns: true });
  expect(images).toHaveLength(2 * TRAIN);
  const models = images.map((line) => Number(line.in) + Number(line.out));
  expect(new Set(models)).toEqual(new Set([SEEDS.length]));
  const { stdout } = await succeed(['memorization', ...runs, '--threads', '1', '--csv', at('own.csv')]);
  expect(stdout).toContain(`G3 (1, 1)`);
  const own: Line[] = parse(readFileSync(at('own.csv')), { columns: true });
  expect(own.map(({ file, memorization }) => [file, Number(memorization).toFixed(4)])).toEqual(
    images.map(({ file, memorization }) => [file, Number(memorization).toFixed(4)]),
  );
  const { groups, images: ofRuns } = await memorization({ runs });
  expect(ofRuns.map((row) => [row.file, row.in, numberOf(row, 'rightIn').toFixed(4)])).toEqual(
    images.map((line) => [
      line.file,
      Number(line.in),
      line.rightIn === '' ? 'NaN' : Number(line.rightIn).toFixed(4),
    ]),
  );
  expect(groups.map((row) => numberOf(row, 'group')).sort()).toEqual([0, 1, 2, 3]);
});

test('memorized images are compared with others of their group and margin', async () => {
  const study = await readStudy(at('study.yaml'));
  const [section] = (await studyTables(study)).filter(({ part }) => part === 'memorization');
  const [planned, proxies] = (section?.tables ?? []).filter(({ caption }) => /^(Planned|Does)/.test(caption));
  expect(planned?.rows.map(([question]) => question)).toEqual([
    'memorization, minority minus majority',
    'trained minus left out',
    'minority minus majority',
  ]);
  expect(proxies).toBeUndefined();

  const [run = ''] = runs;
  const common = { ...options, run, criteria: ['gradient'] as const, topK: [2] };
  const { entries } = await traceUnstructured({ ...common, nullDraws: 0, samples: 1000 });
  const changes = await imageChanges({ ...common, nullDraws: 0 });
  // The minority groups: 1 and 3. Images of a class under the neurons of its minority group.
  expect(new Set(changes.map(({ chosenFor, group }) => `${chosenFor} ${group}`))).toEqual(
    new Set(['1 0', '1 1', '3 2', '3 3']),
  );
  for (const own of groupedBy(
    changes.filter(({ trained }) => trained === 1),
    ['chosenFor', 'group'],
  )) {
    const [{ chosenFor, group }] = own as [ImageChange];
    const margin = entries.find((entry) => entry.group === chosenFor)?.margin[group];
    expect(mean(own.map(({ change }) => change))).toBeCloseTo(margin ?? Number.NaN, 5);
  }
  expect(changes.filter(({ trained }) => trained === 0)).toHaveLength(TRAIN);

  await succeed(['memorization', ...runs, '--threads', '1', '--csv', at('memorized.csv')]);
  const trace = (table: string) => traceMemorized({ ...common, memorized: table, nullDraws: 2 });
  const result = await trace(at('memorized.csv'));
  // Images that all models trained on, or none, have no memorization.
  const lines: Line[] = parse(readFileSync(at('memorized.csv')), { columns: true });
  const known = new Set(lines.filter((line) => line.memorization !== '').map(({ file }) => file));
  const trained = changes.filter((row) => row.trained === 1 && known.has(row.file));
  for (const { group, memorized, others } of result.entries)
    expect(memorized + others).toBe(select(trained, { group }).length);
  expect(result.entries.map(({ group }) => group).sort()).toEqual([0, 1, 2, 3]);
  for (const { compared, memorized, difference, change, otherChange } of result.entries) {
    expect(compared).toBeLessThanOrEqual(memorized);
    if (compared > 0) expect(difference).toBeCloseTo(Number(change) - Number(otherChange), 6);
  }
  const { stdout } = await succeed([
    'trace',
    'memorized',
    '--run',
    run,
    '--memorized',
    at('memorized.csv'),
    '--threads',
    '1',
  ]);
  expect(stdout).toContain('images above 0.5');

  const refused = async (content: string, ...parts: readonly string[]): Promise<void> => {
    writeFileSync(at('wrong.csv'), content);
    await failure(trace(at('wrong.csv')), 'USAGE', ...parts);
  };
  await refused(
    'file,memorization\nnone.png,0.5',
    '1 of its 1 images are not in the training split',
    'none.png',
  );
  await refused('file,mem\n0-0.png,0.5', 'it needs the columns `file` and `memorization`');
  await refused('', 'it needs the columns');
  await failure(trace(at('missing.csv')), 'USAGE', 'it is no readable CSV file');
});

test('runs that cannot be set against each other are named', async () => {
  const [first = '', second = ''] = runs;
  const refused = (others: readonly string[], code: ErrorCode, ...parts: readonly string[]) =>
    failure(memorization({ runs: others }), code, ...parts);
  await refused([first], 'USAGE', 'Memorization takes two runs or more');
  const changed = async (file: string, change: (content: string) => string): Promise<string> => {
    const copy = at(`copy-${file.replaceAll('/', '-')}-${copies++}`);
    await cp(second, copy, { recursive: true });
    const { checksum: _checksum, ...content } = JSON.parse(readFileSync(join(copy, file), 'utf8')) as Line;
    writeFileSync(join(copy, file), change(JSON.stringify(content)));
    return copy;
  };
  let copies = 0;
  const same = await changed('config.json', (text) => text);
  await refused([first, second, same], 'USAGE', `${second} and ${same} have the same seed, 1`);
  const config = (from: RegExp, to: string) => changed('config.json', (text) => text.replace(from, to));
  const faster = await config(/"lr":0.002/, '"lr":0.5');
  await refused([first, faster], 'USAGE', `${faster} has other settings than ${first}: lr: 0.002 -> 0.5.`);
  const whole = await config(/"leaveOut":0.5,/, '');
  await refused([first, whole], 'USAGE', `${whole} trained on all images`);
  const table = await config(/"fingerprint":"/, '"fingerprint":"0');
  await refused([first, table], 'DATASET_INVALID', `${table} was trained on other images than ${first}`);
  const pixels = await changed('checkpoints/epoch-20/epoch.json', (text) =>
    text.replace(/"images":"/, '"images":"0'),
  );
  await refused([first, pixels], 'DATASET_INVALID', `${pixels} was trained on other images than ${first}`);
  writeFileSync(at('whole.yaml'), STUDY.replace(', leaveOut: 0.5', ''));
  await failure(
    readStudy(at('whole.yaml')),
    'USAGE',
    'data.flips: predictions of half tell what is memorized',
  );
});
