// The index of an image store: where each image's pixels lie, and by which checksums they are known to be whole.
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { checksum } from '../checksum.js';
import { readText, writeAtomic } from '../files.js';
import { count } from '../recorded.js';

/**
 * Where each example's pixels lie in the file `pixelsPath` of `bytes` bytes: from byte `offsets[i]` on, example i
 * is [heights[i], widths[i], 3] uint8 in RGB order. Examples that name the same file share their pixels.
 */
export interface ImagePlaces {
  readonly pixelsPath: string;
  readonly bytes: number;
  readonly offsets: Float64Array;
  readonly heights: Int32Array;
  readonly widths: Int32Array;
}

/** The index of a whole store. */
export interface ImageStoreIndex extends ImagePlaces {
  /** The file of this index. */
  readonly indexPath: string;
  /** CRC-32 of each example's pixels. */
  readonly checksums: Uint32Array;
  /** Of all pixels: equal where the images' content is. */
  readonly digest: string;
}

/** The files of a store. */
export type StorePaths = Readonly<Record<'pixelsPath' | 'indexPath', string>>;

export function pathsOf(folder: string, key: string): StorePaths {
  return { pixelsPath: join(folder, `${key}.pixels`), indexPath: join(folder, `${key}.index.json`) };
}

/** The index's file is this as JSON, behind the checksum of it. */
const contentSchema = z.object({
  bytes: count,
  offsets: z.array(count),
  heights: z.array(count.min(1)),
  widths: z.array(count.min(1)),
  checksums: z.array(count.max(2 ** 32 - 1)),
});
type IndexContent = z.infer<typeof contentSchema>;
const SUM = /^\{"crc32":"([0-9a-f]{8})",/;

/** Writes a store's index, which declares the store complete. */
export async function writeIndex(
  paths: StorePaths,
  { bytes, offsets, heights, widths }: ImagePlaces,
  checksums: Uint32Array,
): Promise<ImageStoreIndex> {
  const [of, rows, columns, sums] = [offsets, heights, widths, checksums].map((list) => [...list]);
  const content = { bytes, offsets: of, heights: rows, widths: columns, checksums: sums } as IndexContent;
  const text = JSON.stringify(content);
  await writeAtomic(paths.indexPath, `{"crc32":"${checksum(text)}",${text.slice(1)}`);
  return indexOf(paths, content);
}

/**
 * The index of a complete store of so many examples, or undefined when there is none or its files do not fit each other. Every
 * example is checked to lie inside the pixels file, since native code reads it through a memory map.
 */
export async function readIndex(
  paths: StorePaths,
  numExamples: number,
): Promise<ImageStoreIndex | undefined> {
  let content: IndexContent;
  try {
    const file = await readText(paths.indexPath);
    const [begin = '', sum] = SUM.exec(file) ?? [];
    const text = `{${file.slice(begin.length)}`;
    if (sum !== checksum(text)) return undefined;
    content = contentSchema.parse(JSON.parse(text));
    if ((await stat(paths.pixelsPath)).size !== content.bytes) return undefined;
  } catch {
    return undefined; // missing or damaged: it is built again
  }
  const { bytes, offsets, heights, widths, checksums } = content;
  const fits =
    [offsets, heights, widths, checksums].every((list) => list.length === numExamples) &&
    offsets.every((offset, index) => offset + (heights[index] ?? 0) * (widths[index] ?? 0) * 3 <= bytes);
  return fits ? indexOf(paths, content) : undefined;
}

function indexOf(paths: StorePaths, { bytes, ...content }: IndexContent): ImageStoreIndex {
  const { heights, widths, checksums } = content;
  const digest = createHash('sha256').update(JSON.stringify([heights, widths, checksums]));
  return {
    ...paths,
    bytes,
    offsets: Float64Array.from(content.offsets),
    heights: Int32Array.from(heights),
    widths: Int32Array.from(widths),
    checksums: Uint32Array.from(checksums),
    digest: digest.digest('hex'),
  };
}
