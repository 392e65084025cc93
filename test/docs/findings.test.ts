import { COMPUTED } from './computed.js';
import * as text from './numbers.js';

const { filesIn, isSame, numbersIn, plain, read, tables, tokensOf } = text;
const pages = filesIn('docs').filter((file) => file.startsWith('findings'));

const FUNCTIONS: Readonly<Record<string, (...values: never[]) => number[]>> = COMPUTED;

/** Texts of each page with their sources. */
const SOURCES = new Map(
  read('test/docs/sources.txt')
    .split(/^# /m)
    .map((part): [string, string[][]] => {
      const [page = '', ...lines] = part.split('\n');
      return [page, lines.filter((line) => line !== '').map((line) => line.split(' <- '))];
    }),
);

/** Returns the numbers of a page's text that its source does not have. */
function unlike(words: string, source: string): string[] {
  if (source.startsWith('unrecorded: ')) return [];
  const numbers = numbersIn(words);
  const [, name, given] = /^(\w+)\((.*)\)$/.exec(source) ?? [];
  if (name !== undefined) {
    const values = FUNCTIONS[name]?.(...(JSON.parse(`[${given ?? ''}]`) as never[])) ?? [];
    return numbers.filter((number, i) => !text.roundsTo(number, values[i] ?? NaN));
  }
  if (source.startsWith('/')) {
    const pattern = new RegExp(source.slice(1, -1));
    const known = tables.filter((row) => pattern.test(row.text)).flatMap(({ tokens }) => tokens);
    return tokensOf(words).flatMap(([number, token]) =>
      known.some((other) => isSame(token, other)) ? [] : number,
    );
  }
  const known = numbersIn(read(source));
  return numbers.filter((number) => !known.includes(number));
}

/** Returns the numbers of a page that no record has, and the texts with sources that are no longer there. */
function problemsOf(page: string, markdown: string): string[] {
  const studies = new Set(Array.from(markdown.matchAll(/studies\/([\w-]+)\//g), ([, study = '']) => study));
  let left = plain(markdown);
  const problems = (SOURCES.get(page) ?? []).flatMap(([words = '', source = '']) => {
    const place = new RegExp(words.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/ /g, '\\s+'), 'g');
    if (left.search(place) < 0) return `not on the page: ${words}`;
    left = left.replace(place, text.masked);
    return unlike(words, source).map((number) => `${number} is not in ${source}: ${words}`);
  });
  const others = text.unitsOf(left).flatMap((unit) => {
    return text.unfound(unit, studies).map((number) => `${number}: ${unit}`);
  });
  return [...problems, ...others];
}

// A number that is right and in no table or plan of the page's studies gets a line in sources.txt.
test.each(pages)('the numbers of %s are in records', (page) => {
  expect(problemsOf(page, read(`docs/${page}`))).toEqual([]);
});

test('pages with sources are there', () => {
  // The first part says what the file is.
  expect(pages).toEqual(expect.arrayContaining([...SOURCES.keys()].slice(1)));
});

test.each([
  ['findings-celeba.md', '| 96.2 | 99.6 | 72.2 |', '| 96.2 | 99.7 | 72.2 |'],
  ['findings-celeba.md', '| 0.053   |', '| 0.043   |'],
  ['findings-compositions.md', '48 and 46 %', '48 and 45 %'],
  ['findings-memorization.md', '| 3,459  |', '| 3,458  |'],
  ['findings-planted.md', '[0.443, 0.517]', '[0.443, 0.518]'],
  ['findings.md', 'and 82 to those', 'and 83 to those'],
  ['findings.md', '| 7.09 ', '| 7.19 '],
])('%s says %s and not %s', (page, right, wrong) => {
  const markdown = read(`docs/${page}`);
  expect(markdown.split(right)).toHaveLength(2);
  expect(problemsOf(page, markdown.replace(right, wrong))).not.toEqual([]);
});

test.each(['README.md', 'REPLICATION.md'])('intervals of %s are those of tables or pages', (path) => {
  const onPages = pages.flatMap((page) => tokensOf(plain(read(`docs/${page}`))).map(([, token]) => token));
  const known = [...tables.flatMap(({ tokens }) => tokens), ...onPages];
  const missing = tokensOf(plain(read(path))).filter(
    ([, token]) => token.length === 3 && !known.some((other) => isSame(token, other)),
  );
  expect(missing.map(([words]) => words)).toEqual([]);
});
