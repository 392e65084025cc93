import { type ErrorCode, SpurmemError } from '../src/errors.js';

/** Checks that a call is refused with the code, and returns the message. */
export function refusalOf(call: () => unknown, code: ErrorCode): string {
  let thrown: unknown;
  try {
    call();
  } catch (error) {
    thrown = error;
  }
  if (!(thrown instanceof SpurmemError)) throw new Error(`Expected ${code}, got ${String(thrown)}`);
  expect(thrown.code).toBe(code);
  return thrown.message;
}
