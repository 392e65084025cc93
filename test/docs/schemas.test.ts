import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FILE_SCHEMAS, jsonSchemaOf } from '../../src/train/fileSchemas.js';
import { ermRun, tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const docs = new URL('../../docs/schemas/', import.meta.url).pathname;

test('docs/schemas has the schema of each file', () => {
  // Otherwise: npm run build && npm run docs
  expect(readdirSync(docs).sort()).toEqual(
    Object.keys(FILE_SCHEMAS)
      .map((name) => `${name}.json`)
      .sort(),
  );
  for (const name of Object.keys(FILE_SCHEMAS)) {
    expect(JSON.parse(readFileSync(join(docs, `${name}.json`), 'utf8'))).toEqual(jsonSchemaOf(name));
  }
});

test('a run that was trained holds to them', async () => {
  const [data, out] = [join(folder, 'data'), join(folder, 'run')];
  await tinyDominoes(data);
  await ermRun({ data, out, arch: 'resnet20', epochs: 1, batchSize: 42, device: 'cpu', threads: 1 });
  const parse = (name: string, text: string): unknown => FILE_SCHEMAS[name]?.schema.parse(JSON.parse(text));
  const file = (...path: string[]): string => readFileSync(join(out, ...path), 'utf8');
  expect(parse('config', file('config.json'))).toBeDefined();
  expect(parse('data', file('data.json'))).toBeDefined();
  expect(parse('epoch', file('metrics.jsonl').trimEnd())).toEqual(JSON.parse(file('metrics.jsonl')));
  expect(parse('training', file('results', 'erm.json'))).toEqual(JSON.parse(file('results', 'erm.json')));
  expect(parse('dataset', readFileSync(join(data, 'dataset.json'), 'utf8'))).toBeDefined();
});
