import { gzipSync } from 'node:zlib';
import { stringify } from 'csv-stringify/sync';
import { html, type Markup } from './markup.js';

/** Bytes above which a file is compressed: a page of all of Part I would have 10 MB otherwise. */
const MOST_PLAIN = 100_000;

/** Numbers that a page holds as CSV and JSON, so that the one file suffices. */
export interface DataFile {
  /** Without an ending: `fig2`. */
  readonly name: string;
  /** A row a measurement, all with the same columns. */
  readonly rows: readonly Readonly<Record<string, string | number | null>>[];
}

/** Links that save the files. They need neither a network nor a script. */
export function dataLinks(files: readonly DataFile[] = []): Markup | undefined {
  const filled = files.filter(({ rows }) => rows.length > 0);
  if (filled.length === 0) return undefined;
  return html`<p class="files">
    Numbers:
    ${filled.map(({ name, rows }) => [
      link(`${name}.csv`, 'text/csv', stringify([...rows], { header: true })),
      link(`${name}.json`, 'application/json', JSON.stringify(rows)),
    ])}
  </p> `;
}

function link(name: string, type: string, content: string): Markup {
  const bytes = Buffer.from(content, 'utf8');
  return bytes.length > MOST_PLAIN
    ? download(`${name}.gz`, 'application/gzip', gzipSync(bytes, { level: 9 }))
    : download(name, `${type};charset=utf-8`, bytes);
}

function download(name: string, type: string, bytes: Buffer): Markup {
  return html`<a download="${name}" href="data:${type};base64,${bytes.toString('base64')}">${name}</a> `;
}
