import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { withoutChecksum } from '../../src/checksum.js';
import { loadDataset } from '../../src/data/dataset.js';
import { evaluationPlacement } from '../../src/data/geometry.js';
import { weightsFingerprint } from '../../src/models/weightsFile.js';
import { FIGURES } from '../../src/report/figures.js';
import { groupLabels } from '../../src/report/groupLabels.js';
import { html } from '../../src/report/html/html.js';
import { renderPage } from '../../src/report/html/page.js';
import { readRunReport, sectionsOf } from '../../src/report/writeReport.js';
import { readStudy } from '../../src/study/document.js';
import { planStudy } from '../../src/study/plan.js';
import { failure } from '../data/support.js';
import { bestOf } from '../fixtures.js';
import {
  erm,
  heatOf,
  layerTrace,
  minimalTrace,
  overlapTrace,
  PIXEL,
  resnetLayers,
  trace,
} from '../report/fixtures.js';
import { withoutScript } from '../report/support.js';
import { builtRuns } from '../train/support.js';
import { casesOf, damaged, edited, edits, Surface, textMutations, tryCases } from './support.js';

const runs = builtRuns();
const { folder } = runs;
const EPOCH = 'checkpoints/epoch-2/epoch.json';
let checkpoint = '';
const surfaces: Surface[] = [];
function surface(...named: ConstructorParameters<typeof Surface>): Surface {
  const made = new Surface(...named);
  surfaces.push(made);
  return made;
}

beforeAll(async () => {
  checkpoint = await weightsFingerprint(bestOf(runs.reference));
  // Checksums would tell of every change first.
  for (const name of ['config.json', 'data.json', EPOCH, 'results/erm.json']) {
    const path = join(runs.reference.path, name);
    await writeFile(path, withoutChecksum(await readFile(path, 'utf8')));
  }
});
afterAll(() => {
  process.stdout.write(surfaces.map((one) => one.summary()).join(''));
});

/** A document with another value somewhere in it, or with damaged text. */
const changes = fc.oneof(fc.record({ edits }), fc.record({ text: textMutations }));
type Changes = typeof changes extends fc.Arbitrary<infer Value> ? Value : never;

function changed(document: unknown, how: Changes): Buffer {
  if ('text' in how) return damaged(Buffer.from(JSON.stringify(document)), how.text);
  return Buffer.from(JSON.stringify(how.edits.reduce<unknown>(edited, document)));
}

/** Puts changed documents in a file's place, one after the other, and the file back at the end. */
async function tryChanges(
  path: string,
  document: unknown,
  count: number,
  job: () => Promise<void>,
): Promise<void> {
  const before = await readFile(path).catch(() => undefined);
  await tryCases(changes, count, async (how) => {
    await writeFile(path, changed(document, how));
    await job();
  });
  if (before) await writeFile(path, before);
}

test('dataset.json', async () => {
  const found = surface('dataset.json', ['DATASET_INVALID', 'DATASET_NOT_FOUND']);
  const crop = { size: [24, 16], scale: [0.5, 1], ratio: [0.75, 1.33] };
  const document = {
    format: 'csv',
    table: 'metadata.csv',
    images: '.',
    columns: { filename: 'img_filename', y: 'y', split: 'split', a: 'place' },
    name: 'tiny',
    targetNames: ['a', 'b'],
    spuriousNames: ['c', 'd'],
    coreRegion: [0, 0, 0.5, 1],
    preprocessing: {
      resize: [32, 16],
      crop: [24, 16],
      mean: [0.5, 0.5, 0.5],
      std: [0.2, 0.2, 0.2],
      augmentation: {
        randomResizedCrop: crop,
        horizontalFlip: 0.5,
        grayscale: 0.1,
        colorJitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, probability: 0.8 },
        gaussianBlur: { sigma: [0.1, 2], probability: 0.5 },
      },
    },
  };
  const data = join(folder, 'dominoes');
  await tryChanges(join(data, 'dataset.json'), document, casesOf(1000, 80), async () => {
    const dataset = await found.run(() => loadDataset(data));
    if (!dataset) return;
    expect(dataset.groupNames).toHaveLength(dataset.numGroups);
    const { augmentation } = dataset.preprocessing;
    const { scale, ratio } = augmentation?.randomResizedCrop ?? {};
    for (const range of [scale, ratio, augmentation?.gaussianBlur?.sigma]) {
      if (range) expect(range[0]).toBeLessThanOrEqual(range[1]);
    }
    evaluationPlacement([32, 16], dataset.preprocessing, false);
  });
});

