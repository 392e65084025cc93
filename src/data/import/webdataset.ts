import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { ReadEntry } from 'tar';
import { CHUNK, type Chunk, type ImportedFile, MAX_BYTES } from './source.js';

/** Endings of images. */
const IMAGE_ENDING = /^(?:jpe?g|png|gif|webp|bmp|tiff?)$/;

/**
 * A tar file of WebDataset: files of one base name, up to its first dot, are a sample. Columns are the endings; of `json`, its keys. Nothing is written
 * by the names in it.
 */
export async function openWebDataset(path: string): Promise<ImportedFile> {
  const { Parser } = await import('tar');
  const { size } = await stat(path);
  async function* chunks(skipped: number): AsyncGenerator<Chunk> {
    const samples = new Samples();
    const parser = new Parser({ strict: true, onReadEntry: samples.add });
    parser.on('error', (error: Error) => {
      samples.problem ??= error;
    });
    let read = 0;
    let row = 0;
    const taken = (count: number): Chunk => {
      const rows = samples.whole.splice(0, count);
      const first = Math.max(0, skipped - row);
      row += rows.length;
      return { rows: rows.slice(first), end: row, share: read / size };
    };
    for await (const part of createReadStream(path)) {
      read += (part as Buffer).length;
      parser.write(part as Buffer);
      // Unpacked, the parser may be behind.
      await new Promise((done) => setImmediate(done));
      if (samples.problem !== undefined) throw samples.problem;
      while (samples.whole.length >= CHUNK) yield taken(CHUNK);
    }
    const ended = new Promise((done) => parser.once('end', done).once('error', done));
    parser.end();
    await ended;
    if (samples.problem !== undefined) throw samples.problem;
    samples.end();
    yield taken(samples.whole.length);
  }
  return { labels: {}, chunks };
}

type Sample = Record<string, unknown>;

/** Gathers the entries of a tar file into samples. */
class Samples {
  readonly whole: Sample[] = [];
  /** The first problem of the file. */
  problem: Error | undefined;
  readonly #seen = new Set<string>();
  #name: string | undefined;
  #sample: Sample = {};

  readonly add = (entry: ReadEntry): void => {
    const [, name, ending = ''] = /^((?:.*\/)?[^/.]+)\.([^/]*)$/.exec(entry.path) ?? [];
    if (entry.type === 'Directory' || name === undefined) {
      entry.resume();
      return;
    }
    if (entry.type !== 'File' && entry.type !== 'OldFile')
      this.problem ??= new Error(`its entry ${JSON.stringify(entry.path)} is a ${entry.type}, not a file`);
    if (entry.size > MAX_BYTES) this.problem ??= new Error(`an entry of it claims ${entry.size} bytes`);
    if (name !== this.#name) {
      if (this.#seen.has(name))
        this.problem ??= new Error(`the files of ${JSON.stringify(name)} are not next to each other`);
      this.#seen.add(name);
      this.end();
      [this.#name, this.#sample] = [name, {}];
    }
    const sample = this.#sample;
    const parts: Buffer[] = [];
    entry.on('data', (part: Buffer) => parts.push(part));
    entry.on('end', () => {
      const bytes = Buffer.concat(parts);
      try {
        addFile(sample, ending.toLowerCase(), bytes);
      } catch (error) {
        this.problem ??= error as Error;
      }
    });
    if (this.problem !== undefined) entry.resume();
  };

  /** The last sample is whole. */
  end(): void {
    if (this.#name !== undefined) this.whole.push(this.#sample);
  }
}

/** Adds a file to its sample: an image, the keys of a JSON object, or a text. */
function addFile(sample: Sample, ending: string, bytes: Buffer): void {
  const last = ending.split('.').at(-1) ?? '';
  if (ending === 'json') {
    const parsed: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof parsed === 'object' && parsed !== null) Object.assign(sample, parsed);
  } else if (IMAGE_ENDING.test(ending)) sample.image ??= bytes;
  else if (IMAGE_ENDING.test(last)) sample[ending] = bytes;
  else if (ending === 'cls' || ending === 'txt') sample[ending] = bytes.toString('utf8').trim();
}
