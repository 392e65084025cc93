import { SpurmemError, messageOf } from '../errors.js';
import { sha256Of } from '../files.js';

/** sha256 of a weights file, in hexadecimal. Throws `WEIGHTS_INVALID` when it cannot be read. */
export async function weightsFingerprint(path: string): Promise<string> {
  try {
    return await sha256Of(path);
  } catch (error) {
    throw new SpurmemError('WEIGHTS_INVALID', `Cannot read the weights file ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
