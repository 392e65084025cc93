import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../cli/support.js';

export const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
export const filesIn = (folder: string): string[] => readdirSync(join(ROOT, folder));

/** `-3.19`, `2,354`, `1e-4`; not the digits of names such as `G3`. */
const NUMBER = /(?<![\w.]|\w-)[-+]?\d(?:[\d,]*\d)?(?:\.\d+)?(?:e-\d)?(?!\w)/g;
/** A number, a mean with its interval such as `-3.19 logits [-5.53, -0.85]`, or an interval. */
const ENDS = '\\[[-+]?[\\d.]+, [-+]?[\\d.]+\\]';
const TOKEN = new RegExp(`(?:${NUMBER.source})(?:(?: (?:%|points|logits))?\\s${ENDS})?|${ENDS}`, 'g');
/** Names with digits: figures of the article, groups, networks, commits, years; levels of intervals, and bounds of p. */
const NAMES =
  /\b(?:Figs?\.?|Tables?|[Ss]entences?) \d+(?:(?:,| and| to) \d+)*|\b(?:ResNet-|AVX-?|G|composition )\d+|\b(?=\w*\d)[0-9a-f]{7}\b|\b9[05] %(?= interval|\])|\| 9[05] % +(?=\|)|\b20[12]\d\b|< 0\.0+1\b/g;
export const masked = (text: string): string => text.replace(/\d/g, 'x');

interface Known {
  readonly value: number;
  readonly digits: number;
  readonly isSigned: boolean;
}
/** One, two or three numbers. */
type Token = readonly Known[];
export interface TableRow {
  readonly study: string;
  readonly section: string;
  /** Study, heading, caption and row. */
  readonly text: string;
  readonly label: string | undefined;
  readonly tokens: readonly Token[];
}

export const numbersIn = (text: string): string[] => [...text.matchAll(NUMBER)].map(([number]) => number);
const knownOf = (number: string): Known => ({
  value: Number(number.replaceAll(',', '')),
  digits: number.split('.')[1]?.length ?? 0,
  isSigned: /^[-+]/.test(number),
});
export const tokensOf = (text: string): [string, Token][] =>
  [...text.matchAll(TOKEN)].map(([token]) => [token, numbersIn(token).map(knownOf)]);
const labelOf = (row: string): string | undefined => /^\|[ |]*([^|]*?) *\|/.exec(row)?.[1]?.toLowerCase();

/** Returns whether two numbers are one, of which a page rounds and a table may. */
function isRounded(own: Known, { value, digits }: Known, sign: 1 | -1): boolean {
  const slack = own.digits < digits ? 0.5 * (10 ** -own.digits + 10 ** -digits) : 0;
  return Math.abs(own.value - sign * value) <= slack + 1e-9;
}
export const roundsTo = (number: string, value: number): boolean =>
  isSame([knownOf(number)], [{ value, digits: 12, isSigned: true }]);

/** Returns whether a page's token is in a table's: an interval with its mean or without, a number with its sign or as a loss. */
export function isSame(token: Token, known: Token): boolean {
  const [first] = known;
  if (token.length > known.length || first === undefined) return false;
  const [own] = token;
  if (token.length === 1 && own !== undefined)
    return known.length !== 2 && (isRounded(own, first, 1) || (!own.isSigned && isRounded(own, first, -1)));
  const [low, high] = known.slice(-2) as [Known, Known];
  const center = token.length === 3 ? [first] : [];
  return (
    [
      [1, low, high],
      [-1, high, low],
    ] as const
  ).some(([sign, ...ends]) =>
    [...center, ...ends].every((other, i) => isRounded(token[i] as Known, other, sign)),
  );
}

