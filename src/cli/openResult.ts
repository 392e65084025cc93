import type { DataDescription } from '../data/dataDescription.js';

/** What tables need besides a result: what the run keeps of its data, and where the result is. */
export async function openResult(
  { run, data }: { readonly run: string; readonly data?: string },
  name: string,
): Promise<{ readonly data: DataDescription; readonly path: string }> {
  const [{ openRun }, { readRunData }] = await Promise.all([
    import('../train/runFolder.js'),
    import('../train/runData.js'),
  ]);
  const opened = await openRun(run);
  return { data: await readRunData(opened, data), path: opened.folder.result(name) };
}
