import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeAtomic } from '../files.js';

/**
 * Where each example's pixels lie in the file `pixelsPath` of `bytes` bytes: from byte `offsets[i]` on, example i
 * is [heights[i], widths[i], 3] uint8 in RGB order. Examples that name the same file share their pixels.
 */
export interface ImageStoreIndex {
  readonly pixelsPath: string;
  readonly bytes: number;
  readonly offsets: Float64Array;
  readonly heights: Int32Array;
  readonly widths: Int32Array;
}

const counts = z.array(z.number().int().nonnegative());
const indexSchema = z.object({ bytes: z.number(), offsets: counts, heights: counts, widths: counts });

/** The pixels file of the store with that key. */
export function pixelsPathOf(folder: string, key: string): string {
  return join(folder, `${key}.pixels`);
}

function indexPathOf(folder: string, key: string): string {
  return join(folder, `${key}.index.json`);
}

/** Writes the index atomically, which declares the store complete: the pixels must be in place. */
export async function writeStoreIndex(folder: string, key: string, index: ImageStoreIndex): Promise<void> {
  const content: z.infer<typeof indexSchema> = {
    bytes: index.bytes,
    offsets: [...index.offsets],
    heights: [...index.heights],
    widths: [...index.widths],
  };
  await writeAtomic(indexPathOf(folder, key), JSON.stringify(content));
}

/**
 * The index of a complete store, or undefined when there is none or its files do not fit each other. Every example is
 * checked to lie inside the pixels file, since native code reads it through a memory map.
 *
 * @param numExamples how many entries the index must have
 */
export async function readStoreIndex(
  folder: string,
  key: string,
  numExamples: number,
): Promise<ImageStoreIndex | undefined> {
  const pixelsPath = pixelsPathOf(folder, key);
  let content: z.infer<typeof indexSchema>;
  try {
    content = indexSchema.parse(JSON.parse(await readFile(indexPathOf(folder, key), 'utf8')));
    if ((await stat(pixelsPath)).size !== content.bytes) return undefined;
  } catch {
    return undefined; // missing or damaged: it is built again
  }
  const { bytes, offsets, heights, widths } = content;
  const fits =
    [offsets, heights, widths].every((list) => list.length === numExamples) &&
    offsets.every((offset, index) => offset + (heights[index] ?? 0) * (widths[index] ?? 0) * 3 <= bytes);
  if (!fits) return undefined;
  return {
    pixelsPath,
    bytes,
    offsets: Float64Array.from(offsets),
    heights: Int32Array.from(heights),
    widths: Int32Array.from(widths),
  };
}
