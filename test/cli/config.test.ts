import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Command } from 'commander';
import * as dataset from '../../src/cli/commands/dataset.js';
import * as fetch from '../../src/cli/commands/fetch.js';
import * as reproduce from '../../src/cli/commands/reproduce.js';
import * as study from '../../src/cli/commands/study.js';
import * as trace from '../../src/cli/commands/trace.js';
import * as train from '../../src/cli/commands/train.js';
import { applyConfig } from '../../src/cli/configFile.js';
import { examplesOf } from '../../src/cli/examples.js';
import { commandName, namedCommand } from '../../src/cli/usage.js';
import { loadDataset } from '../../src/data/dataset.js';
import { augmentationOf, choiceOf, PUBLISHED_AUGMENTATION, SIMCLR } from '../../src/train/augmentation.js';
import { ermRun, recordedIn, tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { answer, contentOf, failure, succeed, trainOptions, words } from './support.js';

const folder = temporaryFolder();
const at = (name: string): string => join(folder, name);
const data = at('data');
const run = at('run');
const configOf = (path: string): object =>
  (JSON.parse(readFileSync(join(path, 'config.json'), 'utf8')) as { config: object }).config;

beforeAll(async () => {
  await tinyDominoes(data);
  await ermRun(trainOptions(data, run));
  writeFileSync(
    at('some.yaml'),
    `data: ${data}\narch: resnet20\nepochs: 3\nbatch-size: 42\nkeepEpochs: [1]\naugmentation: simclr\nthreads: 1\n`,
  );
  const flags = ['--epochs', '1', '--augmentation', 'none'];
  await succeed(['train', 'erm', '--config', at('some.yaml'), ...flags, '--out', at('yaml')]);
});

test('a run is repeated from its own config.json, to the same numbers', async () => {
  await succeed(['train', 'erm', '--config', join(run, 'config.json'), '--out', at('again')]);
  expect(configOf(at('again'))).toEqual(configOf(run));
  const [first, second] = [run, at('again')].map((path) => recordedIn(join(path, 'results/erm.json')));
  expect(second).toEqual(first);
  expect(readFileSync(join(at('again'), 'metrics.csv'), 'utf8')).toMatch(/^epoch,step,lr,trainLoss,/);
});

test('a dry run prints the configuration and counts, and writes nothing', async () => {
  const before = contentOf(data);
  const args = words`train erm --config ${join(run, 'config.json')} --out ${at('dry')} --dry-run --json`;
  const { stdout } = await succeed(args);
  const { command, ...settings } = configOf(run) as { command: string };
  expect(JSON.parse(stdout)).toEqual({
    title: `${command} would write ${at('dry')}`,
    input: expect.stringMatching(/^Input: images of 32 x 16 px; resize none, .* \(data set\)\.$/) as string,
    settings,
    counts: { 'train images': 84, 'val images': 16, 'test images': 16 },
  });
  expect([existsSync(at('dry')), contentOf(data)]).toEqual([false, before]);
});

test('a data set one folder further down is named', async () => {
  mkdirSync(at('outer/inner'), { recursive: true });
  writeFileSync(at('outer/inner/metadata.csv'), '');
  await expect(loadDataset(at('outer'))).rejects.toThrow(`Did you mean ${at('outer/inner')}`);
});

test('flags win over a file in YAML, whose keys are those of the options', () => {
  expect(configOf(at('yaml'))).toMatchObject({
    epochs: 1,
    batchSize: 42,
    arch: 'resnet20',
    augmentation: null,
  });
});

const program = new Command('spurmem');
for (const [name, { addCommand }] of Object.entries({ train, reproduce, dataset, fetch, study, trace }))
  addCommand(program.command(name));
const leaf = (...words: string[]): Command => namedCommand(program, words).command;

test.each([
  ['an unknown key', 'epoch: 3', /"epoch"\. The nearest are .*epochs/],
  ['a value out of range', 'epochs: 0', /epochs is 0: it takes a whole number of at least 1/],
  ['a value of another type', 'lr: [a]', /lr is \["a"\]: it takes a number above 0/],
  ['a word that is none', 'memoryFormat: nhwc', /memoryFormat is "nhwc": .*channels_last/],
  ['no mapping', '- 1', /it holds no names with values/],
  ['a value that holds itself', 'lr: &a { x: *a }', /a part of it holds itself/],
  ['a key that objects take for something else', '__proto__: 1', /the key __proto__/],
  [
    'more than any number',
    'epochs: 2e9',
    /epochs is 2000000000: it takes a whole number of at least 1, up to/,
  ],
  ['a flag in words', 'resume: maybe', /resume is "maybe": it takes true or false/],
])('%s is refused, naming the file', async (_name, text, reason) => {
  writeFileSync(at('wrong.yaml'), `${text}\n`);
  const config = applyConfig(leaf('train', 'erm'), ['--config', at('wrong.yaml')]);
  await expect(config).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringMatching(reason) as string,
  });
  await expect(config).rejects.toThrow('wrong.yaml');
});

