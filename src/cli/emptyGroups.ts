import type { JobOptions } from '../progress.js';

/** Warns of data that is told and not trained: what training would refuse. */
export function warnOfEmptyGroups(problem: string | undefined, { onWarning }: JobOptions): void {
  if (problem !== undefined)
    onWarning?.(`${problem} Ways to train need examples of every group in each split.`);
}
