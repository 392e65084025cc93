import type { JobOptions } from '../progress.js';

/** Warns of data that is told and not trained: what training would refuse, at least by methods with group labels. */
export function warnOfEmptyGroups(problem: string | undefined, { onWarning }: JobOptions): void {
  if (problem !== undefined)
    onWarning?.(
      `${problem} Validation and test need examples of every group; so does training, but for methods without group labels, such as ERM.`,
    );
}
