import { gzipSync } from 'node:zlib';
import { stringify } from 'csv-stringify/sync';
import { html, Markup } from './markup.js';

/** Bytes above which a file is compressed: a page of all of Part I would have 10 MB otherwise. */
const MOST_PLAIN = 100_000;

/** Numbers that a page holds as CSV and JSON, so that the one file suffices. */
export interface DataFile {
  /** Without an ending: `fig2`. */
  readonly name: string;
  /** A row a measurement, all with the same columns. */
  readonly rows: readonly Readonly<Record<string, string | number | null>>[];
}

/** Links that save its file as CSV and JSON. They need neither a network nor a script. */
export function dataLinks(file: DataFile | undefined): Markup | undefined {
  if (file === undefined || file.rows.length === 0) return undefined;
  const { name, rows } = file;
  return html`<p class="files">
    Numbers:
    ${link(`${name}.csv`, 'text/csv', stringify([...rows], { header: true }))}${link(`${name}.json`, 'application/json', JSON.stringify(rows))}
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
