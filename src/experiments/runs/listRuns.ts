import { access, readdir } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { SpurmemError, systemCode } from '../../errors.js';
import type { JobOptions } from '../../progress.js';
import { methodOf, type RunConfig } from '../../train/runConfig.js';
import { RunFolder, type RunState, runState } from '../../train/runFolder.js';

/** A run, with its settings and results. */
export interface ListedRun extends RunState {
  /** Its folder, below the one that was searched. */
  readonly run: string;
  readonly path: string;
  readonly method: string;
  readonly config: RunConfig;
  /** The folder of the run that it started from. */
  readonly from: string | undefined;
}

/** The depth of the search: a study's runs are `<study>/<arm>/seed-<n>`. */
const DEEPEST = 5;

/** Returns the runs below a folder by name, and warns of damaged ones, which it skips. Throws `RUN_NOT_FOUND` if the folder is missing. */
export async function listRuns(
  folder: string,
  { onWarning }: Pick<JobOptions, 'onWarning'> = {},
): Promise<ListedRun[]> {
  const root = resolve(folder);
  const found: ListedRun[] = [];
  for (const path of await runFolders(root, DEEPEST)) {
    try {
      const run = await readRun(path);
      if (run) found.push({ ...run, run: relative(root, path) || path });
    } catch (error) {
      if (!(error instanceof SpurmemError)) throw error;
      onWarning?.(error.message);
    }
  }
  return found;
}

/** A run of a folder, or undefined where it holds none. Throws `RUN_INVALID`. */
export async function readRun(path: string): Promise<ListedRun | undefined> {
  const folder = new RunFolder(path);
  const file = await folder.readConfig();
  if (!file) return undefined;
  const { config, environment } = file;
  return {
    run: path,
    path: folder.path,
    method: methodOf(config),
    config,
    from: environment.from,
    ...(await runState(folder)),
  };
}

async function runFolders(folder: string, depth: number): Promise<string[]> {
  const isRun = await access(join(folder, 'config.json')).then(
    () => true,
    () => false,
  );
  if (isRun) return [folder];
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const inner = entries.filter((entry) => depth > 0 && entry.isDirectory() && !entry.name.startsWith('.'));
    const names = inner.map(({ name }) => name).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
    const found = [];
    for (const name of names) found.push(...(await runFolders(join(folder, name), depth - 1)));
    return found;
  } catch (error) {
    if (systemCode(error) === 'EACCES') return [];
    throw new SpurmemError('RUN_NOT_FOUND', `${folder}: there is no such folder of runs.`, { cause: error });
  }
}
