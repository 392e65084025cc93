// Pages of parquet files. The library that decodes them allocates as much as they claim: what it believes is checked before.
import { parquetHeader } from 'hyparquet/src/column.js';
import { convert, convertWithDictionary } from 'hyparquet/src/convert.js';
import { decompressPage, readDataPage } from 'hyparquet/src/datapage.js';
import { deltaBinaryUnpack } from 'hyparquet/src/delta.js';
import { readRleBitPackedHybrid } from 'hyparquet/src/encoding.js';
import { readPlain } from 'hyparquet/src/plain.js';
import { getMaxDefinitionLevel } from 'hyparquet/src/schema.js';
import { readVarInt } from 'hyparquet/src/thrift.js';
import { MAX_BYTES } from './source.js';

export type Decoder = Parameters<typeof convert>[1];
export type Values = ReturnType<typeof convert>;
type Reader = Parameters<typeof readVarInt>[0];
type Encoding = Parameters<typeof convertWithDictionary>[2];

/** Encodings whose claims are checked. */
const ENCODINGS: readonly string[] = [
  ...['PLAIN', 'PLAIN_DICTIONARY', 'RLE_DICTIONARY', 'RLE', 'BYTE_STREAM_SPLIT'],
  ...['DELTA_BINARY_PACKED', 'DELTA_LENGTH_BYTE_ARRAY', 'DELTA_BYTE_ARRAY'],
];

/** The checked header of a page: of a dictionary, or of rows. */
export interface Page {
  readonly isDictionary: boolean;
  readonly headerBytes: number;
  /** Bytes behind the header, and those of them when they are decompressed. */
  readonly bytes: number;
  readonly size: number;
  /** Its values, null ones too. */
  readonly count: number;
  readonly encoding: Encoding;
  /** Bytes of the levels in front of the values in a page of version 2, which are not compressed. */
  readonly levelBytes: number | undefined;
  readonly isCompressed: boolean;
}

export function isUpTo(value: number | undefined, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= max;
}

export function readerOf(bytes: Uint8Array): Reader {
  return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
}

/** Reads a page's header. Throws an Error if the page claims more bytes than are left of its column, or more values than rows. */
export function readHeader(head: Uint8Array, left: number, rows: number): Page {
  const reader = readerOf(head);
  checkStruct(readerOf(head));
  // A damaged header lacks fields.
  const header: Partial<ReturnType<typeof parquetHeader>> = parquetHeader(reader);
  const { type, compressed_page_size: bytes, uncompressed_page_size: size } = header;
  if (!isUpTo(bytes, left - reader.offset) || !isUpTo(size, MAX_BYTES))
    throw new Error(`it claims ${bytes ?? 'no'} bytes, of ${left} (decompressed: ${size ?? 'no'})`);
  const isDictionary = type === 'DICTIONARY_PAGE';
  const v2 = type === 'DATA_PAGE_V2' ? header.data_page_header_v2 : undefined;
  const v1 = type === 'DATA_PAGE' ? header.data_page_header : undefined;
  const data = v2 ?? v1 ?? (isDictionary ? header.dictionary_page_header : undefined);
  if (data?.num_values === undefined) throw new Error('it has no values');
  const { num_values: count, encoding } = data;
  // A value of a dictionary has a byte at least.
  const most = isDictionary ? size : rows;
  if (!isUpTo(count, most)) throw new Error(`it claims ${String(count)} values, and can have ${most}`);
  if (!ENCODINGS.includes(encoding)) throw new Error('it has an encoding that is not supported');
  const levelBytes = v2?.definition_levels_byte_length;
  if (v2 && !(v2.repetition_levels_byte_length === 0 && isUpTo(levelBytes, Math.min(bytes, size))))
    throw new Error(`it claims ${levelBytes} bytes of levels`);
  const isCompressed = v2?.is_compressed !== false;
  return { isDictionary, headerBytes: reader.offset, bytes, size, count, encoding, levelBytes, isCompressed };
}

