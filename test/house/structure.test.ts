import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** TypeScript is one large CommonJS file: as ES module it would be parsed anew. */
const ts = createRequire(import.meta.url)('typescript') as typeof import('typescript');
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The floors of docs/design.md, from the top. A folder imports from those below it; what is in none is known to all. */
const FLOORS = [
  'cli',
  'reproduce',
  'report',
  'experiments',
  'train',
  'neurons',
  'metrics',
  'models',
  'fetch',
  'data',
  'native',
  'settings',
] as const;

const texts = new Map(
  readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => [file, readFileSync(join(ROOT, 'src', file), 'utf8')]),
);

/** The files that each file imports, types included. */
const imports = new Map(
  [...texts].map(([file, text]) => [
    file,
    ts
      .preProcessFile(text)
      .importedFiles.map(({ fileName }) => fileName)
      .filter((name) => name.startsWith('.'))
      .map((name) => normalize(join(dirname(file), name)).replace(/\.js$/, '.ts'))
      .filter((name) => texts.has(name)),
  ]),
);

test('no file imports itself by way of others', () => {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file);
    if (at >= 0) throw new Error(`a circle: ${[...path.slice(at), file].join(' > ')}`);
    if (done.has(file)) return;
    for (const next of imports.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of imports.keys()) visit(file, []);
  expect(done.size).toBeGreaterThan(150);
});

test('arrows point down: no folder imports from one above it', () => {
  const floorOf = (file: string): number => FLOORS.findIndex((floor) => file.startsWith(`${floor}/`));
  const upward = [...imports].flatMap(([file, targets]) =>
    targets
      .filter((target) => floorOf(target) >= 0 && (floorOf(file) < 0 || floorOf(target) < floorOf(file)))
      .map((target) => `${file} > ${target}`),
  );
  // The interface gathers all floors, and versions asks the addon for libtorch's.
  expect(upward.filter((arrow) => !/^(index|versions)\.ts > /.test(arrow))).toEqual([]);
});

test('the group of processes is seen through a context, but where it is joined', () => {
  const importers = [...imports].filter(([, targets]) => targets.includes('native/processGroup.ts'));
  const native = ['native/context.ts', 'native/engine.ts'];
  // The command line prints before a context is opened.
  const others = ['cli/job.ts', 'index.ts'];
  expect(importers.map(([file]) => file).sort()).toEqual([...native, ...others].sort());
});

test('folders of the report import each other one way', () => {
  const arrows = new Set(
    [...imports].flatMap(([file, targets]) =>
      targets.map((target) => `${dirname(file)} > ${dirname(target)}`),
    ),
  );
  const both = [...arrows].filter((arrow) => {
    const [from, to] = arrow.split(' > ');
    return from !== to && /^report\/\S+ > report\//.test(arrow) && arrows.has(`${to} > ${from}`);
  });
  expect(both).toEqual([]);
});

test('no option of the command line is named below it', () => {
  const named = [...texts]
    .filter(([file]) => !file.startsWith('cli/'))
    .flatMap(([file, text]) =>
      [...text.matchAll(/(?<![\w-])--[a-z][a-z-]*/g)]
        // Style sheets have names of their own that look alike.
        .filter(() => !file.endsWith('style.ts'))
        .map(([flag]) => `${file}: ${flag}`),
    );
  expect(named).toEqual([]);
});

test('the library does not import the benchmark', () => {
  for (const [file, text] of texts) {
    const outside = ts
      .preProcessFile(text)
      .importedFiles.map(({ fileName }) => fileName)
      .filter((name) => name.startsWith('.'))
      .map((name) => relative(ROOT, join(ROOT, 'src', dirname(file), name)))
      .filter((path) => !path.startsWith('src/'));
    expect([file, outside]).toEqual([file, []]);
  }
});

test('no program is started through a shell', () => {
  for (const folder of ['src', join('bench', 'src')]) {
    for (const file of readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts')) continue;
      const text = readFileSync(join(ROOT, folder, file), 'utf8');
      const [, imported = ''] = /import \{([^}]*)\} from 'node:child_process'/.exec(text) ?? [];
      const names = imported.split(',').map((name) => name.trim().replace(/^type .*/, ''));
      // Those that take a list of arguments.
      const rest = names.filter(
        (name) => !['', 'spawn', 'spawnSync', 'execFile', 'execFileSync'].includes(name),
      );
      expect([file, rest, /\bshell:/.test(text)]).toEqual([file, [], false]);
    }
  }
});