test('a file of training serves dataset inspect, too, which refuses keys that training lacks', async () => {
  writeFileSync(at('both.yaml'), `data: ${data}\narch: resnet20\nbatch-size: 42\n`);
  const inspect = leaf('dataset', 'inspect');
  await applyConfig(inspect, ['--config', at('both.yaml')]);
  expect(inspect.getOptionValue('data')).toBe(data);
  writeFileSync(at('both.yaml'), 'colums: a\n');
  await expect(applyConfig(inspect, ['--config', at('both.yaml')])).rejects.toThrow('no option "colums"');
});

test("a run's configuration is refused by another command", async () => {
  const config = applyConfig(leaf('train', 'jtt'), [`--config=${join(run, 'config.json')}`]);
  await expect(config).rejects.toThrow('it is of train erm, and the command is train jtt');
});

test('a run of a table with named columns is repeated, a damaged configuration is refused, and the last file counts', async () => {
  const { checksum: _checksum, ...file } = JSON.parse(
    readFileSync(join(run, 'config.json'), 'utf8'),
  ) as Record<string, object>;
  const columns = { filename: 'path', y: 'label', split: 'fold', a: 'place' };
  const environment = { ...file.environment, dataOptions: { format: 'csv', table: 'a.csv', columns } };
  writeFileSync(at('columns.json'), JSON.stringify({ ...file, environment }));
  writeFileSync(at('damaged.json'), JSON.stringify({ ...file, environment: { data, dataOptions: 3 } }));
  const command = leaf('train', 'erm');
  await applyConfig(command, ['--config', at('damaged.json'), '--config', at('columns.json')]);
  expect(command.getOptionValue('columns')).toEqual(columns);
  const damaged = applyConfig(command, ['--config', at('damaged.json')]);
  await expect(damaged).rejects.toMatchObject({ code: 'USAGE' });
  await expect(damaged).rejects.toThrow(/damaged\.json: it is no run's configuration: .*dataOptions/s);
});

test('words of a list stand one by one or with commas', () => {
  const command = leaf('trace', 'unstructured')
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  command.parseOptions(words`--criteria gradient,magnitude --nulls same-layers whole-model,same-magnitude`);
  expect(command.getOptionValue('criteria')).toEqual(['gradient', 'magnitude']);
  expect(command.getOptionValue('nulls')).toEqual(['same-layers', 'whole-model', 'same-magnitude']);
  expect(() => command.parseOptions(words`--criteria gradient,magnitud`)).toThrow('magnitud');
});

test('every command has examples, of options that it has', () => {
  const leavesOf = (command: Command): readonly Command[] =>
    command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf);
  const leaves = leavesOf(program);
  expect(leaves.length).toBeGreaterThan(30);
  for (const command of leaves) {
    const name = commandName(command);
    const examples = examplesOf(name, command);
    expect([name, examples.length > 0]).toEqual([name, true]);
    for (const example of examples) {
      expect(example.startsWith(name)).toBe(true);
      for (const [flag] of example.matchAll(/(?<= )--[a-z-]+/g)) {
        expect(command.options.map(({ long }) => long)).toContain(flag);
      }
    }
  }
});

