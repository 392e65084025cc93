import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withChecksum, withoutChecksum } from '../../src/checksum.js';
import { loadDataset } from '../../src/data/dataset.js';
import { evaluateRun } from '../../src/experiments/evaluateRun.js';
import { compareRuns } from '../../src/experiments/runs/compareRuns.js';
import { writeReport } from '../../src/report/writeReport.js';
import { trainErm } from '../../src/train/methods.js';
import { readRunData } from '../../src/train/runData.js';
import { openRun } from '../../src/train/runFolder.js';
import { failure } from '../data/support.js';
import { builtRuns } from './support.js';

const runs = builtRuns();
let path: string;
let original: string;

beforeAll(async () => {
  path = join(runs.base.data, 'dataset.json');
  original = await readFile(path, 'utf8');
});
afterEach(() => writeFile(path, original));

/** Changes dataset.json. */
async function redescribe(change: (described: Record<string, unknown>) => void): Promise<void> {
  const described = JSON.parse(original) as Record<string, unknown>;
  change(described);
  await writeFile(path, JSON.stringify(described));
}

const renamed = { targetNames: ['jumper', 'coat'], spuriousNames: ['zero', 'one'] };

test('names may change after training: the run is evaluated, compared, resumed, and reported with the new ones', async () => {
  const { groups: _names, ...before } = await evaluateRun({ run: runs.reference.path });
  await redescribe((described) => Object.assign(described, renamed));
  const { groups, ...now } = await evaluateRun({ run: runs.reference.path });
  expect(now).toEqual(before);
  expect(groups.groupNames[0]).toBe('jumper, zero');
  const out = join(runs.folder, 'after');
  const after = await trainErm({ ...runs.base, out });
  expect((await compareRuns([runs.reference.path, out])).differing).toEqual([]);
  expect(await trainErm({ ...runs.base, resume: true })).toMatchObject({ test: after.test });
  const page = await readFile(await writeReport({ run: runs.reference.path }), 'utf8');
  expect(page).toContain('jumper, one');
  expect(page).not.toContain('pullover');
});

test('a report notices names that were swapped', async () => {
  const { targetNames = [] } = JSON.parse(original) as { targetNames?: string[] };
  await redescribe((described) => Object.assign(described, { targetNames: targetNames.toReversed() }));
  const { groups } = await evaluateRun({ run: runs.reference.path });
  const run = await openRun(runs.reference.path);
  const data = await readRunData(run);
  expect(data.targetNames).toEqual(targetNames.toReversed());
  expect(data.groupNames).toEqual(groups.groupNames);
});

test('they may be added to data without names, and removed', async () => {
  await redescribe((described) => {
    delete described.targetNames;
    delete described.spuriousNames;
  });
  const out = join(runs.folder, 'numbers');
  await trainErm({ ...runs.base, out, epochs: 1 });
  await evaluateRun({ run: runs.reference.path });
  await redescribe((described) => Object.assign(described, renamed));
  await evaluateRun({ run: out });
});

test('more names than values are other groups, and other preprocessing is other data', async () => {
  await redescribe((described) => Object.assign(described, { spuriousNames: ['zero', 'one', 'two'] }));
  await failure(evaluateRun({ run: runs.reference.path }), 'DATASET_INVALID');
  await redescribe((described) => Object.assign(described, { preprocessing: { resize: [16, 16] } }));
  await failure(evaluateRun({ run: runs.reference.path }), 'DATASET_INVALID');
});

test('words of a table are its labels: in another order they are other classes', async () => {
  const columns = { filename: 'img_filename', y: 'y', split: 'split', a: 'place' };
  const table = await readFile(join(runs.base.data, 'metadata.csv'), 'utf8');
  const [header = ''] = table.split('\n');
  const at = header.split(',').indexOf('y');
  const words = table.split('\n').map((line) => {
    const cells = line.split(',');
    if (/^\d$/.test(cells[at] ?? '')) cells[at] = cells[at] === '0' ? 'top' : 'coat';
    return cells.join();
  });
  await writeFile(join(runs.base.data, 'words.csv'), words.join('\n'));
  const load = () => loadDataset(runs.base.data, { table: 'words.csv', columns });
  const namesIn = (targetNames: string[]) =>
    redescribe((described) => Object.assign(described, { targetNames }));
  await namesIn(['top', 'coat']);
  const first = await load();
  await namesIn(['coat', 'top']);
  expect((await load()).unnamed).not.toBe(first.unnamed);
});

test('a run of an earlier version, which knew one fingerprint, opens as before', async () => {
  const run = await runs.copyOf('earlier');
  const config = join(run.path, 'config.json');
  const text = withoutChecksum(await readFile(config, 'utf8')).replace(
    /,\s*"(?:unnamed|training)": "\w+"/g,
    '',
  );
  expect(text).not.toMatch(/unnamed|training":/);
  await writeFile(config, withChecksum(text));
  const { fingerprint } = await loadDataset(runs.base.data);
  expect((await run.readConfig())?.config.dataset).toEqual({ name: 'dominoes', fingerprint });
  await evaluateRun({ run: run.path });
  await trainErm({ ...runs.base, out: run.path, resume: true });
  expect((await compareRuns([run.path, runs.reference.path])).differing).toEqual([]);
});

test('names may be options, too, and change no run', async () => {
  const [run, data] = [runs.reference.path, runs.base.data];
  const datasetOptions = { classNames: ['shirt', 'jacket'], attributeNames: ['none', 'one'] };
  const named = await loadDataset(data, datasetOptions);
  expect(named.groupNames).toEqual(['shirt, none', 'shirt, one', 'jacket, none', 'jacket, one']);
  expect(named.unnamed).toBe((await loadDataset(data)).unnamed);
  const { rows = [], groups, ...evaluated } = await evaluateRun({ run, rows: true, datasetOptions });
  expect(new Set(rows.map((row) => row.class))).toEqual(new Set(datasetOptions.classNames));
  expect(groups.groupNames).toEqual(named.groupNames);
  expect(await evaluateRun({ run })).toMatchObject(evaluated);
  // Words have an order, which names decide: they are other data.
  await writeFile(join(data, 'words.csv'), 'filename,split,y\nx.png,train,b\ny.png,train,a\n');
  await redescribe((described) =>
    Object.assign(described, { targetNames: undefined, spuriousNames: undefined }),
  );
  const words = { table: 'words.csv', columns: { filename: 'filename', y: 'y', split: 'split' } };
  const ordered = await loadDataset(data, { ...words, classNames: ['b', 'a'] });
  expect(ordered.unnamed).not.toBe((await loadDataset(data, words)).unnamed);
});
