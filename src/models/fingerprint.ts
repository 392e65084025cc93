import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { SpurmemError, messageOf } from '../errors.js';

/** sha256 of a weights file, in hexadecimal. Throws `WEIGHTS_INVALID` when it cannot be read. */
export async function weightsFingerprint(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path), hash);
  } catch (error) {
    throw new SpurmemError('WEIGHTS_INVALID', `Cannot read the weights file ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return hash.digest('hex');
}