/** Reads all of a run's folder and shows it, as a report does but for drawing. */
async function show(): Promise<string> {
  const { report } = await readRunReport({ run: runs.reference.path });
  for (const { show: showFigure } of FIGURES) showFigure(report, groupLabels(report.dataset));
  const page = await renderPage(report.title, html``, sectionsOf(report), () => undefined);
  expect(withoutScript(page)).not.toMatch(/<script|undefined|\[object/);
  return withoutScript(page);
}

const ofRun = ['RUN_INVALID', 'RUN_NOT_FOUND'] as const;

test.each([
  ['config.json', 1000],
  ['data.json', 200],
])('%s of a run', async (name, count) => {
  const found = surface(name, [...ofRun, 'DATASET_INVALID', 'DATASET_NOT_FOUND']);
  const path = join(runs.reference.path, name);
  await tryChanges(path, JSON.parse(await readFile(path, 'utf8')), casesOf(count), async () => {
    await found.run(show);
  });
});

test('config.json of a training method that there is not', async () => {
  const path = join(runs.reference.path, 'config.json');
  const text = await readFile(path, 'utf8');
  await writeFile(path, text.replace('"train erm"', '"train ermx"'));
  await failure(show(), 'RUN_INVALID', /no training method named "ermx": there are erm, rwy/);
  await writeFile(path, text);
});

test('epoch.json', async () => {
  const path = join(runs.reference.path, EPOCH);
  const document: unknown = JSON.parse(await readFile(path, 'utf8'));
  const found = surface('epoch.json', ofRun);
  await tryChanges(path, document, casesOf(1000, 100), async () => {
    await found.run(show);
  });
});

const layers = layerTrace(resnetLayers([1], 2), [1]);
const heat = { heat: PIXEL, share: 0.5 };
const compared = { run: 'run', epochs: 2, val: erm.val, test: erm.test };
const RESULTS = {
  erm,
  'trace-unstructured': { ...trace, entries: trace.entries.slice(0, 3) },
  'trace-structured': layers,
  'trace-overlap': overlapTrace(0.01),
  'trace-minimal': { ...minimalTrace, examples: minimalTrace.examples.slice(3, 5) },
  'grad-cam': heatOf([{ group: 1, filename: 'a.png', image: PIXEL, before: heat, after: heat }]),
  comparison: {
    kind: 'comparison',
    runs: [
      { ...compared, title: 'ERM', shows: 'where it starts' },
      { ...compared, title: 'fine-tuned', shows: 'a retraining' },
    ],
  },
};

/** A result of the weights that the run has. */
const ofRunsWeights = (result: unknown): unknown =>
  JSON.parse(JSON.stringify(result), (key, value: unknown) => (key === 'checkpoint' ? checkpoint : value));

test.each(Object.entries(RESULTS))('results: %s', async (name, made) => {
  const result = ofRunsWeights(made);
  const found = surface(`results/${name}.json`, ofRun);
  const path = runs.reference.result(name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, JSON.stringify(result));
  await show();
  await tryChanges(path, result, casesOf(400, 12), async () => {
    await found.run(show);
  });
  await rm(path);
});

/** The places of texts in a JSON value, of lists their first entry's. */
function texts(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value === 'string') return [path];
  if (Array.isArray(value)) return value.length === 0 ? [] : texts(value[0], [...path, 0]);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => texts(inner, [...path, key]));
}

test('no text of any file becomes markup of the page', async () => {
  const hostile = `<img src=x onerror='alert("&")'></title></style><script>\u0000`;
  const files: readonly (readonly [string, unknown])[] = [
    ...Object.entries(RESULTS).map(
      ([name, result]) => [runs.reference.result(name), ofRunsWeights(result)] as const,
    ),
    ...(await Promise.all(
      ['config.json', 'data.json'].map(async (name) => {
        const path = join(runs.reference.path, name);
        return [path, JSON.parse(await readFile(path, 'utf8')) as unknown] as const;
      }),
    )),
  ];
  const found = surface('texts', [...ofRun, 'DATASET_INVALID', 'DATASET_NOT_FOUND']);
  for (const [path, document] of files) {
    for (const place of texts(document)) {
      const copy = structuredClone(document) as Record<string | number, unknown>;
      const inner = place.slice(0, -1).reduce((at, key) => at[key] as typeof copy, copy);
      inner[place.at(-1) ?? ''] = hostile;
      await writeFile(path, JSON.stringify(copy));
      const page = await found.run(show);
      expect(page ?? '').not.toMatch(/<img src=x|<script|<\/title>.*<\/title>/s);
    }
    if (path.includes('results')) await rm(path);
    else await writeFile(path, JSON.stringify(document));
  }
});

test('files of settings', async () => {
  const study = {
    title: 'Study',
    runs: 'runs',
    seeds: [0, 1],
    settings: { data: { epochs: 2, lr: 0.001 }, run: {}, all: {} },
    arms: {
      erm: { settings: { arch: 'resnet20' }, grid: { batchSize: [8, 16], weightDecay: [0, 0.1] } },
      ways: { method: 'finetune', from: 'erm', settings: { lambda: 0.5 }, tune: { lr: [0.1, 0.2] } },
    },
    tuning: { seeds: [5] },
    traces: [{ trace: 'effects', of: 'erm', settings: { topK: [1] } }],
    tests: { arms: { reference: 'erm' } },
    data: { birds: { path: 'data' } },
  };
  const found = surface('settings', ['USAGE']);
  const path = join(folder, 'study.yaml');
  await writeFile(path, JSON.stringify(study));
  expect(planStudy(await readStudy(path)).length).toBeGreaterThan(8);
  await tryChanges(path, study, casesOf(1000, 90), async () => {
    const jobs = await found.run(async () => planStudy(await readStudy(path)));
    for (const job of jobs ?? [])
      if (job.kind === 'train') expect(typeof job.out).toMatch(/string|undefined/);
  });
  // Aliases that double a list at each step, and that lead in a circle.
  const doubling = Array.from({ length: 40 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`);
  for (const text of [`a0: &a0 [x]\n${doubling.join('\n')}`, 'traces: &a [*a]', '&a {runs: *a}']) {
    await writeFile(path, text);
    expect(await found.run(() => readStudy(path))).toBeUndefined();
  }
});
