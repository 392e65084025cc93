import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DiscoverResult } from '../../src/extras/discover/result.js';
import { ermRun, tinyDominoes } from '../fixtures.js';
import { commandsOf } from '../house/documents.js';
import { temporaryFolder } from '../temporary.js';
import { succeed, trainOptions, words } from './support.js';

const folder = temporaryFolder();
const data = join(folder, 'dominoes');
const run = join(folder, 'erm');

beforeAll(async () => {
  await tinyDominoes(data);
  await ermRun({ ...trainOptions(data, run), resume: false });
});

/** The commands that an output names next. */
function nextOf(stdout: string): string[][] {
  const [, line = ''] = /^Next: (.*)$/m.exec(stdout) ?? [];
  return commandsOf(line.replaceAll('&&', '\n'));
}

test('each command names the step that helps: trace, report, repair, and both runs side by side', async () => {
  const report = await succeed(['report', '--run', run]);
  expect(nextOf(report.stdout)).toEqual([words`train dfr --from ${run}`]);
  const repair = await succeed(words`train dfr --from ${run} --draws 1 --threads 1`);
  expect(repair.stdout).toMatch(/^(?:Your network|It is not shown whether your network) .* the digit/m);
  const compare = words`compare ${run} ${`${run}-dfr`}`;
  expect(nextOf(repair.stdout)).toEqual([compare, words`report --run ${`${run}-dfr`}`]);
  for (const command of nextOf(repair.stdout)) await succeed(command);
  expect(nextOf((await succeed(words`report --run ${`${run}-dfr`}`)).stdout)).toEqual([compare]);
  const overlap = await succeed(words`trace overlap --run ${run} --threads 1`);
  expect(nextOf(overlap.stdout)).toEqual([words`report --run ${run}`]);
});

test('without an attribute they lead to images to tick, and from there to a repair', async () => {
  const table = await readFile(join(data, 'metadata.csv'), 'utf8');
  await writeFile(join(data, 'plain.csv'), table.replace('place', 'unused'));
  const own = join(folder, 'plain');
  const columns = 'filename=img_filename,y=y,split=split';
  const reading = words`--data ${data} --table plain.csv --columns ${columns}`;
  const trained = await succeed(
    words`train erm ${reading} --out ${own} --arch resnet20 --epochs 1 --batch-size 42 --threads 1 --json`,
  );
  expect((JSON.parse(trained.stdout) as { seconds: number }).seconds).toBeGreaterThan(0);
  const [discover = []] = nextOf((await succeed(['report', '--run', own])).stdout);
  expect(discover).toEqual(words`discover --run ${own}`);
  const out = join(folder, 'found');
  const shown = await succeed([...discover, '--out', out, '--threads', '1']);
  const next = shown.stdout.split('\n').filter((line) => line.startsWith('Next: '));
  expect(next).toEqual([
    `Next: npx spurmem discover --out ${out} --test NAME --class CLASS`,
    `Next: npx spurmem train dfr --from ${own} --ticks ticks.csv`,
  ]);
  const { images } = JSON.parse(await readFile(`${out}.json`, 'utf8')) as DiscoverResult;
  const ticks = join(folder, 'ticks.csv');
  const rows = images.filter(({ rank }) => rank <= 2).map(({ path }) => `${path},1,`);
  await writeFile(ticks, ['path,ticked,name', ...rows, ''].join('\n'));
  const repaired = await succeed(words`train dfr --from ${own} --ticks ${ticks} --draws 1 --threads 1`);
  expect(repaired.stderr).toMatch(/Ticked images: .*: 0 train, 2 val, 0 test/);
  // Other groups than those of the run before: the report alone has both.
  expect(nextOf(repaired.stdout)).toEqual([words`report --run ${`${own}-dfr`}`]);
});
