import { open, stat } from 'node:fs/promises';
import { bytesAt, type Chunk, type ImportedFile, labelsIn, withFile } from './source.js';

const CONTINUATION = 0xffffffff;
/** After the last message. */
const END = new Uint8Array([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
const MAX_HEADER_BYTES = 2 ** 24;

/** A file of Arrow's stream format, which `save_to_disk` of Hugging Face's datasets writes. Reads one record batch at once. */
export async function openArrow(path: string): Promise<ImportedFile> {
  const { tableFromIPC } = await import('@uwdata/flechette');
  const { size } = await stat(path);
  const tableOf = (...messages: readonly Uint8Array[]) =>
    tableFromIPC(Buffer.concat([...messages, END]), { useBigInt: false });
  const schema = await withFile(path, async (file) => bytesAt(file, 0, await messageEnd(file, 0, size)));
  const { metadata } = tableOf(schema).schema;
  async function* chunks(skipped: number): AsyncGenerator<Chunk> {
    await using file = await open(path, 'r');
    let row = 0;
    for (let at = schema.length; at < size;) {
      const end = await messageEnd(file, at, size);
      if (end === at + END.length) break;
      const table = tableOf(schema, await bytesAt(file, at, end));
      at = end;
      if (table.numRows > size) throw new Error(`a batch of it claims ${table.numRows} rows`);
      const columns = table.names.map((name) => [name, table.getChild(name)] as const);
      const first = Math.min(table.numRows, Math.max(0, skipped - row));
      const rows = Array.from({ length: table.numRows - first }, (_, i) =>
        Object.fromEntries(columns.map(([name, column]) => [name, column.at(first + i) as unknown])),
      );
      row += table.numRows;
      yield { rows, end: row, share: at / size };
    }
  }
  return { labels: labelsIn(metadata?.get('huggingface')), chunks };
}

/**
 * The end of the message at a position: a mark, the length of its header, the header, and the body that the header gives the length of. Checks what
 * the parser believes: the lengths of lists. Throws an Error for a message that is no schema or batch, or is longer than the file.
 */
async function messageEnd(file: Parameters<typeof bytesAt>[0], at: number, size: number): Promise<number> {
  const viewOf = (bytes: Uint8Array<ArrayBuffer>): DataView => new DataView(bytes.buffer);
  const start = viewOf(await bytesAt(file, at, at + 8));
  if (start.getUint32(0, true) !== CONTINUATION) throw new Error('it is not in Arrow\u2019s stream format');
  const length = start.getInt32(4, true);
  if (length === 0) return at + 8;
  if (length < 8 || length > MAX_HEADER_BYTES) throw new Error(`a header of it claims ${length} bytes`);
  const view = viewOf(await bytesAt(file, at + 8, at + 8 + length));
  const message = view.getUint32(0, true);
  const kind = fieldAt(view, message, 1);
  const lists = kind === undefined ? undefined : LISTS[view.getUint8(kind)];
  const header = fieldAt(view, message, 2);
  if (lists === undefined || header === undefined)
    throw new Error('it has a part that is neither a schema nor a record batch');
  checkLists(view, header + view.getUint32(header, true), lists);
  const bodyLength = fieldAt(view, message, 3);
  const body = bodyLength === undefined ? 0 : Number(view.getBigInt64(bodyLength, true));
  const end = at + 8 + length + body;
  if (body < 0 || end > size)
    throw new Error(`it is truncated: a message ends at byte ${end}, and the file has ${size}`);
  return end;
}

/** Lists of a flatbuffer's table: by number, the bytes of an element, and the lists of tables that are elements. */
type Lists = Readonly<Record<number, readonly [bytes: number, of?: Lists]>>;
const FIELD: Lists = {
  get 5() {
    return [4, FIELD] as const;
  },
  6: [4],
};
/** By the kind of message: of a schema its fields and metadata, of a batch its nodes and buffers. */
const LISTS: Readonly<Record<number, Lists>> = {
  1: { 1: [4, FIELD], 2: [4], 3: [8] },
  3: { 1: [16], 2: [16], 4: [8] },
};

/** The position of a table's field in a flatbuffer; undefined if it is left out. */
function fieldAt(view: DataView, table: number, field: number): number | undefined {
  const fields = table - view.getInt32(table, true);
  const place = 4 + 2 * field;
  const offset = place < view.getUint16(fields, true) ? view.getUint16(fields + place, true) : 0;
  return offset === 0 ? undefined : table + offset;
}

function checkLists(view: DataView, table: number, lists: Lists, depth = 0): void {
  if (depth > 8) throw new Error('its columns are nested too deeply');
  for (const [field, [bytes, of]] of Object.entries<Lists[number]>(lists)) {
    const at = fieldAt(view, table, Number(field));
    if (at === undefined) continue;
    const list = at + view.getUint32(at, true);
    const count = view.getUint32(list, true);
    if (list + 4 + count * bytes > view.byteLength) throw new Error(`a list of it claims ${count} elements`);
    for (let i = 0; of !== undefined && i < count; i += 1) {
      const element = list + 4 + 4 * i;
      checkLists(view, element + view.getUint32(element, true), of, depth + 1);
    }
  }
}
