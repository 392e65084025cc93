import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import GithubSlugger from 'github-slugger';
import MarkdownIt from 'markdown-it';
import { parse } from 'shell-quote';
import { ROOT } from '../cli/support.js';

export { ROOT };
const markdown = new MarkdownIt({ html: true });
type Token = ReturnType<typeof markdown.parse>[number];

/** A code block of a document. */
export interface CodeBlock {
  /** `README.md:12`, its first line. */
  readonly place: string;
  readonly language: string;
  readonly text: string;
}

/** A link or picture of a document. */
export interface Link {
  /** `README.md:12`, the paragraph's first line. */
  readonly place: string;
  readonly target: string;
}

/** A markdown file as readers see it. */
export interface MarkdownDocument {
  /** Its path from the project's folder. */
  readonly path: string;
  readonly blocks: readonly CodeBlock[];
  readonly links: readonly Link[];
  /** Code within text, in its order. */
  readonly codes: readonly string[];
  /** Headings, in their order. */
  readonly headings: readonly string[];
  /** The anchors that GitHub gives headings. */
  readonly anchors: ReadonlySet<string>;
}

/** Every markdown file at the top, and below the folders of documents. */
export function markdownDocuments(): MarkdownDocument[] {
  const below = ['docs', 'bench', 'examples'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
  );
  return [...readdirSync(ROOT), ...below]
    .filter((path) => path.endsWith('.md') && !path.includes('node_modules'))
    .sort()
    .map(readDocument);
}

/** @param path from the project's folder */
export function readDocument(path: string): MarkdownDocument {
  const tokens = markdown.parse(readFileSync(join(ROOT, path), 'utf8'), {});
  const headings: string[] = [];
  const blocks: CodeBlock[] = [];
  const codes: string[] = [];
  const links: Link[] = [];
  for (const [i, { type, map, info, content, children }] of tokens.entries()) {
    const place = `${path}:${(map?.[0] ?? 0) + 1}`;
    if (type === 'heading_open') headings.push(plainText(tokens[i + 1]?.children ?? []));
    if (type === 'fence') blocks.push({ place, language: info.split(' ')[0] ?? '', text: content });
    for (const child of children ?? []) {
      if (child.type === 'code_inline') codes.push(child.content);
      const target = child.attrGet('href') ?? child.attrGet('src');
      if (target !== null) links.push({ place, target });
    }
  }
  const slugger = new GithubSlugger();
  const anchors = new Set(headings.map((heading) => slugger.slug(heading)));
  return { path, blocks, codes, links, headings, anchors };
}

function plainText(tokens: readonly Token[]): string {
  return tokens
    .filter(({ type }) => type === 'text' || type === 'code_inline')
    .map(({ content }) => content)
    .join('');
}

/** The arguments of each `spurmem ...` of a shell block; `...` stands for arguments that are left out. */
export function commandsOf(text: string): string[][] {
  return text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .flatMap((line) => {
      const commands: string[][] = [[]];
      for (const entry of parse(line, (name) => `$${name}`)) {
        if (typeof entry === 'string') commands.at(-1)?.push(entry);
        else if ('comment' in entry) break;
        else if (entry.op === 'glob') commands.at(-1)?.push(entry.pattern);
        // A file stands behind a redirection.
        else commands.push(/[<>]/.test(entry.op) ? ['>'] : []);
      }
      return commands.filter(([first]) => first !== '>');
    })
    .flatMap((words) => {
      // `git clone ADDRESS spurmem` and `cd spurmem` name a folder.
      if (['git', 'cd'].includes(words[0] ?? '')) return [];
      const at = words.findIndex((word) => /^(?:.*\/)?spurmem(?:\.js)?$/.test(word));
      return at < 0 ? [] : [words.slice(at + 1)];
    });
}
