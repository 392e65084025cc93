import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { vectorInstructions } from '../../src/machine.js';
import { ROOT } from '../cli/support.js';
import { tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { buildDevice, type JobLine, KIND, runInTwo, runJobs } from './support.js';

const folder = temporaryFolder();
const DEVICE = `${KIND}:0`;

/** Where the device's kernels are others than the CPU's, and why. */
const OTHER_KERNELS: Readonly<Record<string, string>> = {
  'vit-bf16':
    'the CPU multiplies bfloat16 matrices of an attention by oneDNN (native/nn/network.cpp), other devices fuse it',
  ...(vectorInstructions() === 'AMX' && {
    'erm-bf16':
      'the CPU takes weight gradients of small outputs as matrix products (native/kernels/convolution.cpp)',
  }),
  ...(KIND === 'cuda' && {
    vit: 'the CPU takes flash attention; under CUDA\u2019s key libtorch wants a card for that',
  }),
};

/** Waits in a lane, which stops for them; one for an event alone is the lane of arrivals, where nobody else waits. */
const waitsInLanes = ({ waits = {} }: JobLine): Record<string, number> =>
  Object.fromEntries(Object.entries(waits).filter(([why]) => why !== 'an event, after nothing'));

const resultsOf = (lines: readonly JobLine[]): Record<string, string | undefined> =>
  Object.fromEntries(
    lines
      .filter(({ job }) => !(job in OTHER_KERNELS))
      .map(({ job, result, error }) => [job, error ?? result]),
  );

/** The hazards and faults of each job. */
const wrongs = (lines: readonly JobLine[]): object[] =>
  lines
    .map(({ job, hazards = {}, faults = {} }) => ({ job, hazards, faults }))
    .filter(({ hazards, faults }) => Object.keys({ ...hazards, ...faults }).length > 0);

let onCpu: JobLine[] = [];
let onDevice: JobLine[] = [];

beforeAll(async () => {
  await buildDevice();
  const small = [3, 3, 3, 3];
  await tinyDominoes(join(folder, 'data'), { train: [20, 6, 5, 15], val: small, test: small });
  [onCpu, onDevice] = await Promise.all([runJobs('cpu', folder), runJobs(DEVICE, folder)]);
});

test('the device passes its own tests', () => {
  const check = fileURLToPath(new URL('../../build-device/check', import.meta.url));
  expect(execFileSync(check, { encoding: 'utf8' })).toMatch(/^\d+ passed, 0 failed\n$/);
});

test('every training method and trace gives the CPU\u2019s bits', () => {
  expect([...onCpu, ...onDevice].filter(({ error }) => error !== undefined)).toEqual([]);
  expect(resultsOf(onDevice)).toEqual(resultsOf(onCpu));
});

test('no stream touches what another one uses, and the host nothing of the device\u2019s', () => {
  expect(wrongs(onDevice)).toEqual([]);
});

test('two processes give what two on the CPU do', async () => {
  const jobs = ['erm', 'unstructured'];
  const [cpu, device] = await Promise.all([runInTwo('cpu', folder, jobs), runInTwo(DEVICE, folder, jobs)]);
  expect(device.map(resultsOf)).toEqual(cpu.map(resultsOf));
  expect(wrongs(device.flat())).toEqual([]);
});

test('the second device computes the same', async () => {
  const [line] = await runJobs(`${KIND}:1`, folder, ['erm']);
  expect(line?.launches).toEqual([0, expect.any(Number)]);
  expect(line?.result).toBe(onCpu.find(({ job }) => job === 'erm')?.result);
  expect(wrongs(line === undefined ? [] : [line])).toEqual([]);
});

test('a device without memory, and one that is lost, end a run in words', async () => {
  const lines = await runJobs(DEVICE, folder, ['no-memory', 'no-memory-once', 'lost', 'lost-at-wait']);
  const tooLarge =
    /^NATIVE_FAILED: A batch of 16 images does not fit into memory\. Choose a smaller `batchSize`/;
  const lost = /^NATIVE_FAILED: .*the device is lost/;
  expect(resultsOf(lines)).toEqual({
    'no-memory': expect.stringMatching(tooLarge) as string,
    'no-memory-once': expect.stringMatching(tooLarge) as string,
    lost: expect.stringMatching(lost) as string,
    'lost-at-wait': expect.stringMatching(lost) as string,
  });
});

test('stopped and resumed, a run is the one that was not', () => {
  const { erm, resume } = resultsOf(onDevice);
  expect(resume).toBe(erm);
});

test('no lane waits for the device, but to cache the images there before the first step', () => {
  const waits = onDevice.map((line) => [line.job, waitsInLanes(line)] as const);
  expect(Object.fromEntries(waits.filter(([, found]) => Object.keys(found).length > 0))).toEqual({});
});

test('jobs side by side take the named devices in turn', () => {
  const study = join(folder, 'study.yaml');
  writeFileSync(
    study,
    `
title: Eight jobs
runs: ${join(folder, 'runs')}
folder: 'seed-{seed}'
seeds: [0, 1, 2, 3, 4, 5, 6, 7]
arms: { ERM: { settings: { arch: resnet20, epochs: 1, batchSize: 32 } } }
data: { dominoes: { path: '${join(folder, 'data')}' } }
`,
  );
  const names = [0, 1].map((number) => `${KIND}:${number}`);
  const command = ['study', 'run', study, '--devices', names.join(','), '--threads', '1', '--quiet'];
  execFileSync(
    process.execPath,
    ['--require', join(ROOT, 'test/device/load.cjs'), join(ROOT, 'bin/spurmem.js'), ...command],
    {
      env: { ...process.env, NODE_OPTIONS: '' },
    },
  );
  const used = Array.from({ length: 8 }, (_, seed) => {
    const text = readFileSync(join(folder, `runs/seed-${seed}/config.json`), 'utf8');
    return (JSON.parse(text) as { readonly environment: { readonly device: string } }).environment.device;
  });
  console.log(
    `jobs by device: ${names.map((name) => used.filter((device) => device === name).length).join(', ')}`,
  );
  expect(new Set(used)).toEqual(new Set(names));
});
