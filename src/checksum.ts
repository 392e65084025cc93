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
