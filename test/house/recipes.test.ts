import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../temporary.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const copy = join(temporaryFolder(), 'copy');
const at = (...parts: string[]): string => join(copy, ...parts);

/** The code of CONTRIBUTING.md: whole files, and what is named in a list. */
const recipes = [
  ...readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8').matchAll(
    /^```ts (file|list)=(\S+)\n([\s\S]*?)^```$/gm,
  ),
].map(([, kind = '', path = '', code = '']) => ({ kind, path, code }));

/** Puts an import at the top of a list's file, and the name at the list's end. */
function addToList(path: string, code: string): void {
  const [importLine = '', entry = ''] = code.trimEnd().split('\n');
  const text = readFileSync(at(path), 'utf8');
  const end = /^\](?: as const)?;$|(?<== \[[^\]\n]+)\] as const;$/m.exec(text);
  if (!end) throw new Error(`${path} has no list`);
  writeFileSync(
    at(path),
    `${importLine}\n${text.slice(0, end.index).replace(/([^,[\s])\s*$/, '$1, ')}${entry}${text.slice(end.index)}`,
  );
}

function spurmem(...args: string[]): string {
  return execFileSync(process.execPath, [at('bin', 'spurmem.js'), ...args], { cwd: copy, encoding: 'utf8' });
}

beforeAll(() => {
  mkdirSync(copy);
  for (const name of ['src', 'bin', 'dist', 'package.json', 'tsconfig.json', 'tsconfig.build.json']) {
    cpSync(join(ROOT, name), at(name), { recursive: true, preserveTimestamps: true });
  }
  for (const name of ['node_modules', 'build-cmake']) symlinkSync(join(ROOT, name), at(name));
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
    ...['dataset', 'dominoes', '--data', at('data'), '--size', '32', '--train-counts', '20,6,4,14'],
    ...['--val-counts', '4,4,4,4', '--test-counts', '4,4,4,4', '--quiet'],
  );
});

test('each recipe has one file and one list', () => {
  expect(recipes.length).toBeGreaterThan(0);
  expect(recipes.map(({ kind }) => kind)).toEqual(recipes.map((_, i) => (i % 2 === 0 ? 'file' : 'list')));
});

test('a way to train has a command with its settings, and trains', () => {
  expect(spurmem('train', 'ordered', '--help')).toMatch(/--passes <n> +how often an epoch shows each image/);
  const settings = [
    '--arch',
    'resnet18',
    '--epochs',
    '1',
    '--batch-size',
    '22',
    '--threads',
    '1',
    '--passes',
    '2',
  ];
  const { kind } = JSON.parse(
    spurmem('train', 'ordered', '--data', at('data'), '--out', at('run'), ...settings, '--json', '--quiet'),
  ) as { kind: string };
  expect(kind).toBe('ordered');
  const { config } = JSON.parse(readFileSync(at('run', 'config.json'), 'utf8')) as { config: object };
  expect(config).toMatchObject({ command: 'train ordered', passes: 2 });
  const [epoch] = readFileSync(at('run', 'metrics.jsonl'), 'utf8').split('\n');
  const { train } = JSON.parse(epoch ?? '') as { train: { total: number[] } };
  expect(train.total).toEqual([40, 12, 8, 28]);
});
