import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readDocument, ROOT } from './documents.js';

const document = readDocument('docs/troubleshooting.md');
const codes = [...read('src/errors.ts').matchAll(/^ {2}\| '([A-Z_]+)'/gm)].map(([, code = '']) => code);

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** The sources, with strings that are joined by + in one piece. */
const sources = ['src', 'bench/src', 'scripts']
  .flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
  )
  .filter((path) => /\.(?:ts|cjs)$/.test(path))
  .map(read)
  .join('\n')
  .replace(/(['"`]) \+\s+(['"`])/g, '')
  .replaceAll('\\u2019', '\u2019');

test('every error code has a section', () => {
  expect(codes.length).toBeGreaterThan(20);
  expect(document.headings.filter((heading) => /^[A-Z_]+$/.test(heading))).toEqual(codes);
});

/** The parts of a quoted message that are not names, numbers or options. */
function literalParts(message: string): string[] {
  return message
    .split(/"[^"]*"|\bit takes\b|\bNaN\b|--[a-z-]+|\b[A-Z][A-Z_]*\b|\S*\d\S*|\([^)]*\)|[.:,;](?= |$)/)
    .map((part) => part.trim())
    .filter((part) => part.length >= 8);
}

test('the messages that it quotes are those of the code', () => {
  const messages = document.codes.filter(
    (text) => /^[^/]* [^/]* /.test(text) && !/^(?:npx|npm|apt-get) /.test(text),
  );
  const parts = messages.flatMap((message) => literalParts(message).map((part) => ({ message, part })));
  expect(parts.filter(({ part }) => !sources.includes(part))).toEqual([]);
  expect(parts.length).toBeGreaterThan(50);
});
