import type { DataDescription } from '../data/dataDescription.js';

/** The input of a result's tables: what the run keeps of its data, and where the result is. */
export async function openResult(
  run: string,
  name: string,
): Promise<{ readonly data: DataDescription; readonly path: string }> {
  const [{ openRun }, { readRunData }] = await Promise.all([
    import('../train/runFolder.js'),
    import('../train/runData.js'),
  ]);
  const opened = await openRun(run);
  return { data: await readRunData(opened), path: opened.folder.result(name) };
}
