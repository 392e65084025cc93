import { execFileSync } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { applyConfig } from '../src/cli/configFile.js';
import { loadDataset } from '../src/data/dataset.js';
import { openImageStore } from '../src/data/imageStore.js';
import { readText } from '../src/files.js';
import { readProgramFile } from '../src/models/exported/archive.js';
import { readSafetensors } from '../src/models/safetensors.js';
import { readWeights } from '../src/models/weights.js';
import { weightsFingerprint } from '../src/models/weightsFile.js';
import { readStudy } from '../src/study/document.js';
import { RunFolder } from '../src/train/runFolder.js';
import { ROOT } from './cli/support.js';
import { failure, put, putImage, useTemporaryFolder } from './data/support.js';

/** Nobody writes to these pipes: who opens one waits for ever. */
const folder = useTemporaryFolder();
const PIPE = /it is a named pipe, and not a file/;

async function pipe(...names: readonly string[]): Promise<string> {
  const path = join(folder(), ...names);
  await rm(path, { force: true });
  execFileSync('mkfifo', [path]);
  return path;
}

async function makeDataset(): Promise<void> {
  await putImage(join(folder(), 'images/0.png'), 4, 4, 0);
  await put(join(folder(), 'metadata.csv'), 'img_filename,y,split,place\nimages/0.png,0,0,0\n');
}

test.each<[string, string, () => Promise<unknown>]>([
  ['metadata.csv', 'DATASET_NOT_FOUND', () => loadDataset(folder(), { format: 'csv' })],
  ['dataset.json', 'DATASET_INVALID', () => loadDataset(folder())],
  ['list_attr_celeba.txt', 'DATASET_NOT_FOUND', () => loadDataset(folder(), { format: 'celeba' })],
])('%s of a data set', async (name, code, job) => {
  await makeDataset();
  const path = await pipe(name);
  await failure(job(), code as 'DATASET_INVALID', path, PIPE);
});

test('an image', async () => {
  await makeDataset();
  const dataset = await loadDataset(folder());
  const path = await pipe('images/0.png');
  await failure(openImageStore(dataset), 'IMAGE_INVALID', path, /not a file/);
});

test('weights', async () => {
  const path = await pipe('weights.safetensors');
  for (const read of [readWeights, readSafetensors, weightsFingerprint]) {
    await failure(read(path), 'WEIGHTS_INVALID', path, PIPE);
  }
});

test('a program', async () => {
  const path = await pipe('model.pt2');
  await failure(readProgramFile(path), 'MODEL_INVALID', path, PIPE);
});

test.each(['config.json', 'data.json', 'checkpoints/epoch-1/epoch.json', 'results/erm.json'])(
  '%s of a run',
  async (name) => {
    const run = new RunFolder(folder());
    await run.create();
    await mkdir(name.startsWith('checkpoints') ? run.epoch(1) : join(run.path, 'none'));
    const path = await pipe(name);
    const read = async (): Promise<void> => {
      await run.readConfig();
      await run.readData();
      await run.readMetrics();
      await run.readResult('erm', (await import('../src/train/results.js')).trainingResultSchema);
    };
    await failure(read(), 'RUN_INVALID', path, PIPE);
  },
);

test('a study, and a configuration', async () => {
  const path = await pipe('study.yaml');
  await failure(readStudy(path), 'USAGE', path, PIPE);
  const command = new Command('train').option('--config <file>');
  await failure(applyConfig(command, ['--config', path]), 'USAGE', path, PIPE);
});

test('a stream that a shell names below /dev is read', async () => {
  const code = `import { readText } from './dist/files.js'; console.log(await readText(process.argv[1]));`;
  const command = `"$0" --input-type=module -e "$1" <(printf 'from a pipe')`;
  const env = { ...process.env, NODE_OPTIONS: '' };
  const read = execFileSync('bash', ['-c', command, process.execPath, code], {
    encoding: 'utf8',
    cwd: ROOT,
    env,
  });
  expect(read).toBe('from a pipe\n');
  await expect(readText('/dev/zero')).rejects.toThrow('it is a device, and not a file');
});
