import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import GithubSlugger from 'github-slugger';
import MarkdownIt from 'markdown-it';
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
