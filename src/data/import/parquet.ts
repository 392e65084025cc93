import { open, stat } from 'node:fs/promises';
import { bytesAt, CHUNK, type Chunk, type ImportedFile, labelsIn, MAX_BYTES, withFile } from './source.js';

/** Bytes of a row at least; more rows than that are a damaged or hostile count. */
const MIN_ROW_BYTES = 1;

/** A parquet file, as the Hugging Face Hub has them: images are structs of bytes and path. Reads some rows at once. */
export async function openParquet(path: string): Promise<ImportedFile> {
  const { parquetMetadataAsync, parquetReadObjects } = await import('hyparquet');
  const { compressors: all } = await import('hyparquet-compressors');
  const compressors = Object.fromEntries(
    Object.entries(all).map(([codec, decompress]) => [
      codec,
      (input: Uint8Array, length: number): Uint8Array => {
        if (length > MAX_BYTES) throw new Error(`a page of it claims ${length} bytes`);
        return decompress(input, length);
      },
    ]),
  );
  const { size } = await stat(path);
  const slice = async (start: number, end = size): Promise<ArrayBuffer> =>
    (await withFile(path, (file) => bytesAt(file, start, end))).buffer;
  const metadata = await parquetMetadataAsync({ byteLength: size, slice });
  const counts = metadata.row_groups.map(({ num_rows }) => Number(num_rows));
  const rows = counts.reduce((sum, count) => sum + count, 0);
  if (rows !== Number(metadata.num_rows) || counts.some((count) => count < 0) || rows * MIN_ROW_BYTES > size)
    throw new Error(`it claims ${rows} rows, more than its bytes hold`);
  async function* chunks(skipped: number): AsyncGenerator<Chunk> {
    await using file = await open(path, 'r');
    const source = {
      byteLength: size,
      slice: async (start: number, end = size) => (await bytesAt(file, start, end)).buffer,
    };
    let first = 0;
    for (const [i, group] of metadata.row_groups.entries()) {
      const end = first + (counts[i] ?? 0);
      // Without an index of pages, a part of a group costs as much as all of it.
      const isIndexed = group.columns.every((column) => column.offset_index_offset !== undefined);
      for (let row = Math.max(first, skipped); row < end;) {
        const rowEnd = isIndexed ? Math.min(row + CHUNK, end) : end;
        // With `utf8` bytes would become text; text has a type of its own.
        const options = { file: source, metadata, compressors, utf8: false, useOffsetIndex: true };
        const found = await parquetReadObjects({ ...options, rowStart: row, rowEnd });
        if (found.length !== rowEnd - row) throw new Error(`it has no row ${row + found.length}`);
        yield { rows: found, end: rowEnd, share: rowEnd / rows };
        row = rowEnd;
      }
      first = end;
      if (end <= skipped) yield { rows: [], end, share: end / rows };
    }
  }
  const described = metadata.key_value_metadata?.find(({ key }) => key === 'huggingface')?.value;
  return { labels: labelsIn(described), chunks };
}
