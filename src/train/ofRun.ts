import type { Loss } from '../metrics/loss.js';
import type { Precision } from '../native/addon.js';

/** Settings that default to those of the run that a job opens. */
interface OfRun {
  readonly precision: Precision;
  readonly loss: Loss;
  readonly batchSize: number;
}

export function givenOrOfRun<Run extends Partial<OfRun>>(
  given: { readonly [Name in keyof OfRun]?: OfRun[Name] | undefined },
  run: Run,
): Pick<Run, keyof OfRun & keyof Run> {
  const { precision = run.precision, loss = run.loss, batchSize = run.batchSize } = given;
  return { precision, loss, batchSize } as Run;
}
