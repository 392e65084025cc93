import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import MarkdownIt from 'markdown-it';
import { ROOT } from '../cli/support.js';

/** Files and folders whose words are checked: all texts that a user or contributor reads. */
const PLACES = ['README.md', 'docs', 'src', 'native', 'bench/src'];
const LONGEST_SENTENCE = 30;

/** Turns of phrase that a native speaker would not write, and what to write instead. */
const TICS: readonly (readonly [tic: RegExp, instead: string])[] = [
  [
    /\ba \w+ an? (?:arm|class|command|epoch|fold|group|layer|model|neuron|row|run|script|seed|subject)\b/g,
    'one x per y',
  ],
  [/\bbut for\b/g, 'except for'],
  [/\bof equal(?:ly good)? ones\b/g, 'ties: the first wins'],
  [/\bwhere (?:it|they|there) (?:is|are)\b/gi, 'if it is missing'],
  [/(?:^|[.:] )The same (?:in|of)\b/gm, 'like x, in y'],
  [/(?:^|[.] )Who \w+/gm, 'name the subject'],
  [/\b(?:of|by|from) what (?:tells|throws|is asked)\b/g, 'name the thing'],
  [/\bwhat tells\b/g, 'name the thing'],
  [/\bthose that it has no use for\b/g, 'unused options are rejected'],
  [/\bas asked\b|\basked of it\b/g, 'as requested'],
  [/\b(?:is|are) told\b|\b(?:is|are) said to be\b/g, 'reports, is reported as'],
  [/\b(?:at most )?so many (?!that)\b/g, 'max'],
  [/\bthe one of all\b/g, 'the version that every x has'],
  [/\bthe ways on\b|\bways? to go on\b/g, 'next steps'],
  [/\b(?:is|are) not there yet\b|\bthat there is not\b/g, 'missing, not supported'],
  [/\bmargins start apart\b/g, 'say the reason in a sentence below the table'],
  [/\*\*(?:holds|open|does not hold)\*\*/g, 'supported, inconclusive, not supported'],
  [/\bbeside\b/gi, 'compared with, next to'],
];

/** The texts by their paths. */
const texts = PLACES.flatMap((place) =>
  place.includes('.')
    ? [place]
    : readdirSync(join(ROOT, place), { recursive: true, encoding: 'utf8' })
        .filter((file) => /\.(?:md|ts|cpp|h)$/.test(file))
        .map((file) => join(place, file)),
).map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));

test.each(TICS)('no %s: %s', (tic, _instead) => {
  const found = texts.flatMap(({ path, text }) => {
    // Messages that a page quotes are the code's.
    const own = path.endsWith('.md') ? text.replaceAll(/`[^`\n]*`/g, '``') : text;
    return [...own.matchAll(tic)].map(
      ({ index }) => `${path}: ${own.slice(Math.max(0, index - 40), index + 40)}`,
    );
  });
  expect(found).toEqual([]);
});

/** Sentences of paragraphs and lists; code within them counts as a word, and tables hold no sentences. */
function sentencesOf(text: string): string[] {
  const tokens = new MarkdownIt({ html: true }).parse(text, {});
  let tables = 0;
  return tokens.flatMap(({ type, children }) => {
    if (type === 'table_open') tables++;
    if (type === 'table_close') tables--;
    if (type !== 'inline' || tables > 0) return [];
    const words = (children ?? [])
      .map(({ type: kind, content }) =>
        kind === 'code_inline' ? 'code' : kind.endsWith('break') ? ' ' : kind === 'text' ? content : '',
      )
      .join('');
    return words.split(/(?<=[.?!])(?<!\bFigs?\.|\be\.g\.)\s+(?=[A-Z"(*0-9]|code|spurmem)/);
  });
}

test.each(texts.filter(({ path }) => path.endsWith('.md')))(
  '$path has no sentence of more than 30 words',
  ({ text }) => {
    const sentences = sentencesOf(text);
    expect(sentences.length).toBeGreaterThan(3);
    const long = sentences
      .map((sentence) => ({
        sentence,
        count: sentence.split(/\s+/).filter((word) => /\w/.test(word)).length,
      }))
      .filter(({ count }) => count > LONGEST_SENTENCE);
    expect(long.map(({ count, sentence }) => `${count}: ${sentence}`)).toEqual([]);
  },
);

test('sentences are split where readers see them end', () => {
  const text = 'One `a b` two. Three, e.g. Four (Fig. 1)? Five\nsix.\n\n| A. B |\n| --- |\n| C. D |\n';
  expect(sentencesOf(text)).toEqual(['One code two.', 'Three, e.g. Four (Fig. 1)?', 'Five six.']);
});
