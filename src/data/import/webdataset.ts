import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
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
    const samples: Record<string, unknown>[] = [];
    const seen = new Set<string>();
    let sample: Record<string, unknown> = {};
    let key: string | undefined;
    let problem: Error | undefined;
    const parser = new Parser({
      strict: true,
      onReadEntry(entry) {
        const [, name, ending = ''] = /^((?:.*\/)?[^/.]+)\.([^/]*)$/.exec(entry.path) ?? [];
        if (entry.type === 'Directory' || name === undefined) {
          entry.resume();
          return;
        }
        if (entry.type !== 'File' && entry.type !== 'OldFile')
          problem ??= new Error(`its entry ${JSON.stringify(entry.path)} is a ${entry.type}, not a file`);
        if (entry.size > MAX_BYTES) problem ??= new Error(`an entry of it claims ${entry.size} bytes`);
        if (name !== key) {
          if (seen.has(name))
            problem ??= new Error(`the files of ${JSON.stringify(name)} are not next to each other`);
          seen.add(name);
          if (key !== undefined) samples.push(sample);
          [key, sample] = [name, {}];
        }
        const own = sample;
        const parts: Buffer[] = [];
        entry.on('data', (part: Buffer) => parts.push(part));
        entry.on('end', () => {
          const bytes = Buffer.concat(parts);
          try {
            add(own, ending.toLowerCase(), bytes);
          } catch (error) {
            problem ??= error as Error;
          }
        });
        if (problem !== undefined) entry.resume();
      },
    });
    parser.on('error', (error: Error) => {
      problem ??= error;
    });
    let read = 0;
    let row = 0;
    const taken = (count: number): Chunk => {
      const rows = samples.splice(0, count);
      const first = Math.max(0, skipped - row);
      row += rows.length;
      return { rows: rows.slice(first), end: row, share: read / size };
    };
    for await (const part of createReadStream(path)) {
      read += (part as Buffer).length;
      parser.write(part as Buffer);
      // Unpacked, the parser may be behind.
      await new Promise((done) => setImmediate(done));
      if (problem !== undefined) throw problem;
      while (samples.length >= CHUNK) yield taken(CHUNK);
    }
    const ended = new Promise((done) => parser.once('end', done).once('error', done));
    parser.end();
    await ended;
    if (problem !== undefined) throw problem;
    if (key !== undefined) samples.push(sample);
    yield taken(samples.length);
  }
  return { labels: {}, chunks };
}

/** Adds a file to its sample: an image, the keys of a JSON object, or a text. */
function add(sample: Record<string, unknown>, ending: string, bytes: Buffer): void {
  const last = ending.split('.').at(-1) ?? '';
  if (ending === 'json') {
    const parsed: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof parsed === 'object' && parsed !== null) Object.assign(sample, parsed);
  } else if (IMAGE_ENDING.test(ending)) sample.image ??= bytes;
  else if (IMAGE_ENDING.test(last)) sample[ending] = bytes;
  else if (ending === 'cls' || ending === 'txt') sample[ending] = bytes.toString('utf8').trim();
}
