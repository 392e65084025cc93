import { quotedWord } from '../provenance.js';
import { accuracyTable, splitVerdict } from '../report/figures/accuracy.js';
import { shortcutVerdict } from '../report/sections/shortcut.js';
import type { TrainedRun } from '../train/results.js';
import type { Output } from './output.js';
import { openGroups } from './tables.js';
import { prose, textTable } from './textTable.js';

/** Prints the accuracies of a run that was made, its folder, and the commands that follow. */
export async function printRun({ run, ...result }: TrainedRun, output: Output): Promise<void> {
  const { groups, dataset, folder, from, hasAttribute } = await openGroups(run);
  const epochs = await folder.readMetrics();
  const seconds = epochs.reduce((sum, epoch) => sum + epoch.seconds, 0);
  const own = quotedWord(run);
  const first = hasAttribute ? `trace unstructured --run ${own}` : `discover --run ${own}`;
  const next = from === undefined ? first : `compare ${quotedWord(from)} ${own}`;
  const table = textTable(accuracyTable(result, groups), output);
  output.result(
    [
      table,
      ...prose([...shortcutVerdict(result, dataset, groups), ...splitVerdict(result, dataset)], output),
      `Run: ${run}`,
      nextLine(next, `report --run ${own}`),
    ].join('\n'),
    {
      run,
      ...(epochs.length === 0 ? {} : { seconds }),
      ...result,
    },
  );
}

/** Returns the line that names the commands that help next. */
export function nextLine(...commands: readonly string[]): string {
  return `Next: ${commands.map((command) => `npx spurmem ${command}`).join(' && ')}`;
}
