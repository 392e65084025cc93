import { quotedWord } from '../provenance.js';
import { accuracyTable } from '../report/figures/accuracy.js';
import type { TrainedRun } from '../train/results.js';
import type { Output } from './output.js';
import { openGroups } from './tables.js';
import { textTable } from './textTable.js';

/** Prints the accuracies of a run that was made, its folder, and the commands that follow. */
export async function printRun(
  { run, ...result }: TrainedRun,
  output: Output,
  next: readonly string[],
): Promise<void> {
  const { groups } = await openGroups(run);
  const commands = next.map((name) => `npx spurmem ${name} --run ${quotedWord(run)}`);
  const table = textTable(accuracyTable(result, groups), output);
  output.result(`${table}\nRun: ${run}\nNext: ${commands.join(' && ')}`, { run, ...result });
}
