import { messageOf, SpurmemError, systemCode } from '../errors.js';
import { sha256Of } from '../files.js';

/** The error of a weights file that cannot be read. */
export function unreadable(path: string, error: unknown): SpurmemError {
  const reason = systemCode(error) === 'ENOENT' ? 'there is no such file' : messageOf(error);
  return new SpurmemError('WEIGHTS_INVALID', `Cannot read the weights file ${path}: ${reason}.`, {
    parameter: 'weights',
    value: path,
    cause: error,
    advice: ['Correct `weights`.'],
  });
}

/** sha256 of a weights file, in hexadecimal. Throws `WEIGHTS_INVALID` when it cannot be read. */
export async function weightsFingerprint(path: string): Promise<string> {
  try {
    return await sha256Of(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}
