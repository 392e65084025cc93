import { crc32 } from 'node:zlib';

/** The checksum of no bytes, to start from. */
export const NO_CHECKSUM = '00000000';

/**
 * Returns the CRC-32 of bytes in hexadecimal. It detects any change within 32 consecutive bits and misses one in four billion others. It
 * guards against faulty disks and cables, not against forgery; a cryptographic hash takes several times as long.
 *
 * @param before the checksum of the bytes before these
 */
export function checksum(bytes: Uint8Array | string, before = NO_CHECKSUM): string {
  // For no bytes zlib returns the initial value.
  if (bytes.length === 0) return before;
  return crc32(bytes, Number.parseInt(before, 16)).toString(16).padStart(NO_CHECKSUM.length, '0');
}

const CHECKSUM = /^\{\s*"checksum":\s?"([^"]*)",/;

/** Returns the JSON of an object with its checksum as the first key. */
export function withChecksum(json: string): string {
  const [begin = '{'] = /^\{\s*/.exec(json) ?? [];
  return `${begin}"checksum":${begin === '{' ? '' : ' '}"${checksum(json)}",${json.slice(1)}`;
}

/** Returns the JSON that `withChecksum` was given, and any other text unchanged. Throws if the checksum does not match. */
export function withoutChecksum(text: string): string {
  const [begin, sum] = CHECKSUM.exec(text) ?? [];
  if (begin === undefined) return text;
  const json = `{${text.slice(begin.length)}`;
  if (sum === checksum(json)) return json;
  throw new Error(
    'it has changed since it was written, by its checksum. Where you changed it yourself, remove "checksum" from it',
  );
}
