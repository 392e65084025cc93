import { readFileSync } from 'node:fs';
import { node } from '../cli/support.js';
import { failure } from '../data/support.js';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const index = read('src/index.ts');
const listed = [...index.matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, list = '']) =>
  list
    .split(',')
    .map((name) => name.trim().replace(/^type /, ''))
    .filter((name) => name !== ''),
);
const declared = [...index.matchAll(/export (?:const|async function) (\w+)/g)].map(([, name = '']) => name);
const names = [...listed, ...declared];

test('the interface has what users need, each name documented', () => {
  expect(names.length).toBeGreaterThan(50);
  const document = read('docs/reference.md');
  expect(names.filter((name) => !document.includes(`\`${name}\``))).toEqual([]);
});

test('a job of the interface is the function of its name', () => {
  const jobs = [...index.matchAll(/export const (\w+)[^=]*= later\([^;]*\)\)?\.(\w+)\);/g)];
  expect(jobs.length).toBeGreaterThan(25);
  expect(jobs.filter(([, name, job]) => name !== job)).toEqual([]);
});

test('tables are loaded when they are asked for, and jobs when they are called', async () => {
  const library = await import('../../src/index.js');
  const { erm, trace } = await library.settings();
  expect([erm.epochs.article, Object.keys(trace)]).toEqual([100, expect.arrayContaining(['session'])]);
  const methods = await library.trainingMethods();
  const figures = await library.figures();
  expect([methods[0]?.name, figures[0]?.name]).toEqual(['erm', 'fig1']);
  expect((await library.readStudy('fig6', { data: 'a' })).title).toContain('attribution controls');
  expect(await failure(library.trainErm({ data: 'a', out: 'b', epochs: -1 }), 'USAGE')).toMatchObject({
    parameter: 'epochs',
  });
  const misspelt = { data: 'a', out: 'b', epoch: 1 };
  await failure(library.trainErm(misspelt), 'USAGE', 'The nearest are epochs');
  await failure(library.train('erm', misspelt), 'USAGE', 'The nearest are epochs');
  await failure(library.train('emr', { data: 'a' }), 'USAGE', 'there are erm, rwy');
  await failure(library.TraceSession.open({ run: 'no-such-run' }), 'RUN_NOT_FOUND');
});

/** The modules that Node.js loads for a script, by its own hooks. */
function loadedBy(script: string): string[] {
  const hooks = `import { writeSync } from 'node:fs';
    export async function load(url, context, next) { writeSync(1, url + '\\n'); return next(url, context); }`;
  const register = `import { register } from 'node:module'; register(${JSON.stringify(dataUrl(hooks))});`;
  const args = ['--import', dataUrl(register), '--input-type=module', '-e', script];
  const { stdout, stderr } = node(args);
  expect(stderr).toBe('');
  return stdout.split('\n').filter((url) => url.startsWith('file:'));
}
const dataUrl = (source: string): string => `data:text/javascript,${encodeURIComponent(source)}`;

/** Imports zod, or is a bundle of it. */
const ZOD = '/dist/zod.js';

test('importing it loads small packages alone: none that a job or table alone needs', () => {
  const loaded = loadedBy("await import('./dist/index.js')");
  const packages = loaded.flatMap((url) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []);
  expect(new Set(packages)).toEqual(new Set(['fastest-levenshtein', 'jstat']));
  expect(loaded.some((url) => url.endsWith(ZOD))).toBe(false);
  expect(loaded.length).toBeGreaterThan(20);
  // The same check sees what a table brings.
  const more = loadedBy("await (await import('./dist/index.js')).settings()");
  expect(more.some((url) => url.endsWith(ZOD))).toBe(true);
});

test('CommonJS can require it: nothing that waits at its top level, as vega does, is loaded with it', () => {
  const script = "process.stdout.write(typeof require('./dist/index.js').trainErm)";
  const { stdout, stderr } = node(['-e', script]);
  expect({ stdout, stderr }).toEqual({ stdout: 'function', stderr: '' });
});