/** Decodes what is behind a page's header: null where a row has no value. */
export function readPage(
  bytes: Uint8Array,
  { isDictionary, size, count, encoding, levelBytes, isCompressed }: Page,
  decoder: Decoder,
  dictionary: Values | undefined,
): Values {
  const { codec, compressors, type, element } = decoder;
  const [stored, length] = [bytes.subarray(levelBytes), size - (levelBytes ?? 0)];
  const isInflated = isCompressed && !(levelBytes !== undefined && length === 0);
  const page = isInflated ? decompressPage(stored, length, codec, compressors) : stored;
  const reader = readerOf(page);
  if (isDictionary) return convert(readPlain(reader, type, count, element.type_length), decoder);
  const level = getMaxDefinitionLevel(decoder.schemaPath);
  const levels = new Uint8Array(level === 0 ? 0 : count);
  if (level > 0) {
    const width = 32 - Math.clz32(level);
    // Version 1 has them in front of the values, and their length before them.
    const [own, before] = levelBytes === undefined ? [reader, undefined] : [readerOf(bytes), levelBytes];
    checkRuns(own, width, count, before);
    readRleBitPackedHybrid(own, width, levels, before);
  }
  const present = level === 0 ? count : levels.reduce((sum, one) => sum + Number(one === level), 0);
  const values = present === 0 ? [] : valuesIn(page.subarray(reader.offset));
  let at = 0;
  return level === 0 ? values : Array.from(levels, (one): unknown => (one === level ? values[at++] : null));

  function valuesIn(body: Uint8Array): Values {
    if (encoding === 'DELTA_BYTE_ARRAY') checkPrefixes(readerOf(body), present);
    if (encoding === 'RLE' && type === 'BOOLEAN') checkRuns(readerOf(body), 1, present);
    else if (encoding.startsWith('RLE') || encoding === 'PLAIN_DICTIONARY') {
      if (dictionary === undefined) throw new Error('it lacks its dictionary');
      const indices = readerOf(body);
      const width = indices.view.getUint8(indices.offset++);
      if (width > 0) checkRuns(indices, width, present, body.length - 1);
    }
    const header = {
      num_values: present,
      encoding,
      definition_level_encoding: encoding,
      repetition_level_encoding: encoding,
    };
    // Without a path there are no levels.
    const { dataPage } = readDataPage(body, header, { ...decoder, schemaPath: [] });
    const values = convertWithDictionary(dataPage, dictionary, encoding, decoder) as unknown[];
    if (values.includes(undefined)) throw new Error('it has an index that its dictionary does not have');
    return values;
  }
}

/** Throws an Error if the runs of levels or indices have more values than there are; the reader stays. Without a length, it is in front of them. */
function checkRuns({ view, offset }: Reader, width: number, count: number, length?: number): void {
  const runs = { view, offset: length === undefined ? offset + 4 : offset };
  const end = runs.offset + (length ?? view.getUint32(offset, true));
  if (width > 32 || end > view.byteLength)
    throw new Error('it claims more bytes of levels or indices than it has');
  for (let seen = 0; seen < count;) {
    const head = readVarInt(runs) >>> 0;
    const isPacked = (head & 1) === 1;
    const own = isPacked ? (head >>> 1) * 8 : head >>> 1;
    // Packed ones fill their last byte.
    if (own > count - seen + (isPacked ? 7 : 0))
      throw new Error(`it claims a run of ${own} values, and has ${count}`);
    seen += own;
    runs.offset += isPacked ? (own * width) / 8 : Math.ceil(width / 8);
  }
}

/** Throws an Error if texts that share their beginnings would take more memory than a page. */
function checkPrefixes(reader: Reader, count: number): void {
  const lengths = [new Int32Array(count), new Int32Array(count)];
  for (const own of lengths) deltaBinaryUnpack(reader, count, own);
  const all = lengths.flatMap((own) => [...own]);
  const total = all.reduce((sum, one) => sum + one, 0);
  if (all.some((one) => one < 0) || total > MAX_BYTES) throw new Error(`it claims ${total} bytes of text`);
}

/** Reads over a struct of Thrift's compact protocol. Throws an Error for lists that claim more elements than there are bytes. */
export function checkStruct(reader: Reader): void {
  for (let head = byteOf(reader); (head & 15) !== 0; head = byteOf(reader)) {
    if (head >> 4 === 0) readVarInt(reader);
    checkElement(reader, head & 15);
  }
}

function checkElement(reader: Reader, type: number): void {
  if (type === 3) reader.offset += 1;
  else if (type >= 4 && type <= 6) while (byteOf(reader) > 127);
  else if (type === 7) reader.offset += 8;
  else if (type === 8) reader.offset = (readVarInt(reader) >>> 0) + reader.offset;
  else if (type === 12) checkStruct(reader);
  else if (type === 9) {
    const head = byteOf(reader);
    const count = head >> 4 === 15 ? readVarInt(reader) >>> 0 : head >> 4;
    if (count > reader.view.byteLength - reader.offset)
      throw new Error(`it claims a list of ${count} elements`);
    for (let i = 0; i < count; i += 1) checkElement(reader, Math.max(3, head & 15));
  } else if (type > 2) throw new Error(`it has the field type ${type}, which parquet does not have`);
}

function byteOf(reader: Reader): number {
  return reader.view.getUint8(reader.offset++);
}
