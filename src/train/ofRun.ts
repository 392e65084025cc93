import type { Loss } from '../metrics/loss.js';
import type { Precision } from '../native/addon.js';

/** Settings whose default is the value of the run that a job opens. */
interface OfRun {
  readonly precision: Precision;
  readonly loss: Loss;
  readonly batchSize: number;
}

/** The precision, loss and batch size that were given, or else those of the run that a job opens. */
export function givenOrOfRun<Run extends Partial<OfRun>>(
  given: { readonly [Name in keyof OfRun]?: OfRun[Name] | undefined },
  run: Run,
): Pick<Run, keyof OfRun & keyof Run> {
  const { precision = run.precision, loss = run.loss, batchSize = run.batchSize } = given;
  return { precision, loss, batchSize } as Run;
}
