import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import MarkdownIt from 'markdown-it';
import { parse } from 'yaml';
import { markdownOf } from '../../src/cli/textTable.js';
import { publicConfig } from '../../src/extras/card.js';
import { texts } from '../../src/kit/table.js';
import { readSafetensors } from '../../src/models/safetensors.js';
import { percent, percentRange } from '../../src/report/format.js';
import { escapeMarkup } from '../../src/report/text.js';
import { trainErm } from '../../src/train/methods.js';
import type { TrainingResult } from '../../src/train/results.js';
import { openRun, RunFolder } from '../../src/train/runFolder.js';
import { failure, succeed } from '../cli/support.js';
import { bestOf, tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const data = join(folder, 'secret', 'dominoes');
const run = join(folder, 'secret', 'runs', 'seed-0');
const RECIPE = { arch: 'resnet20', epochs: 2, batchSize: 42, lr: 1e-3, device: 'cpu', threads: 1 } as const;
const results: TrainingResult[] = [];

beforeAll(async () => {
  await tinyDominoes(data);
  for (const seed of [0, 1, 2])
    results.push(await trainErm({ ...RECIPE, data, out: run.replace('seed-0', `seed-${seed}`), seed }));
});

/** The metadata and the text of a card. */
async function readCard(card: string) {
  const text = await readFile(join(card, 'README.md'), 'utf8');
  const [, head = '', body = ''] = /^---\n(.*?)\n---\n(.*)$/s.exec(text) ?? [];
  return { head: parse(head) as Record<string, unknown>, body, text };
}

/** Every file of a card's folder stands in SHA256SUMS with its checksum. */
async function expectChecksums(card: string): Promise<string[]> {
  const lines = (await readFile(join(card, 'SHA256SUMS'), 'utf8')).trimEnd().split('\n');
  const names: string[] = [];
  for (const line of lines) {
    const [sum, name = ''] = line.split('  ');
    expect([
      name,
      createHash('sha256')
        .update(await readFile(join(card, name)))
        .digest('hex'),
    ]).toEqual([name, sum]);
    names.push(name);
  }
  const files = (await readdir(card, { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  );
  expect(files).toHaveLength(names.length + 1);
  return names.sort();
}

test('the card of one run: metadata, accuracies with intervals, settings, weights, and no path of this machine', async () => {
  await succeed(['card', '--run', run]);
  const card = join(run, 'card');
  expect(await expectChecksums(card)).toEqual([
    'README.md',
    'config.json',
    'metrics.csv',
    'model.safetensors',
    'result.json',
  ]);
  const { head, body, text } = await readCard(card);
  const [{ test }] = results as [TrainingResult];
  expect(head).toMatchObject({ library_name: 'spurmem', pipeline_tag: 'image-classification' });
  expect(JSON.stringify(head['model-index'])).toContain(String(Number(test.worstGroupAccuracy.toFixed(4))));
  for (const [group, name] of ((await new RunFolder(run).readData())?.groupNames ?? []).entries()) {
    expect(body).toMatch(
      new RegExp(
        `\\| G${group}\\*? ${name} \\| ${test.total[group] ?? ''} \\| ${percent(test.accuracy[group])} \\|`,
      ),
    );
    expect(body).toContain(percentRange(test.interval[group]));
  }
  expect(body).toContain('**Terms of the data.** _To fill in');
  expect(body).toContain('npx spurmem train erm --config config.json --data DATA --out repeated/seed-0');
  for (const name of await expectChecksums(card))
    expect((await readFile(join(card, name))).includes('secret')).toBe(false);
  expect(text).not.toContain('undefined');
  const published = await readSafetensors(join(card, 'model.safetensors'));
  expect(Object.keys(published.tensors)).toEqual(
    Object.keys((await readSafetensors(bestOf(new RunFolder(run)))).tensors),
  );
});

test('of an exported network it has the file\u2019s name alone', async () => {
  const { config, environment } = await openRun(run);
  const exported = { config, environment: { ...environment, archPath: '/home/secret/net.pt2' } };
  const shown = JSON.stringify(publicConfig(exported));
  expect(shown).toContain('"archPath":"net.pt2"');
  expect(shown).not.toContain('secret');
});

test('what was filled in is not lost', async () => {
  await failure(
    ['card', '--run', run],
    'RUN_EXISTS',
    'README.md is there already, and what was filled in would be lost',
    'Choose another --out',
  );
});

test('its command repeats the run to the bit', async () => {
  const config = join(run, 'card', 'config.json');
  const out = join(folder, 'repeated');
  await succeed(['train', 'erm', '--config', config, '--data', data, '--out', out]);
  const [ours, theirs] = await Promise.all([out, run].map((one) => readFile(bestOf(new RunFolder(one)))));
  expect(ours?.equals(theirs as Buffer)).toBe(true);
});

test('seeds of one recipe: means with intervals, and each seed; without weights where they are not wanted', async () => {
  const card = join(folder, 'card');
  const runs = [2, 0, 1].map((seed) => run.replace('seed-0', `seed-${seed}`));
  await writeFile(join(folder, 'card.yaml'), 'no-weights: true\n');
  await succeed(['card', '--run', ...runs, '--out', card, '--config', join(folder, 'card.yaml')]);
  expect(await expectChecksums(card)).toEqual(
    [
      'README.md',
      ...[0, 1, 2].flatMap((seed) =>
        ['config.json', 'metrics.csv', 'result.json'].map((name) => `seed-${seed}/${name}`),
      ),
    ].sort(),
  );
  const { body } = await readCard(card);
  const worst = results.map(({ test }) => test.worstGroupAccuracy);
  expect(body).toContain(`| worst group |  | ${percent(worst.reduce((sum, value) => sum + value, 0) / 3)} |`);
  const bySeed = results.map(({ test }) => percent(test.average)).join(' | ');
  expect(body).toMatch(new RegExp(`\\| average \\|.*\\| ${bySeed.replaceAll('|', '\\\\|')} \\|`));
  expect(body).toContain('--config seed-2/config.json');
  expect(body).not.toContain('## Weights');
});

test('runs that are not seeds of one another, and unfinished ones, are refused', async () => {
  const other = join(folder, 'other');
  await trainErm({ ...RECIPE, data, out: other, lr: 1e-2, seed: 5 });
  const none = join(folder, 'none');
  await failure(
    ['card', '--run', run, other, '--out', none],
    'USAGE',
    '--run names runs that are not seeds of one another: they differ in lr',
  );
  const [one, another] = [0, 1].map((seed) => join(folder, `from-${seed}`)) as [string, string];
  for (const [seed, out] of [one, another].entries()) {
    const weights = bestOf(new RunFolder(run.replace('seed-0', `seed-${seed}`)));
    await trainErm({ ...RECIPE, data, out, weights, seed, epochs: 1 });
  }
  await failure(['card', '--run', one, another, '--out', none], 'USAGE', 'they differ in weights');
  const repeated = join(folder, 'repeated');
  await failure(['card', '--run', run, repeated, '--out', none], 'USAGE', 'two of them have the same seed');
  await failure(['card', '--run', folder], 'RUN_NOT_FOUND', 'holds no trained run');
});

test('names of classes and data cannot become markup', () => {
  const names = ['[click](javascript:alert(1))', '<img src=x onerror=alert(1)>', '`code`', 'a | b'];
  const text = markdownOf({ caption: names.join(', '), columns: texts(...names), rows: [names] });
  const html = new MarkdownIt({ html: true }).render(text);
  expect(html).not.toMatch(/<(?:a|img|code)\b/);
  for (const name of names) expect(html).toContain(escapeMarkup(name).replaceAll('&#39;', "'"));
});
