import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PINNED_TORCH } from '../../src/native/libtorch.js';
import { ADDON, ROOT } from '../cli/support.js';
import { tinyDominoes } from '../fixtures.js';
import { readDocument } from '../house/documents.js';
import { builtLibtorch } from '../libtorch.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();

test('the recipe of GNU parallel repeats the jobs that failed, and no others', async () => {
  const recipe = readDocument('docs/scaling.md').blocks.find(({ text }) => text.includes('| parallel '));
  writeFileSync(
    join(folder, 'lr.yaml'),
    `{ title: Pair, runs: runs, seeds: [0, 1], settings: { data: { epochs: 1, batchSize: 16 } },
    data: { pair: { path: data } }, arms: { erm: { settings: { arch: resnet20 } } } }`,
  );
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin/npx'), `#!/bin/sh\nshift\nexec node '${ROOT}/bin/spurmem.js' "$@"\n`, {
    mode: 0o755,
  });
  const env = {
    ...process.env,
    PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
    SPURMEM_ADDON: ADDON,
    LIBTORCH: builtLibtorch().root,
    NODE_OPTIONS: undefined,
  };
  const run = () =>
    spawnSync('bash', ['-c', recipe?.text.replace('seq 0 17', 'seq 0 1') ?? ''], {
      cwd: folder,
      env,
      encoding: 'utf8',
    });
  /** The exit codes by the number of the job, of all calls so far. */
  const exits = () =>
    readFileSync(join(folder, 'lr.joblog'), 'utf8')
      .split('\n')
      .slice(1, -1)
      .map((line) => line.split('\t'))
      .map(([number, , , , , , exit]) => `${number}: ${exit}`)
      .sort();
  const first = run();
  expect([first.status, first.stderr]).toEqual([2, expect.stringContaining('no such folder')]);
  await tinyDominoes(join(folder, 'data'));
  expect(run()).toMatchObject({ status: 0 });
  expect(run()).toMatchObject({ status: 0, stdout: '' });
  expect(exits()).toEqual(['1: 0', '1: 1', '2: 0', '2: 1']);
});

test('spurmem.def has the base, the commands and the PyTorch of Containerfile', () => {
  const [image, definition] = ['Containerfile', 'spurmem.def'].map((file) =>
    readFileSync(join(ROOT, file), 'utf8').replaceAll(/\s*\\\n\s*/g, ' '),
  );
  const parts = [...(image ?? '').matchAll(/^(?:RUN |ARG BASE=|ARG TORCH=")([^"\n]+)/gm)];
  expect(parts).toHaveLength(5);
  for (const [, part] of parts) expect(definition).toContain(part);
  expect(image).toContain(`torch==${PINNED_TORCH} `);
});
