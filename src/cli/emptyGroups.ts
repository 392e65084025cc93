import type { JobOptions } from '../progress.js';

/** Warns of data that is told and not trained: what training would refuse. */
export function warnOfEmptyGroups(problem: string | undefined, { onWarning }: JobOptions): void {
  if (problem !== undefined)
    onWarning?.(
      `${problem} Each split needs examples of every group, but for training by methods without group labels, such as ERM.`,
    );
}