test.each([
  ['SimCLR\u2019s', SIMCLR],
  ['the published code\u2019s', PUBLISHED_AUGMENTATION],
  ['none', null],
])('%s augmentation is told by a choice again', (_name, choice) => {
  const known = augmentationOf(choice, null);
  expect(augmentationOf(choiceOf(known) as never, null)).toEqual(known);
});

test('help has groups and examples, for every command', async () => {
  const { stdout } = await succeed(['train', 'erm', '--help']);
  for (const heading of ['Settings:', 'Reading the data:', 'Computing:', 'Output and help:', 'Examples:']) {
    expect(stdout).toContain(`\n${heading}\n`);
  }
});

test('completion offers commands, words and files', async () => {
  const complete = async (...words: string[]): Promise<string> =>
    (await answer(['complete', '--', ...words])).stdout;
  expect(await complete('train', 'gro')).toMatch(/^groupdro\t/);
  expect(await complete('train', 'erm', '--arch', '')).toMatch(/^resnet18\t$/m);
  expect(await complete('train', 'erm', '--data', '')).toBe(':0\n');
  expect((await succeed(['completion', 'bash'])).stdout).toContain('spurmem complete --');
});

test('runs are listed, filtered, and compared', async () => {
  await ermRun({ ...trainOptions(data, at('seed-1')), seed: 1 });
  const { stdout } = await succeed(['runs', '--in', folder, '--filter', 'seed=1', '--json']);
  expect(JSON.parse(stdout)).toMatchObject({ runs: [{ run: 'seed-1', method: 'erm', state: 'finished' }] });
  await failure(['runs', '--in', folder, '--filter', 'sed=1'], 'USAGE', 'The nearest are seed');
  for (const same of ['weights=none', 'lr=1e-4']) {
    const found = await succeed(['runs', '--in', folder, '--filter', 'seed=1', '--filter', same]);
    expect([same, found.stdout]).toEqual([same, expect.stringContaining('1 of ')]);
  }
  const compare = ['compare', run, at('seed-1'), at('yaml')];
  const compared = (await succeed([...compare, '--format', 'json'])).stdout;
  const second = { seeds: '0', pairedSeeds: '0', testWorstMinusFirstLow: null };
  expect(JSON.parse(compared)).toMatchObject({
    differing: ['augmentation'],
    rows: [{ run: basename(folder), seeds: '0, 1' }, second],
  });
  expect((await succeed([...compare, '--format', 'markdown'])).stdout).toContain('| --- |');
  expect((await succeed([...compare, '--format', 'csv'])).stdout.split('\n')).toHaveLength(4);
});

test('a run is evaluated on a split, to the numbers that training found', async () => {
  const { stdout } = await succeed(['evaluate', '--run', run, '--split', 'val', '--threads', '1', '--json']);
  const { accuracies } = JSON.parse(stdout) as { accuracies: object };
  const { val } = JSON.parse(readFileSync(join(run, 'results/erm.json'), 'utf8')) as { val: object };
  expect(accuracies).toEqual(val);
  await failure(['evaluate', '--run', run, '--epoch', '7'], 'RUN_NOT_FOUND', '--epoch is 7');
  // A table of its images, in a folder that is made, and never in the place of another table.
  const csv = at('tables/val.csv');
  // A killed call has left it.
  const left = `${csv}.01234567-89ab-cdef-0123-456789abcdef.tmp`;
  mkdirSync(at('tables'));
  writeFileSync(left, 'x');
  const tabled = ['evaluate', '--run', run, '--split', 'val', '--threads', '1', '--csv'];
  const { stdout: printed } = await succeed([...tabled, csv, '--json']);
  expect(JSON.parse(printed)).toEqual({ ...(JSON.parse(stdout) as object), csv });
  const [header, ...rows] = readFileSync(csv, 'utf8').trimEnd().split('\n');
  expect(header).toBe(
    'file,split,class,attribute,group,prediction,probability,margin,loss,p_pullover,p_coat',
  );
  expect([rows.length, existsSync(left)]).toEqual([16, false]);
  await failure([...tabled, csv], 'OUTPUT_UNWRITABLE', `${csv} is there already`, 'Choose another --csv');
  await failure([...tabled, join(csv, 'x.csv')], 'OUTPUT_UNWRITABLE', 'A file has that name');
});
