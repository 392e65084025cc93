import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, normalize } from 'node:path';
import { ROOT, words } from '../cli/support.js';

/** TypeScript is one large CommonJS file: as ES module it would be parsed anew. */
const ts = createRequire(import.meta.url)('typescript') as typeof import('typescript');

/** The floors of docs/design.md, from the top. A folder imports from those below it; what is in none is known to all. */
const FLOORS =
  words`extras cli study reproduce report experiments kit train neurons metrics models fetch data native settings`.map(
    (floor) => `src/${floor}/`,
  );

/** The sources by their paths, such as `src/index.ts`. */
const texts = new Map(
  ['src', 'bench/src', 'scripts'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.(?:ts|mjs)$/.test(file))
      .map((file) => join(folder, file))
      .map((file) => [file, readFileSync(join(ROOT, file), 'utf8')] as const),
  ),
);
const ofSrc = [...texts].filter(([file]) => file.startsWith('src/'));

/** The source that an import names: a built file stands for what it is built from. */
function sourceOf(file: string, name: string): string {
  return (name.startsWith('#src/') ? name.slice(1) : normalize(join(dirname(file), name)))
    .replace(/^dist\//, 'src/')
    .replace(/^bench\/dist\//, 'bench/src/')
    .replace(/\.js$/, '.ts');
}

/** The files of the project that each file imports, types and what is imported later included. */
const imports = new Map(
  [...texts].map(([file, text]) => [
    file,
    ts
      .preProcessFile(text)
      .importedFiles.map(({ fileName }) => fileName)
      .filter((name) => /^(?:\.|#src\/)/.test(name))
      .map((name) => sourceOf(file, name)),
  ]),
);

/** The paths of a map's entries that are not allowed. */
const arrows = (isWrong: (from: string, to: string) => boolean): string[] =>
  [...imports].flatMap(([from, targets]) =>
    targets.filter((to) => isWrong(from, to)).map((to) => `${from} > ${to}`),
  );

test('every import leads to a source', () => {
  expect(arrows((_from, to) => !texts.has(to))).toEqual([]);
});

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
  expect(done.size).toBe(imports.size);
});

test('arrows point down: no folder imports from one above it', () => {
  const floorOf = (file: string): number => FLOORS.findIndex((floor) => file.startsWith(floor));
  const upward = arrows(
    (from, to) =>
      from.startsWith('src/') && floorOf(to) >= 0 && (floorOf(from) < 0 || floorOf(to) < floorOf(from)),
  );
  // The interface gathers all floors, versions asks the addon for libtorch's, and lists of commands and figures name the extras.
  const lists = /^src\/(index|versions|cli\/main|report\/figures)\.ts > /;
  expect(upward.filter((arrow) => !lists.test(arrow))).toEqual([]);
});

test('studies know their parts by one list', () => {
  const part = /^src\/study\/(memorization)\//;
  const upward = arrows(
    (from, to) => part.test(to) && !from.startsWith(dirname(to)) && !from.startsWith('scripts/'),
  );
  // The library and a command offer what two of them measure.
  const lists = /^src\/(study\/parts|index|cli\/commands\/memorization)\.ts > /;
  expect(upward.filter((arrow) => !lists.test(arrow))).toEqual([]);
});

test('the package imports nothing else, and the benchmark no script', () => {
  const isAllowed = (from: string, to: string): boolean =>
    to.startsWith('src/') ||
    (to.startsWith('bench/') ? !from.startsWith('src/') : from.startsWith('scripts/'));
  expect(arrows((from, to) => !isAllowed(from, to))).toEqual([]);
});

test('the group of processes is seen through a context, but where it is joined', () => {
  const importers = [...imports].filter(([, targets]) => targets.includes('src/native/processGroup.ts'));
  const native = ['src/native/context.ts', 'src/native/engine.ts'];
  // The command line prints before a context is opened.
  const others = ['scripts/dataParallel.mjs', 'src/cli/job.ts', 'src/index.ts'];
  expect(importers.map(([file]) => file).filter((file) => ![...native, ...others].includes(file))).toEqual(
    [],
  );
  expect(importers.length).toBeGreaterThan(0);
});

test('folders of the report import each other one way', () => {
  const arrows = new Set(
    [...imports].flatMap(([file, targets]) =>
      targets.map((target) => `${dirname(file)} > ${dirname(target)}`),
    ),
  );
  const both = [...arrows].filter((arrow) => {
    const [from, to] = arrow.split(' > ');
    return from !== to && /^src\/report\/\S+ > src\/report\//.test(arrow) && arrows.has(`${to} > ${from}`);
  });
  expect(both).toEqual([]);
});

test('no option of the command line is named below it', () => {
  const named = ofSrc
    .filter(([file]) => !/^src\/(?:cli|extras)\//.test(file))
    .flatMap(([file, text]) =>
      [...text.matchAll(/(?<![\w-])--[a-z][a-z-]*/g)]
        // Style sheets have names of their own that look alike, and pip and examples/export.py have options of their own.
        .filter(([flag]) => !file.endsWith('style.ts') && !/^--(?:no-(?:deps|warn-conflicts)|hf)$/.test(flag))
        .map(([flag]) => `${file}: ${flag}`),
    );
  expect(named).toEqual([]);
});

test('no program is started through a shell', () => {
  for (const [file, text] of texts) {
    if (file.startsWith('scripts/')) continue;
    const [, imported = ''] = /import \{([^}]*)\} from 'node:child_process'/.exec(text) ?? [];
    const names = imported.split(',').map((name) => name.trim().replace(/^type .*/, ''));
    // Those that take a list of arguments.
    const rest = names.filter(
      (name) => !['', 'fork', 'spawn', 'spawnSync', 'execFile', 'execFileSync'].includes(name),
    );
    expect([file, rest, /\bshell:/.test(text)]).toEqual([file, [], false]);
  }
});
