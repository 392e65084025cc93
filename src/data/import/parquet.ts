import { type FileHandle, open, stat } from 'node:fs/promises';
import { brotliDecompressSync } from 'node:zlib';
import { type Compressors, type FileMetaData, parquetMetadata, parquetSchema } from 'hyparquet';
import { DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { getMaxRepetitionLevel, getTreePath } from 'hyparquet/src/schema.js';
import { decompressGzip, decompressLz4, decompressLz4Raw, decompressZstd } from 'hyparquet-compressors';
import {
  checkStruct,
  type Decoder,
  isUpTo,
  readerOf,
  readHeader,
  readPage,
  type Values,
} from './parquetPage.js';
import { bytesAt, CHUNK, type Chunk, type ImportedFile, labelsIn, problemOf, withFile } from './source.js';

/** Bytes that are read for a page's header, which may have the smallest and the largest value. */
const MAX_HEADER_BYTES = 2 ** 20;
/** Decompressors that write no more than a page claims; the library has Snappy's. */
const COMPRESSORS: Compressors = {
  BROTLI: (input, length) => {
    const size = Math.max(64, length);
    return brotliDecompressSync(input, { chunkSize: size, maxOutputLength: size });
  },
  GZIP: decompressGzip,
  LZ4: decompressLz4,
  LZ4_RAW: decompressLz4Raw,
  ZSTD: (input, length) => decompressZstd(input, new Uint8Array(length)),
};
const PARSERS = { ...DEFAULT_PARSERS, geometryFromBytes: () => null, geographyFromBytes: () => null };

/** A column's bytes in a group of rows. */
interface Column {
  readonly name: string;
  readonly decoder: Decoder;
  readonly start: number;
  readonly end: number;
}

/** A parquet file, as the Hugging Face Hub has them: images are structs of bytes and path. Reads a page of each column at once; lists are not read. */
export async function openParquet(path: string): Promise<ImportedFile> {
  const { size } = await stat(path);
  const metadata = await withFile(path, (file) => metadataOf(file, size));
  const groups = metadata.row_groups.map((group) => ({
    rows: Number(group.num_rows),
    columns: columnsOf(group, metadata, size),
  }));
  const rows = groups.reduce((sum, group) => sum + group.rows, 0);
  // A row has a byte at least.
  if (rows !== Number(metadata.num_rows) || rows > size || groups.some((group) => !isUpTo(group.rows, size)))
    throw new Error(`it claims ${metadata.num_rows} rows, which its groups or its bytes do not have`);
  const names = parquetSchema(metadata).children.map(({ element }) => element.name);
  async function* chunks(skipped: number): AsyncGenerator<Chunk> {
    await using file = await open(path, 'r');
    let first = 0;
    for (const { rows: count, columns } of groups) {
      let row = Math.min(count, Math.max(0, skipped - first));
      if (row === count) yield { rows: [], end: first + count, share: (first + count) / rows };
      const sources = columns.map((column) => taking(valuesOf(file, column, count, row)));
      while (row < count) {
        const taken = Math.min(CHUNK, count - row);
        const leaves: { path: readonly string[]; values: readonly unknown[] }[] = [];
        for (const [i, { decoder }] of columns.entries())
          leaves.push({ path: decoder.pathInSchema, values: (await sources[i]?.(taken)) ?? [] });
        const fields = names.map((name) => [name, leaves.filter(({ path: [top] }) => top === name)] as const);
        row += taken;
        yield {
          rows: Array.from({ length: taken }, (_, i) => {
            const valueIn = (own: typeof leaves): unknown =>
              own[0]?.path.length === 1
                ? own[0].values[i]
                : Object.fromEntries(own.map(({ path: [, leaf], values }) => [leaf, values[i]]));
            return Object.fromEntries(fields.map(([name, own]) => [name, valueIn(own)]));
          }),
          end: first + row,
          share: (first + row) / rows,
        };
      }
      first += count;
    }
  }
  const described = metadata.key_value_metadata?.find(({ key }) => key === 'huggingface')?.value;
  return { labels: labelsIn(described), chunks };
}

async function metadataOf(file: FileHandle, size: number): Promise<FileMetaData> {
  const end = readerOf(await bytesAt(file, Math.max(0, size - 8), size)).view;
  const length = size < 12 ? 0 : end.getUint32(0, true);
  if (length === 0 || length > size - 8 || end.getUint32(4, true) !== 0x31524150)
    throw new Error('it does not end with the footer of a parquet file');
  const footer = await bytesAt(file, size - 8 - length, size);
  checkStruct(readerOf(footer));
  return parquetMetadata(footer, { geoparquet: false });
}

/** Columns that can be images, labels or attributes: values, and those in structs. */
function columnsOf(
  { columns }: FileMetaData['row_groups'][number],
  metadata: FileMetaData,
  size: number,
): readonly Column[] {
  const tree = parquetSchema(metadata);
  return columns.flatMap(({ meta_data: data, file_path: elsewhere }) => {
    if (data === undefined || elsewhere) throw new Error('its columns are encrypted, or in other files');
    const { path_in_schema: pathInSchema, codec, type } = data;
    const schemaPath = getTreePath(tree, pathInSchema);
    const { element } = schemaPath.at(-1) ?? tree;
    if (pathInSchema.length > 2 || getMaxRepetitionLevel(schemaPath) > 0) return [];
    const name = pathInSchema.join('.');
    const start = Number(data.dictionary_page_offset ?? 0) || Number(data.data_page_offset);
    const end = start + Number(data.total_compressed_size);
    if (!isUpTo(start, end) || end > size)
      throw new Error(`its column ${name} claims the bytes from ${start} to ${end}, and it has ${size}`);
    if (codec !== 'UNCOMPRESSED' && codec !== 'SNAPPY' && !(codec in COMPRESSORS))
      throw new Error(`its column ${name} has a compression that is not supported`);
    // With `utf8` bytes would become text; text has a type of its own.
    const shared = { compressors: COMPRESSORS, parsers: PARSERS, utf8: false };
    return [{ name, decoder: { ...shared, pathInSchema, schemaPath, element, codec, type }, start, end }];
  });
}

/** Reads a column's values page by page, without the first ones. */
async function* valuesOf(
  file: FileHandle,
  { name, decoder, start, end }: Column,
  rows: number,
  skipped: number,
): AsyncGenerator<Values> {
  let dictionary: Values | undefined;
  let [at, row] = [start, 0];
  try {
    while (row < rows) {
      const head = await bytesAt(file, at, Math.min(at + MAX_HEADER_BYTES, end));
      const page = readHeader(head, end - at, rows - row);
      const [from, first] = [at + page.headerBytes, row];
      at = from + page.bytes;
      if (!page.isDictionary) row += page.count;
      if (!page.isDictionary && row <= skipped) continue;
      const values = readPage(await bytesAt(file, from, at), page, decoder, dictionary);
      if (page.isDictionary) dictionary = values;
      else yield values.slice(Math.max(0, skipped - first));
    }
  } catch (error) {
    throw new Error(`a page of its column ${name} cannot be decoded: ${problemOf(error)}`, { cause: error });
  }
}

/** Hands over the values of pages in order. */
function taking(pages: AsyncGenerator<Values>): (count: number) => Promise<readonly unknown[]> {
  let [page, at]: [Values, number] = [[], 0];
  return async (count) => {
    const taken: unknown[] = [];
    while (taken.length < count) {
      if (at < page.length) taken.push(page[at++]);
      else [page, at] = [((await pages.next()) as IteratorYieldResult<Values>).value, 0];
    }
    return taken;
  };
}
