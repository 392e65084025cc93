import { type ErrorCode, SpurmemError } from '../errors.js';

/** A value, and who asked for it, so that a wrong one is blamed on the right place. */
export interface Asked<Value> {
  readonly value: Value;
  readonly code: ErrorCode;
  /** Such as `` `target` ``, the caller's parameter, or `target in /data/dataset.json`. */
  readonly by: string;
  /** The caller's parameter, where the caller asked. */
  readonly parameter?: string | undefined;
}

/** The error of an asked value that does not fit what the dataset's folder holds. */
export function misasked(
  { value, code, parameter }: Asked<unknown>,
  problem: string,
  advice: readonly string[],
): SpurmemError {
  return new SpurmemError(code, problem, {
    ...(parameter === undefined ? {} : { parameter, value }),
    advice,
  });
}
