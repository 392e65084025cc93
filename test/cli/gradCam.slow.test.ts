import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { ermRun, tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { answer, expectFailure, failure, succeed, trainOptions, words } from './support.js';

const folder = temporaryFolder();
const data = join(folder, 'data');
const before = join(folder, 'before');
const after = join(folder, 'after');
const runs = ['--run', after, '--compare', before, '--threads', '1'];

beforeAll(async () => {
  await tinyDominoes(data);
  await ermRun(trainOptions(data, before));
  await ermRun({ ...trainOptions(data, after), seed: 1, lr: 0.001 });
});

test('gradcam prints a table, and writes the result', async () => {
  const { stdout } = await succeed(words`gradcam ${runs} --output 1 --samples 3 --examples 1`);
  expect(stdout).toMatch(/Group +│ images │ +region │ +before │ +after │ +after − before, points/);
  expect(stdout).toContain('before: before, after: after');
  expect(stdout).toMatch(/G3 coat, digit 1 +│ +3 │ +50\.0* % │/);
  expect(stdout).toContain('Grad-CAM of layer3.2.conv2 (8 x 4 cells) for output 1 (coat), test images');
  expect(stdout).toContain(`Result: ${join(after, 'results', 'grad-cam.json')}`);
});

test('gradcam --json prints one document, without the images', async () => {
  const { stdout } = await succeed(['gradcam', ...runs, '--json', '--quiet']);
  const document = JSON.parse(stdout) as { result: string; groups: unknown[]; examples: object[] };
  expect(document).toMatchObject({
    kind: 'grad-cam',
    coreRegion: [0.5, 0, 0.5, 1],
    before: { run: 'before' },
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

test('wrong input is refused, and named', async () => {
  expectFailure(await answer(['gradcam', '--compare', before]), 2, "required option '--run <run>'");
  expectFailure(await answer(['gradcam', ...runs, '--samples', '0']), 2, '--samples', 'at least 1');
  expect(await failure(['gradcam', ...runs, '--layer', 'layer3.2.conv3'], 'USAGE')).toContain(
    'The most similar: layer3.2.conv',
  );
  expect(await failure(['gradcam', ...runs, '--output', '2'], 'USAGE')).toContain('0 (pullover), 1 (coat)');
  expect(await failure(['gradcam', '--run', join(folder, 'none')], 'RUN_NOT_FOUND')).toContain('none');
});
