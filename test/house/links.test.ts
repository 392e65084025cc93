import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { markdownDocuments, readDocument, ROOT } from './documents.js';

const documents = markdownDocuments();

/** The fault of a document's link; links that lead out of the project are not followed. */
function problemOf(path: string, target: string): string | undefined {
  if (/^[a-z]+:/.test(target)) return undefined;
  const [file = '', anchor] = decodeURI(target).split('#');
  const to = file === '' ? path : normalize(join(dirname(path), file));
  if (to.startsWith('..')) return 'leads out of the project';
  if (!existsSync(join(ROOT, to))) return `there is no ${to}`;
  if (anchor === undefined || !to.endsWith('.md')) return undefined;
  return readDocument(to).anchors.has(anchor) ? undefined : `${to} has no heading #${anchor}`;
}

test('links and pictures between documents lead somewhere, anchors to headings', () => {
  const links = documents.flatMap(({ path, links: found }) => found.map((link) => ({ path, ...link })));
  const broken = links.flatMap(({ path, place, target }) => {
    const problem = problemOf(path, target);
    return problem === undefined ? [] : [`${place}: ${target}: ${problem}`];
  });
  expect(broken).toEqual([]);
  expect(links.length).toBeGreaterThan(50);
});

test('a file or heading that is not there is told', () => {
  expect(problemOf('README.md', 'docs/nothing.md')).toBe('there is no docs/nothing.md');
  expect(problemOf('docs/guide.md', '../README.md#nothing')).toBe('README.md has no heading #nothing');
  expect(problemOf('docs/guide.md', '../../outside.md')).toBe('leads out of the project');
});

test('every document is reached from the README', () => {
  const reached = new Set<string>();
  const visit = (path: string): void => {
    if (reached.has(path)) return;
    reached.add(path);
    for (const { target } of documents.find((document) => document.path === path)?.links ?? []) {
      const [file = ''] = target.split('#');
      if (file.endsWith('.md') && !/^[a-z]+:/.test(file)) visit(normalize(join(dirname(path), file)));
    }
  };
  visit('README.md');
  expect(documents.map(({ path }) => path).filter((path) => !reached.has(path))).toEqual([]);
});
