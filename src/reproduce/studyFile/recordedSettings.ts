import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Dataset } from '../../data/dataset.js';
import { messageOf, SpurmemError, systemCode } from '../../errors.js';
import { jsonText, makeFolder, readText, writeJson } from '../../files.js';
import { writeAlone } from '../../writeAlone.js';
import { Records } from './records.js';
import type { StudyFile } from './schema.js';

/** Settings by what they are of, such as `erm` or a trace. */
type Named = Readonly<Record<string, unknown>>;
/** The settings of a benchmark's records, by the record's name. */
export type OfRecords = Readonly<Record<string, Named>>;
type Kept = Readonly<Record<string, OfRecords>>;

/**
 * Keeps the settings that a benchmark's records are made with in the `settings.json` beside them, so that an edited study does not take
 * another's results for its own. Settings that are new, or of a record that is empty, are added.
 *
 * @throws `RUN_EXISTS` where a record was made with others, `RUN_INVALID` where the file is damaged
 */
export async function keepSettings(file: StudyFile, benchmark: string, settings: OfRecords): Promise<void> {
  const path = pathOf(file);
  const now = plain(settings);
  const records = new Records(file.recordsFolder, benchmark);
  // Undefined where the file has all of them.
  const merged = async (): Promise<Kept | undefined> => {
    const kept = await readKept(path);
    const all = { ...kept[benchmark] };
    for (const [record, named] of Object.entries(now)) {
      const isRecorded = (await records.read(record)).length > 0;
      const before = isRecorded ? (all[record] ?? {}) : {};
      requireSame(file, records.pathOf(record), before, named);
      all[record] = { ...before, ...named };
    }
    return isDeepStrictEqual(all, kept[benchmark]) ? undefined : { ...kept, [benchmark]: all };
  };
  if ((await merged()) === undefined) return;
  await makeFolder(file.recordsFolder);
  await writeAlone(path, async () => {
    const all = await merged();
    if (all) await writeJson(path, all);
  });
}

/**
 * Throws `RUN_EXISTS` where the rows of a benchmark's records were made with other settings; of records without rows, too, where some
 * are to be added.
 */
export async function requireSettings(
  file: StudyFile,
  benchmark: string,
  settings: OfRecords,
  { adding = false }: { readonly adding?: boolean } = {},
): Promise<void> {
  const kept = (await readKept(pathOf(file)))[benchmark] ?? {};
  const records = new Records(file.recordsFolder, benchmark);
  for (const [record, named] of Object.entries(plain(settings))) {
    const counts = adding || (await records.read(record)).length > 0;
    if (counts) requireSame(file, records.pathOf(record), kept[record] ?? {}, named);
  }
}

/** What settings say of the data: its fingerprint, where it is read. */
export function ofData(data: Pick<Dataset, 'fingerprint'> | undefined) {
  return data === undefined ? {} : { data: data.fingerprint };
}

function pathOf({ recordsFolder }: StudyFile): string {
  return join(recordsFolder, 'settings.json');
}

/** Settings as a file gives them back. */
function plain(settings: OfRecords): OfRecords {
  return JSON.parse(jsonText(settings)) as OfRecords;
}

function requireSame({ path }: StudyFile, table: string, before: Named, now: Named): void {
  const changed = Object.keys(now).filter(
    (what) => Object.hasOwn(before, what) && !isDeepStrictEqual(before[what], now[what]),
  );
  if (changed.length > 0) throw otherSettings(path, table, changed, before, now);
}

async function readKept(path: string): Promise<Kept> {
  try {
    return JSON.parse(await readText(path)) as Kept;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return {};
    const problem = `${path} is damaged: ${messageOf(error)}.`;
    throw new SpurmemError('RUN_INVALID', problem, { advice: ['Restore it, or delete it.'], cause: error });
  }
}

function otherSettings(
  study: string,
  table: string,
  changed: readonly string[],
  before: Named,
  now: Named,
): SpurmemError {
  const lines = changed.map(
    (what) => `${what}: ${JSON.stringify(before[what])} there, ${JSON.stringify(now[what])} in the study`,
  );
  return new SpurmemError(
    'RUN_EXISTS',
    `${table} was recorded with other settings than those of ${study}:\n  ${lines.join('\n  ')}\nNothing was changed.`,
    { advice: ['Restore them in the study, or name other folders of `runs` and `records` there.'] },
  );
}
