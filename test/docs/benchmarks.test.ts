import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as prettier from 'prettier';
import { withBenchmarkTables } from '../../bench/src/documentTables.js';
import { benchSchema, type CaseResult, type SideResult } from '../../bench/src/result.js';

const docs = new URL('../../docs', import.meta.url).pathname;
const path = join(docs, 'benchmarks.md');

function side(label: string, seconds: number): SideResult {
  return {
    label,
    seconds: [seconds],
    median: seconds,
    perSecond: 1 / seconds,
    peakBytes: 1e8,
    cpuSeconds: seconds,
    measures: {},
    scaled: null,
  };
}

/** A case as it is measured, in which ours was so many times faster. */
function caseWithRatio(name: string, ratio: number): CaseResult {
  return {
    name,
    description: name,
    unit: 'images',
    units: 1,
    ours: side('spurmem', 1),
    rival: side('PyTorch', ratio),
    ratio: { median: ratio, quartiles: [ratio, ratio], range: [ratio, ratio], pairs: [ratio] },
    memoryRatio: 1,
    floor: null,
    agreement: null,
    target: null,
    limits: {},
    missed: [],
  };
}

test('the tables of docs/benchmarks.md are those of its results', async () => {
  const document = readFileSync(path, 'utf8');
  const files = readdirSync(join(docs, 'benchmarks'));
  expect(files.length).toBeGreaterThan(0);
  const results = Object.fromEntries(
    files.map((file) => [
      basename(file, '.json'),
      benchSchema.parse(JSON.parse(readFileSync(join(docs, 'benchmarks', file), 'utf8'))),
    ]),
  );
  const options = { ...(await prettier.resolveConfig(path)), parser: 'markdown' };
  // Otherwise: npm run docs
  expect(await prettier.format(withBenchmarkTables(document, results), options)).toBe(document);
});

test('a row says what was reached and what was missed', () => {
  const result = {
    kind: 'bench',
    machine: { cpu: 'a CPU', commit: 'abc' },
    device: 'cpu',
    threads: 2,
    comparison: null,
    cases: [
      { ...caseWithRatio('slow', 1.2), target: 1.5 },
      { ...caseWithRatio('fast', 2), target: 1.5, limits: { delay: 20 }, missed: ['delay at most 20'] },
    ],
  } as const;
  const text = withBenchmarkTables('<!-- benchmark: one -->\nold\n<!-- end -->', {
    one: benchSchema.parse(result),
  });
  expect(text).not.toContain('old');
  expect(text).toContain('cpu a CPU, commit abc, device cpu, threads 2');
  expect(text).toMatch(/`slow` .* 1\.20 .* 1\.5 \*\*missed\*\*/);
  expect(text).toMatch(/`fast` .* 2\.00 .*missed: delay at most 20/);
});

test('a place for an unknown result is refused, and a result without a place', () => {
  expect(() => withBenchmarkTables('<!-- benchmark: nothing -->\n<!-- end -->', {})).toThrow(/named nothing/);
  const result = benchSchema.parse({
    kind: 'bench',
    machine: {},
    device: 'cpu',
    threads: 2,
    cases: [],
    comparison: null,
  });
  expect(() => withBenchmarkTables('', { one: result })).toThrow(/no place for one/);
});
