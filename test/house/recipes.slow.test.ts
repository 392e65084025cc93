import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ADDON, ROOT, words } from '../cli/support.js';
import { builtLibtorch } from '../libtorch.js';
import { temporaryFolder } from '../temporary.js';

const copy = join(temporaryFolder(), 'copy');
const at = (...parts: string[]): string => join(copy, ...parts);

/** The code of CONTRIBUTING.md: whole files, and what is named in a list. */
const recipes = [
  ...readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8').matchAll(
    /^```ts (file|list)=(\S+)\n([\s\S]*?)^```$/gm,
  ),
].map(([, kind = '', path = '', code = '']) => ({ kind, path, code }));

/** Puts the imports at the top of a list's file, and the name, the last line, at the list's end. */
function addToList(path: string, code: string): void {
  const lines = code.trimEnd().split('\n');
  const text = readFileSync(at(path), 'utf8');
  const ends = [
    /(?<== \[[^\]\n]+)\] as const;$/m,
    /^\](?: as const)?(?: satisfies [^;\n]+)?;$/m,
    /^\}(?: as const)?(?: satisfies [^;\n]+)?;$/m,
  ];
  const end = ends.map((pattern) => pattern.exec(text)).find((found) => found !== null);
  if (!end) throw new Error(`${path} has no list`);
  const before = text.slice(0, end.index).replace(/([^,[\s])\s*$/, '$1, ');
  const list = `${before}${lines.at(-1) ?? ''}${text.slice(end.index)}`;
  writeFileSync(at(path), [...lines.slice(0, -1), list].join('\n'));
}

function spurmem(...args: string[]): string {
  return execFileSync(process.execPath, [at('bin', 'spurmem.js'), ...args], {
    cwd: copy,
    encoding: 'utf8',
    env: { ...process.env, SPURMEM_ADDON: ADDON, LIBTORCH: builtLibtorch().root },
  });
}

beforeAll(() => {
  mkdirSync(copy);
  for (const name of words`assets bin dist native src package.json tsconfig.json tsconfig.build.json`) {
    cpSync(join(ROOT, name), at(name), { recursive: true, preserveTimestamps: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), at('node_modules'));
  for (const { kind, path, code } of recipes) {
    if (kind === 'list') {
      addToList(path, code);
    } else {
      mkdirSync(dirname(at(path)), { recursive: true });
      writeFileSync(at(path), code);
    }
  }
  // Their types fit, and no other file has to change.
  execFileSync(process.execPath, [at('node_modules/typescript/bin/tsc'), '-p', at('tsconfig.build.json')], {
    encoding: 'utf8',
  });
  spurmem(
    ...words`dataset dominoes --data ${at('data')} --size 32 --train-counts 20,6,4,14 --val-counts 4,4,4,4
    --test-counts 4,4,4,4 --quiet`,
  );
});

const train = ['--arch', 'plain3', '--epochs', '1', '--batch-size', '22', '--threads', '1'];
const json = (...args: string[]): Record<string, unknown> =>
  JSON.parse(spurmem(...args, '--json', '--quiet')) as Record<string, unknown>;

test('each recipe is one file and one list', () => {
  expect(recipes.length).toBeGreaterThan(0);
  expect(recipes.map(({ kind }) => kind)).toEqual(recipes.map((_, i) => (i % 2 === 0 ? 'file' : 'list')));
});

test('a training method has a command with its settings, and trains', () => {
  expect(spurmem('train', 'ordered', '--help')).toMatch(/--passes <n> +how often an epoch shows each image/);
  const run = ['--data', at('data'), '--out', at('run'), '--passes', '2'];
  expect(json('train', 'ordered', ...run, ...train).kind).toBe('ordered');
  const { config } = JSON.parse(readFileSync(at('run', 'config.json'), 'utf8')) as { config: object };
  expect(config).toMatchObject({ command: 'train ordered', passes: 2 });
  const path = at('run', 'checkpoints', 'epoch-1', 'epoch.json');
  const { metrics } = JSON.parse(readFileSync(path, 'utf8')) as { metrics: { train: { total: number[] } }[] };
  expect(metrics[0]?.train.total).toEqual([40, 12, 8, 28]);
});

test('an architecture trains, has neurons, and can be mapped', () => {
  const overlap = words`trace overlap --run ${at('run')} --fraction 0.05 --threads 1`;
  const { entries } = json(...overlap) as { entries: { neurons: { layer: string }[] }[] };
  const layers = new Set(entries.flatMap(({ neurons }) => neurons.map(({ layer }) => layer)));
  for (const layer of layers) expect(layer).toMatch(/^block[123]\.conv$/);
  const { layer } = json('gradcam', '--run', at('run'), '--samples', '4', '--threads', '1');
  expect(layer).toBe('block3.conv');
});

test('a criterion chooses neurons, which a perturbation changes', () => {
  const trace = words`trace unstructured --run ${at('run')} --criteria saliency magnitude --top-k 2
    --perturbation lift --sigmas 1 --repeats 2 --null-draws 1 --threads 1`;
  const { entries, perturbation } = json(...trace) as {
    entries: { criterion: string; sigma: number; neurons: unknown[] }[];
    perturbation: string;
  };
  expect(perturbation).toBe('lift');
  expect(entries.map(({ criterion }) => criterion)).toEqual([
    ...['saliency', 'saliency', 'saliency', 'saliency'],
    ...['magnitude', 'magnitude', 'magnitude', 'magnitude'],
  ]);
  for (const { neurons, sigma } of entries) expect([neurons.length, sigma]).toEqual([2, 1]);
});

test('a trace has a command and a result, which the report accepts', () => {
  expect(spurmem('trace', '--help')).toMatch(/norms .*the median norm of the neurons of each layer/);
  const { layers, result } = json(...words`trace norms --run ${at('run')} --threads 1`) as {
    layers: { layer: string; median: number }[];
    result: string;
  };
  expect(layers.map(({ layer }) => layer)).toEqual(['block1.conv', 'block2.conv', 'block3.conv']);
  for (const { median } of layers) expect(median).toBeGreaterThan(0);
  expect(result).toBe(at('run', 'results', 'trace-norms.json'));
  expect(spurmem('report', '--run', at('run'))).toContain('report.html');
});

test('a figure has a command, its rows, and its place in the report', () => {
  const text = spurmem(...words`reproduce worst --run ${at('run')} --null-draws 0 --threads 1 --quiet`);
  expect(text).toContain('Largest change of each group');
  const { rows } = JSON.parse(readFileSync(at('run', 'results', 'worst.json'), 'utf8')) as {
    rows: unknown[];
  };
  expect(rows).toHaveLength(4);
  const page = readFileSync(at('run', 'report.html'), 'utf8');
  expect(page).toContain('<section id="worst"');
  expect(page).toContain('lifted');
  expect(page).toContain('saliency');
});

test('a dataset layout is read by its name, with its own option', () => {
  for (const split of ['train', 'val', 'test']) {
    for (const [i, group] of ['0-0', '0-1', '1-0', '1-1'].entries()) {
      const images = at('data', 'images', split, String(i));
      cpSync(images, at('folders', split, group), { recursive: true });
    }
  }
  writeFileSync(at('folders', 'names.txt'), 'pullover\ncoat\n');
  const inspect = ['dataset', 'inspect', '--data', at('folders'), '--format', 'folders'];
  expect(json(...inspect, '--label-file', 'names.txt')).toMatchObject({
    targetNames: ['pullover', 'coat'],
    counts: { train: [20, 6, 4, 14] },
  });
  expect(() => spurmem(...inspect)).toThrow(/classes\.txt: the file of classes is missing/);
});
