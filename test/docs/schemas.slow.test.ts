import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeCsv } from '../../src/csvFile.js';
import { evaluateRun } from '../../src/experiments/evaluateRun.js';
import { gradCam } from '../../src/experiments/gradCam.js';
import { traceMemorized } from '../../src/experiments/traceMemorized.js';
import { traceMinimal } from '../../src/experiments/traceMinimal.js';
import { traceOverlap } from '../../src/experiments/traceOverlap.js';
import { traceStructured } from '../../src/experiments/traceStructured.js';
import { traceUnstructured } from '../../src/experiments/traceUnstructured.js';
import { neuronAtlas } from '../../src/extras/atlas/atlas.js';
import { FILE_SCHEMAS, jsonSchemaOf } from '../../src/report/fileSchemas.js';
import { trainOptions } from '../cli/support.js';
import { ermRun, tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();

test.each(Object.keys(FILE_SCHEMAS))('%s has a JSON Schema', (name) => {
  expect(jsonSchemaOf(name)).toMatchObject({ type: 'object', properties: expect.anything() as unknown });
});

const [data, run] = [join(folder, 'data'), join(folder, 'run')];
const common = { run, device: 'cpu', threads: 1 };
/** The content of a file, NaN as null again. */
const parse = (name: string, text: string): unknown =>
  JSON.parse(JSON.stringify(FILE_SCHEMAS[name]?.schema.parse(JSON.parse(text))));
const file = (...path: string[]): string => readFileSync(join(run, ...path), 'utf8');

beforeAll(async () => {
  await tinyDominoes(data);
  await ermRun(trainOptions(data, run));
});

test('a run that was trained holds to them', () => {
  expect(parse('config', file('config.json'))).toBeDefined();
  expect(parse('data', file('data.json'))).toBeDefined();
  const epoch = file('checkpoints', 'epoch-1', 'epoch.json');
  expect(parse('epoch', epoch)).toEqual(JSON.parse(epoch));
  expect(parse('training', file('results', 'erm.json'))).toEqual(JSON.parse(file('results', 'erm.json')));
  expect(parse('dataset', readFileSync(join(data, 'dataset.json'), 'utf8'))).toBeDefined();
});

test.each([
  [
    'trace-unstructured',
    () => traceUnstructured({ ...common, criteria: ['gradient'], topK: [1, 40], nullDraws: 2 }),
  ],
  [
    'trace-structured',
    () => traceStructured({ ...common, criteria: ['magnitude'], topK: [1], nullDraws: 2 }),
  ],
  ['trace-overlap', () => traceOverlap({ ...common, fraction: 0.01 })],
  [
    'trace-memorized',
    async () => {
      const { rows = [] } = await evaluateRun({ ...common, split: 'train', rows: true });
      await writeCsv(
        join(folder, 'memorized.csv'),
        rows.map((row, at) => ({ file: row.file, memorization: at % 2 })),
      );
      await traceMemorized({ ...common, memorized: join(folder, 'memorized.csv'), nullDraws: 2 });
    },
  ],
  ['trace-minimal', () => traceMinimal({ ...common, examples: 1, maxNeurons: 5 })],
  ['grad-cam', () => gradCam({ ...common, samples: 2, examples: 1 })],
  ['neuron-atlas', () => neuronAtlas({ ...common, neurons: ['conv1[9]'], samples: 2 })],
] as const)(
  'a result of %s holds to its schema, and says more only where the schema lets it',
  async (name, trace) => {
    await trace();
    const text = file('results', `${name}.json`);
    expect(parse(name, text)).toEqual(JSON.parse(text));
    // Without a required part, a result is refused.
    const {
      entries: _entries,
      examples: _examples,
      kind: _kind,
      ...rest
    } = JSON.parse(text) as Record<string, unknown>;
    expect(() => parse(name, JSON.stringify(rest))).toThrow();
  },
);
