import { readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import type { TraceMinimalResult } from '../../src/experiments/minimal.js';
import { ComputeContext } from '../../src/native/context.js';
import { RunWriter } from '../../src/train/runWriter.js';
import { ermRun, recordedIn, tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import {
  contentOf,
  expectFailure,
  failure,
  spurmem,
  start,
  succeed,
  trainOptions,
  words,
} from './support.js';

const folder = temporaryFolder();
const data = join(folder, 'data');
const out = join(folder, 'run');
const trace = ['trace', 'unstructured', '--run', out, '--threads', '1', '--null-draws', '2'];
const minimal = ['trace', 'minimal', '--run', out, '--threads', '1'];
const few = [...minimal, '--examples', '2', '--reference-size', '16', '--max-neurons', '3'];
const after = join(folder, 'after');
const runs = ['--run', after, '--compare', out, '--threads', '1'];

beforeAll(async () => {
  await tinyDominoes(data);
  await ermRun(trainOptions(data, out));
  await ermRun({ ...trainOptions(data, after), seed: 1, lr: 0.001 });
});

test('Ctrl-C in a search for minimal neurons leaves the run as it was', async () => {
  const before = contentOf(out);
  const child = start([...minimal, '--examples', '30']);
  // A moment before the search, which takes seconds; only the first test decodes.
  await child.printed(/decoding images/);
  child.signal('SIGINT');
  expectFailure(await child.outcome, 130, 'Stopped during');
  expect(contentOf(out)).toEqual(before);
});

test('neurons are judged on the other half on request, and too few draws come with the number that is enough', async () => {
  const half = [...trace, '--criteria', 'gradient', '--top-k', '1', '--held-out-half', 'yes'];
  const { stdout } = await succeed(half);
  expect(stdout).toContain('the half of each group that no neurons were chosen on');
  expect(stdout).toMatch(/2 random draws for each of 4 sets cannot pass .*\(null-draws 159\)/);
  const { stdout: whole } = await succeed([...half.slice(0, -1), 'no']);
  expect(whole).not.toContain('no neurons were chosen on');
});

test('a run that another process writes to is refused at once', async () => {
  await new RunWriter(out, new ComputeContext({ device: 'cpu' })).locked(async () => {
    // No progress is printed: nothing was computed.
    const outcome = await spurmem(trace);
    expectFailure(outcome, 1, `is writing to ${out}. Wait for it to end`);
    expect(outcome.stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});

test('a dry run prints settings and counts, and writes nothing', async () => {
  const before = (await readdir(out, { recursive: true })).sort();
  const traced = await succeed([...trace, '--top-k', '1,2', '--dry-run', '--json', '--quiet']);
  expect(JSON.parse(traced.stdout)).toMatchObject({
    title: `trace unstructured would read ${out}`,
    settings: { topK: [1, 2], nullDraws: 2, protocol: 'article', loss: 'the run\u2019s' },
  });
  const model = ['--data', data, '--arch', 'resnet20', '--run', join(folder, 'untrained')];
  const { stdout } = await succeed(['reproduce', 'fig3', ...model, '--dry-run']);
  expect(stdout).toContain(`Figures of ${join(folder, 'untrained')}:\n  models to train: 1\n`);
  expect((await readdir(out, { recursive: true })).sort()).toEqual(before);
});

test('an option that has no part in the trace is named', async () => {
  const args = [...trace, '--criteria', 'magnitude', '--top-k', '1', '--sigmas', '0.1', '--json'];
  expect((await succeed(args)).stderr).toContain(
    'Warning: --sigmas has no part in zero, which draws no numbers.',
  );
});

test('the minimal neurons are printed as a table, and as JSON', async () => {
  const { stdout, stderr } = await succeed([...few, '--json', '--quiet']);
  expect(stderr).toBe('');
  const document = JSON.parse(stdout) as TraceMinimalResult & { result: string };
  expect(document).toMatchObject({
    kind: 'trace-minimal',
    examplesPerGroup: 2,
    referenceSize: 16,
    maxNeurons: 3,
    seed: 0,
  });
  const { result, ...rest } = document;
  expect(recordedIn(result)).toEqual(rest);

  const text = (await succeed([...few, '--quiet'])).stdout;
  expect(text).toContain('one that was not after 3 counts as 3');
  for (const [index, { examples, median }] of document.groups.entries()) {
    const row = text.split('\n').find((line) => line.includes(`G${index}`)) ?? '';
    expect(row.split(/\s+/)).toContain(String(examples));
    if (median !== null) expect(row).toContain(median.toFixed(1));
  }
  if (document.comparison) expect(text).toContain(`Mann-Whitney U = ${document.comparison.u}, p = `);
  expect(text).toContain(`Result: ${result}`);
});

test('gradcam prints a table, and writes the result', async () => {
  const { stdout } = await succeed(words`gradcam ${runs} --output 1 --samples 3 --examples 1`);
  expect(stdout).toMatch(
    /group │ images │ +core’s share of the image │ +before │ +after │ +difference, points/,
  );
  expect(stdout).toMatch(/G3 +│ +3 │ +50\.0 │/);
  expect(stdout).toContain(`Result: ${join(after, 'results', 'grad-cam.json')}`);
});

test('gradcam --json prints one document, without the images', async () => {
  const { stdout } = await succeed(['gradcam', ...runs, '--json', '--quiet']);
  const document = JSON.parse(stdout) as { result: string; groups: unknown[]; examples: object[] };
  expect(document).toMatchObject({
    kind: 'grad-cam',
    coreRegion: [0.5, 0, 0.5, 1],
    before: { run: 'run' },
  });
  const written = JSON.parse(await readFile(document.result, 'utf8')) as {
    groups: unknown[];
    examples: object[];
  };
  expect(written.groups).toEqual(document.groups);
  expect(document.examples).toHaveLength(4 * 3);
  expect(stdout).not.toContain('base64');
  expect(JSON.stringify(written)).toContain('base64');
});

test('reproduce fig10 writes the numbers and the report', async () => {
  const { stdout } = await succeed(['reproduce', 'fig10', ...runs, '--json']);
  const { report, figures } = JSON.parse(stdout) as { report: string; figures: string[] };
  expect(await readFile(report, 'utf8')).toContain('Grad-CAM (Fig. 10)');
  const [json = '', csv = ''] = figures;
  const { rows } = JSON.parse(await readFile(json, 'utf8')) as { rows: Record<string, unknown>[] };
  expect(rows).toHaveLength(4);
  const lines = parse<Record<string, string>>(await readFile(csv, 'utf8'), { columns: true });
  expect(lines.map(({ name, beforeShare }) => [name, beforeShare])).toEqual(
    rows.map(({ name, beforeShare }) => [name, beforeShare === null ? '' : String(beforeShare as number)]),
  );
});

test('a dataset that moved is named, and found again by --data', async () => {
  const moved = join(folder, 'moved');
  await rename(data, moved);
  const common = [...trace, '--criteria', 'magnitude', '--top-k', '1'];
  await failure(common, 'DATASET_NOT_FOUND', data);
  const { stdout, stderr } = await succeed([...common, '--data', moved, '--json', '--quiet']);
  expect(stderr).toBe('');
  const document = JSON.parse(stdout) as { kind: string; result: string; entries: unknown[] };
  expect(document.kind).toBe('trace-unstructured');
  expect(document.entries).toHaveLength(4);
  expect(JSON.parse(await readFile(document.result, 'utf8'))).toMatchObject({ entries: document.entries });
});
