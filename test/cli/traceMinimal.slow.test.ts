import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TraceMinimalResult } from '../../src/experiments/traceMinimalResult.js';
import { ermRun, tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { contentOf, expectFailure, failure, start, succeed, trainOptions } from './support.js';

const folder = temporaryFolder();
const data = join(folder, 'data');
const out = join(folder, 'run');
const trace = ['trace', 'minimal', '--run', out, '--threads', '1'];
const few = [...trace, '--examples', '2', '--reference-size', '16', '--most-neurons', '3'];

beforeAll(async () => {
  await tinyDominoes(data);
  await ermRun(trainOptions(data, out));
});

test('Ctrl-C leaves the run as it was', async () => {
  const before = contentOf(out);
  const child = start([...trace, '--examples', '30']);
  await child.printed(/decoding images/); // A moment before the search, which takes seconds.
  child.signal('SIGINT');
  expectFailure(await child.outcome, 130, 'Stopped during');
  expect(contentOf(out)).toEqual(before);
});

test('prints a table, and the result as JSON', async () => {
  const { stdout, stderr } = await succeed([...few, '--json', '--quiet']);
  expect(stderr).toBe('');
  const document = JSON.parse(stdout) as TraceMinimalResult & { result: string };
  expect(document).toMatchObject({
    kind: 'trace-minimal',
    examplesPerGroup: 2,
    referenceSize: 16,
    mostNeurons: 3,
    seed: 0,
  });
  const { result, ...rest } = document;
  expect(JSON.parse(await readFile(result, 'utf8'))).toEqual(rest);

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

test('wrong settings are refused by their options', async () => {
  expect(await failure([...trace, '--examples', '0'], 'USAGE')).toContain('--examples');
  expect(await failure([...trace, '--most-neurons', '785'], 'NEURONS_INVALID')).toContain('--most-neurons');
});