/** Returns a page without code, addresses, names and generated tables. */
export function plain(markdown: string): string {
  return markdown
    .replace(/```[\s\S]*?```|<!-- \w+: [\s\S]*?<!-- end -->|!\[.*?\]\(.*?\)|`[^`]*`/g, '')
    .replace(/\]\(.*?\)/g, ']')
    .replace(NAMES, masked)
    .replace(/ +/g, ' ');
}

/** Returns the sentences and rows of a plain page. */
export function unitsOf(page: string): string[] {
  return page.split(/\n(?=\||#|\s*\n|- |\d+\. )/).flatMap((block) => {
    const line = block
      .trim()
      .replace(/\s+/g, ' ')
      .replace(/^\d+\. /, '');
    return line.startsWith('|') ? [line] : line.split(/(?<=[.:;]\)?\*{0,2}) (?=[A-Z(*[])/);
  });
}

function rowsOf(study: string, file: string): TableRow[] {
  let [heading, caption, before] = ['', '', ''];
  return read(`studies/${study}/${file}`)
    .split('\n')
    .flatMap((line): TableRow[] => {
      if (line.startsWith('#')) heading = line;
      else if (line !== '') before = line;
      else if (!before.startsWith('|')) caption = before;
      if (!line.startsWith('|') && !line.includes(' hours, ')) return [];
      const tokens = tokensOf(line.replace(NAMES, masked)).map(([, token]) => token);
      const section = `${study}; ${heading}`;
      return [{ study, section, text: `${section}; ${caption}; ${line}`, label: labelOf(line), tokens }];
    });
}

const STUDIES = filesIn('studies').filter((file) => !file.endsWith('.md'));
export const tables = STUDIES.flatMap((study) =>
  filesIn(`studies/${study}`)
    .filter((file) => file.endsWith('.md') && file !== 'plan.md')
    .flatMap((file) => rowsOf(study, file)),
);
/** Each study's plan and documents. */
const designs = new Map(
  STUDIES.map((study) => {
    const files = filesIn(`studies/${study}`).filter((file) => file === 'plan.md' || file.endsWith('.yaml'));
    const texts = files.map((file) => read(`studies/${study}/${file}`).replace(NAMES, masked));
    return [study, texts.join('\n').replace(/\s+/g, ' ')];
  }),
);

/**
 * Returns the numbers of a sentence or row that are neither in these studies' tables nor in their plans. Of tables those rows count that have an
 * interval of it or three numbers that no other row has given, and, in the section of such a row, those with its name. Of plans counts a
 * number with the word after it.
 */
export function unfound(unit: string, studies: ReadonlySet<string>): string[] {
  const left = new Map(tokensOf(unit));
  const shared = tables
    .filter(({ study }) => studies.has(study))
    .map((row) => ({
      row,
      texts: [...left].flatMap(([text, token]) =>
        row.tokens.some((known) => isSame(token, known)) ? text : [],
      ),
    }))
    .filter(({ texts }) => texts.length > 0);
  const sections = new Set<string>();
  const weightOf = (text: string): number => (left.has(text) ? tellingOf(left.get(text) ?? []) : 0);
  for (;;) {
    const scores = shared.map(({ texts }) => texts.reduce((sum, text) => sum + weightOf(text), 0));
    const best = Math.max(0, ...scores);
    if (best < 3) break;
    const { row, texts } = shared[scores.indexOf(best)] as (typeof shared)[number];
    sections.add(row.section);
    for (const text of texts) left.delete(text);
  }
  for (const { row, texts } of shared)
    if (unit.startsWith('|') && row.label === labelOf(unit) && sections.has(row.section))
      for (const text of texts) left.delete(text);
  const plans = [...studies].map((study) => designs.get(study) ?? '');
  return [...left.keys()].filter((text) => !plans.some((plan) => isPlanned(text, unit, plan)));
}

/** How many numbers of a token tell a row: 0, 100 and small integers are in too many. */
function tellingOf(token: Token): number {
  const isTelling = ({ value, digits }: Known): boolean =>
    ![0, 100].includes(value) && (digits > 0 || value > 20);
  return token.length > 1 ? token.length : token.filter(isTelling).length;
}

function isPlanned(number: string, unit: string, plan: string): boolean {
  if (number.includes('e')) return plan.includes(number) || plan.includes(String(Number(number)));
  const escaped = number.replace(/[+.[\]]/g, '\\$&');
  const [phrase] = new RegExp(`(?<![\\w.])${escaped} [A-Za-z][\\w-]+`).exec(unit) ?? [];
  return phrase !== undefined && plan.includes(phrase.replace('ResNet-xx', 'models'));
}
