import { messageOf, systemCode } from '../errors.js';

/** Whether the engine failed because memory has run out: the host's or the device's. */
export function isOutOfMemory(error: unknown): boolean {
  if (systemCode(error) !== 'NATIVE_FAILED') return false;
  return /can't allocate memory|out of memory|bad_alloc|could not create a (memory|primitive)/i.test(
    messageOf(error),
  );
}
