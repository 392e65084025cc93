import { SpurmemError } from '../errors.js';

/** The version of the format of a run's folder, as its `config.json` has it. */
export const FORMAT_VERSION = 2;

/** Throws `RUN_INVALID` naming both versions, where the content of a `config.json` is of another format. */
export function requireFormatVersion(path: string, file: unknown): void {
  const version = typeof file === 'object' && file !== null && 'formatVersion' in file && file.formatVersion;
  if (version === FORMAT_VERSION) return;
  const which = typeof version === 'number' ? `format version ${version}` : 'no format version';
  throw new SpurmemError(
    'RUN_INVALID',
    `${path} has ${which}, and this version of spurmem reads format version ${FORMAT_VERSION}.`,
    { advice: ['Train the run anew in another folder, or use the version of spurmem that wrote this one.'] },
  );
}
