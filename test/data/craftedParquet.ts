// Parquet files of two columns, `image` and `label`, any number of whose footer and page headers can be a lie.
/** A value of Thrift's compact protocol: its type and bytes. */
type Thrift = readonly [type: number, bytes: Buffer];

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  for (let left = BigInt.asUintN(64, value); ; left >>= 7n) {
    bytes.push(Number(left & 0x7fn) | (left > 0x7fn ? 0x80 : 0));
    if (left <= 0x7fn) return Buffer.from(bytes);
  }
}
const integer =
  (type: 5 | 6) =>
  (value: number | bigint): Thrift => [type, varint((BigInt(value) << 1n) ^ (BigInt(value) < 0n ? -1n : 0n))];
const i32 = integer(5);
const i64 = integer(6);
const binary = (bytes: string): Thrift => [
  8,
  Buffer.concat([varint(BigInt(bytes.length)), Buffer.from(bytes)]),
];
const list = (type: number, items: readonly Thrift[], claimed = items.length): Thrift => [
  9,
  Buffer.concat([Buffer.from([0xf0 | type]), varint(BigInt(claimed)), ...items.map(([, bytes]) => bytes)]),
];
/** Fields by their numbers; those without a value are left out. */
function struct(fields: Readonly<Record<number, Thrift | undefined>>): Thrift {
  let last = 0;
  const parts = Object.entries(fields).flatMap(([key, value]) => {
    if (value === undefined) return [];
    const delta = Number(key) - last;
    last = Number(key);
    return [Buffer.from([(delta << 4) | value[0]]), value[1]];
  });
  return [12, Buffer.concat([...parts, Buffer.from([0])])];
}

/** A run of one level or index, as the RLE encoding has it. */
export const run = (count: number | bigint, value = 1): Buffer =>
  Buffer.concat([varint(BigInt(count) << 1n), Buffer.from([value])]);

const sized = (bytes: Buffer): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, bytes]);
};

/** What a file claims of its labels; what is left out is true. */
export interface Claims {
  readonly values?: number;
  readonly size?: number;
  readonly compressed?: number | null;
  readonly encoding?: number;
  readonly type?: number;
  readonly levels?: Buffer;
  readonly body?: Buffer;
  /** Makes a page of version 2: the lengths of its levels, and how many values are null. */
  readonly v2?: { readonly levels?: number; readonly repetition?: number; readonly nulls?: number };
  readonly dictionary?: { readonly values?: number; readonly size?: number; readonly body?: Buffer };
  readonly codec?: number;
  /** The page's bytes behind its header. */
  readonly stored?: Buffer;
  readonly rows?: number | bigint;
  readonly groupRows?: number | bigint;
  readonly chunkValues?: number | bigint;
  readonly chunkSize?: number | bigint;
  readonly offset?: number | bigint;
  readonly children?: number;
  readonly physical?: number;
  readonly schemaElements?: number;
  readonly footer?: number;
}

/** A file of so many rows: PNGs' first bytes, and labels. */
export function craftedParquet(claims: Claims = {}, rows = 3): Buffer {
  const parts: Buffer[] = [Buffer.from('PAR1')];
  let at = 4;
  const put = (...bytes: readonly Buffer[]): number => {
    const start = at;
    for (const part of bytes) {
      parts.push(part);
      at += part.length;
    }
    return start;
  };
  const page = (header: Thrift, body: Buffer): number => put(header[1], body);
  const image = Buffer.from('89504e470d0a1a0a', 'hex');
  const imageBody = Buffer.concat([sized(run(rows)), ...Array.from({ length: rows }, () => sized(image))]);
  const dataHeader = (values: number, encoding = 0): Thrift =>
    struct({ 1: i32(values), 2: i32(encoding), 3: i32(3), 4: i32(3) });
  const images = page(
    struct({ 1: i32(0), 2: i32(imageBody.length), 3: i32(imageBody.length), 5: dataHeader(rows) }),
    imageBody,
  );
  const imagesEnd = at;
  const labels =
    claims.body ??
    Buffer.concat(Array.from({ length: rows }, (_, i) => Buffer.from([i, 0, 0, 0, 0, 0, 0, 0])));
  const { dictionary, v2 } = claims;
  let dictionaryAt: number | undefined;
  if (dictionary !== undefined) {
    const body = dictionary.body ?? labels;
    dictionaryAt = page(
      struct({
        1: i32(2),
        2: i32(dictionary.size ?? body.length),
        3: i32(body.length),
        7: struct({ 1: i32(dictionary.values ?? rows), 2: i32(0) }),
      }),
      body,
    );
  }
  const levels = claims.levels ?? run(rows);
  const body = claims.stored ?? Buffer.concat([v2 ? levels : sized(levels), labels]);
  const compressed = claims.compressed === undefined ? body.length : claims.compressed;
  const labelsAt = page(
    struct({
      1: i32(claims.type ?? (v2 ? 3 : 0)),
      2: i32(claims.size ?? body.length),
      3: compressed === null ? undefined : i32(compressed),
      5: v2 ? undefined : dataHeader(claims.values ?? rows, claims.encoding),
      8: v2
        ? struct({
            1: i32(claims.values ?? rows),
            2: i32(v2.nulls ?? 0),
            3: i32(claims.values ?? rows),
            4: i32(claims.encoding ?? 0),
            5: i32(v2.levels ?? levels.length),
            6: i32(v2.repetition ?? 0),
          })
        : undefined,
    }),
    body,
  );
  const chunk = (name: string, type: number, start: number, end: number, own: Claims): Thrift =>
    struct({
      2: i64(0),
      3: struct({
        1: i32(type),
        2: list(5, [i32(0)]),
        3: list(8, [binary(name)]),
        4: i32(own.codec ?? 0),
        5: i64(own.chunkValues ?? rows),
        6: i64(end - start),
        7: i64(own.chunkSize ?? end - start),
        9: i64(own.offset ?? start),
        11: own.dictionary && dictionaryAt !== undefined ? i64(dictionaryAt) : undefined,
      }),
    });
  const element = (name: string, type: number): Thrift =>
    struct({ 1: i32(type), 3: i32(1), 4: binary(name) });
  const footer = struct({
    1: i32(1),
    2: list(
      12,
      [
        struct({ 4: binary('schema'), 5: i32(claims.children ?? 2) }),
        element('image', 6),
        element('label', claims.physical ?? 2),
      ],
      claims.schemaElements,
    ),
    3: i64(claims.rows ?? rows),
    4: list(12, [
      struct({
        1: list(12, [
          chunk('image', 6, images, imagesEnd, {}),
          chunk('label', claims.physical ?? 2, dictionaryAt ?? labelsAt, at, claims),
        ]),
        2: i64(at),
        3: i64(claims.groupRows ?? claims.rows ?? rows),
      }),
    ]),
  })[1];
  put(footer);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(claims.footer ?? footer.length);
  put(length, Buffer.from('PAR1'));
  return Buffer.concat(parts);
}
