import { crc32 } from 'node:zlib';

/** The checksum of no bytes, to which others are added. */
export const NO_CHECKSUM = '00000000';

/**
 * CRC-32 of bytes, in hexadecimal: it tells any change of up to 32 bits in a row, and misses one of four billion others. It is for disks
 * and cables that err, not for anyone who forges; a hash that resists forging takes several times as long.
 *
 * @param before the checksum of the bytes before these
 */
export function checksum(bytes: Uint8Array | string, before = NO_CHECKSUM): string {
  // zlib takes no bytes for a wish to begin.
  if (bytes.length === 0) return before;
  return crc32(bytes, Number.parseInt(before, 16)).toString(16).padStart(NO_CHECKSUM.length, '0');
}

const CHECKSUM = /^\{\s*"checksum":\s?"([^"]*)",/;

/** The JSON of an object with its checksum as the first key. */
export function withChecksum(json: string): string {
  const [begin = '{'] = /^\{\s*/.exec(json) ?? [];
  return `${begin}"checksum":${begin === '{' ? '' : ' '}"${checksum(json)}",${json.slice(1)}`;
}

/** The JSON that `withChecksum` was given; any other text as it is. Throws where it has changed since. */
export function withoutChecksum(text: string): string {
  const [begin, sum] = CHECKSUM.exec(text) ?? [];
  if (begin === undefined) return text;
  const json = `{${text.slice(begin.length)}`;
  if (sum === checksum(json)) return json;
  throw new Error(
    'it has changed since it was written, by its checksum. Where you changed it yourself, remove "checksum" from it',
  );
}
