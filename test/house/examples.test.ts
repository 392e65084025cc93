import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { datasetConfigSchema } from '../../src/data/datasetConfig.js';
import { temporaryFolder } from '../temporary.js';
import { markdownDocuments, readDocument, ROOT } from './documents.js';

const ts = createRequire(import.meta.url)('typescript') as typeof import('typescript');
const folder = temporaryFolder();

/** TypeScript's word on programs that import the built package. */
function check(programs: readonly { readonly name: string; readonly text: string }[]): string[] {
  const files = programs.map(({ name, text }) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  });
  const program = ts.createProgram(files, {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    noEmit: true,
    skipLibCheck: true,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    noImplicitAny: false,
    allowJs: true,
    checkJs: true,
    types: ['node'],
    typeRoots: [join(ROOT, 'node_modules/@types')],
    paths: { spurmem: [join(ROOT, 'dist/index.d.ts')] },
  });
  return ts.getPreEmitDiagnostics(program).map((found) => {
    const name = found.file?.fileName.slice(folder.length + 1) ?? '';
    return `${name}: ${ts.flattenDiagnosticMessageText(found.messageText, '\n')}`;
  });
}

const programs = markdownDocuments()
  .filter(({ path }) => path !== 'CONTRIBUTING.md')
  .flatMap(({ blocks }) => blocks)
  .filter(({ language }) => ['ts', 'js'].includes(language))
  .map(({ place, language, text }) => ({ name: `${place.replaceAll(/\W/g, '_')}.m${language}`, text }));
const wrong = {
  name: 'wrong.mjs',
  text: "import { trainErm } from 'spurmem';\nawait trainErm({ data: 'x', out: 'y', weigths: 'z' });\n",
};

test('programs of README and guide fit the types of the package', () => {
  // An option that there is not shows that it would be told.
  expect(check([...programs, wrong])).toEqual([expect.stringMatching(/^wrong\.mjs: .*'weigths'/)]);
  expect(programs.length).toBeGreaterThanOrEqual(2);
});

test('the dataset.json of the guide is one', () => {
  const { blocks } = readDocument('docs/guide.md');
  const [{ text } = { text: '' }] = blocks.filter(({ language }) => language === 'json');
  expect(datasetConfigSchema.safeParse(JSON.parse(text)).error?.issues ?? []).toEqual([]);
});
