import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { parse } from 'csv-parse/sync';
import { csvText, textOfCell } from '../csvFile.js';
import { describeIssues } from '../data/issues.js';
import { messageOf, SpurmemError, systemCode } from '../errors.js';
import { jsonText, makeFolder, readText, writeAtomic, writeJson } from '../files.js';
import { type CsvRow, isOf, numberOf, type Row } from '../kit/rows.js';
import { requirePlain } from '../plainData.js';
import type { JobOptions } from '../progress.js';
import { writeAlone } from '../writeAlone.js';
import * as z from '../zod.js';
import type { Combination, RecordSource } from './part.js';
import { rowsOn, type Study } from './schema.js';
import type { Tuned, TunedRun } from './tuning.js';

/** Digits of a recorded number. */
const DIGITS = 5;
/** Max rounding error of the difference of two recorded shares. */
export const SHARE_RESOLUTION = 10 ** -DIGITS;

/** Columns that tables must have; others: `seed`. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  test: ['seed', 'worst'],
  tuning: ['arm', 'seed', 'configuration', 'validation'],
};

/** Joins the recorded results of several data sets, whose seeds differ. */
export function pooled(folder: string, name: string, members: readonly string[]): RecordSource {
  const all = members.map((member) => new Records(folder, member));
  const read = async (table: string): Promise<CsvRow[]> =>
    (await Promise.all(all.map((records) => records.read(table)))).flat();
  return { name, read };
}

/** The recorded results of some data: tables `<folder>/<data>-<table>.csv`, to which jobs add rows. */
export class Records implements RecordSource {
  constructor(
    readonly folder: string,
    readonly name: string,
  ) {}

  /** Reads a table's rows; none if the file is missing. Throws `RUN_INVALID` for a malformed file, or one of other columns. */
  readonly read = async (table: string): Promise<CsvRow[]> => {
    const path = this.pathOf(table);
    try {
      const rows = parse<Readonly<Record<string, string>>>(await readText(path), { columns: true });
      const missing = (KEYS[table] ?? ['seed']).find((column) => rows[0] && !Object.hasOwn(rows[0], column));
      if (missing !== undefined) throw new Error(`it has no column ${missing}`);
      // Not the parser's `cast`, which takes five times as long.
      return rows.map((row) =>
        Object.fromEntries(Object.entries(row).map(([name, text]) => [name, toValue(text)])),
      );
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return [];
      throw new SpurmemError('RUN_INVALID', `${path} is no table: ${messageOf(error)}`, { cause: error });
    }
  };

  /**
   * Adds rows to a table, unless another process has added rows with this `key`.
   * Columns that the table lacks are left out. Throws `RUN_INVALID` if it has other columns, `RUN_BUSY`, `OUTPUT_UNWRITABLE`.
   */
  async add(table: string, rows: readonly CsvRow[], key?: CsvRow, options: JobOptions = {}): Promise<void> {
    const [first] = rows;
    if (!first) return;
    const path = this.pathOf(table);
    await makeFolder(this.folder);
    const add = async (): Promise<void> => {
      const known = await this.read(table);
      if (key && known.some((row) => isOf(row, key))) return;
      const columns = Object.keys(known[0] ?? first);
      if (!columns.every((name) => Object.hasOwn(first, name))) {
        const problem = `${path} has the columns ${columns.join(', ')}, and new rows have ${Object.keys(first).join(', ')}.`;
        const advice = ['Move it away, or record into another folder.'];
        throw new SpurmemError('RUN_INVALID', problem, { advice });
      }
      await writeAtomic(path, csvText([...known, ...rows.map(rounded)], columns));
    };
    await writeAlone(path, add, options);
  }

  pathOf(table: string): string {
    return join(this.folder, `${this.name}-${table}.csv`);
  }
}

function toValue(text: string): string | number | null {
  if (text === '') return null;
  const number = Number(text);
  return Number.isNaN(number) ? textOfCell(text) : number;
}

/** A row with the digits of recorded numbers. */
export function rounded<Of extends Row>(row: Of): Of {
  const entries = Object.entries(row).map(([name, value]) => [
    name,
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(DIGITS)) : value,
  ]);
  return Object.fromEntries(entries) as Of;
}

/** The recorded runs of a study's tuning. */
export async function readTuned(study: Study): Promise<Tuned> {
  const names = Object.keys(study.data).flatMap((data) => rowsOn(study, data).compared.tunedOn);
  const runs = [...new Set(names)].map(async (data): Promise<[string, TunedRun[]]> => {
    const rows = await new Records(study.recordsFolder, data).read('tuning');
    return [
      data,
      rows.map((row) => ({
        arm: String(row.arm),
        seed: numberOf(row, 'seed'),
        configuration: JSON.parse(String(row.configuration)) as Combination,
        validation: numberOf(row, 'validation'),
      })),
    ];
  });
  return new Map(await Promise.all(runs));
}

/** Runs a job and measures its time in seconds: wall time, and this process's time on all processors. */
export async function timed<Result>(job: () => Promise<Result>) {
  const start = performance.now();
  const cpu = process.cpuUsage();
  const result = await job();
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - start) / 1000;
  return { result, took: { seconds, processorSeconds: (user + system) / 1e6 } };
}

/** Settings by their subject, such as an arm or a trace. */
type Named = Readonly<Record<string, unknown>>;
/** The settings of some data's tables. */
export type OfRecords = Readonly<Record<string, Named>>;
const keptSchema = z.record(z.string(), z.record(z.string(), z.record(z.string(), z.unknown())));
type Kept = Readonly<Record<string, OfRecords>>;
type Place = Pick<Study, 'path' | 'recordsFolder'>;

/**
 * Keeps the settings behind some data's tables in the `settings.json` next to them, so that an edited study does not take
 * another's results for its own. Adds settings that are new, or whose table is empty.
 *
 * @throws `RUN_EXISTS` if a table was made with others, `RUN_INVALID` if the file is damaged
 */
export async function keepSettings(
  study: Place,
  data: string,
  settings: OfRecords,
  options: JobOptions = {},
): Promise<void> {
  const path = settingsPath(study);
  const now = plain(settings);
  const records = new Records(study.recordsFolder, data);
  // Undefined if the file has all of them already.
  const merged = async (): Promise<Kept | undefined> => {
    const kept = await readKept(path);
    const all = { ...kept[data] };
    for (const [table, named] of Object.entries(now)) {
      const isRecorded = (await records.read(table)).length > 0;
      const before = isRecorded ? (all[table] ?? {}) : {};
      requireSame(study, records.pathOf(table), before, named);
      all[table] = { ...before, ...named };
    }
    return isDeepStrictEqual(all, kept[data]) ? undefined : { ...kept, [data]: all };
  };
  if ((await merged()) === undefined) return;
  await makeFolder(study.recordsFolder);
  const write = async (): Promise<void> => {
    const all = await merged();
    if (all) await writeJson(path, all);
  };
  await writeAlone(path, write, options);
}

/**
 * Throws `RUN_EXISTS` if rows of some data's tables were made with other settings; also for empty tables if rows are to be added.
 */
export async function requireSettings(
  study: Place,
  data: string,
  settings: OfRecords,
  { adding = false }: { readonly adding?: boolean } = {},
): Promise<void> {
  const kept = (await readKept(settingsPath(study)))[data] ?? {};
  const records = new Records(study.recordsFolder, data);
  for (const [table, named] of Object.entries(plain(settings))) {
    const counts = adding || (await records.read(table)).length > 0;
    if (counts) requireSame(study, records.pathOf(table), kept[table] ?? {}, named);
  }
}

function settingsPath({ recordsFolder }: Place): string {
  return join(recordsFolder, 'settings.json');
}

/** Returns settings as read back from a file. */
function plain(settings: OfRecords): OfRecords {
  return JSON.parse(jsonText(settings)) as OfRecords;
}

function requireSame({ path }: Place, table: string, before: Named, now: Named): void {
  const changed = Object.keys(now).filter(
    (what) => Object.hasOwn(before, what) && !isDeepStrictEqual(before[what], now[what]),
  );
  if (changed.length === 0) return;
  const lines = changed.map(
    (what) => `${what}: ${JSON.stringify(before[what])} there, ${JSON.stringify(now[what])} in the study`,
  );
  throw new SpurmemError(
    'RUN_EXISTS',
    `${table} was recorded with other settings than those of ${path}:\n  ${lines.join('\n  ')}\nNothing was changed.`,
    { advice: ['Restore them in the study, or name other folders of `runs` and `records` there.'] },
  );
}

async function readKept(path: string): Promise<Kept> {
  try {
    return keptSchema.parse(requirePlain(JSON.parse((await readText(path)) || '{}')));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return {};
    const reason = error instanceof z.ZodError ? describeIssues(error) : messageOf(error);
    const problem = `${path} is damaged: ${reason}.`;
    throw new SpurmemError('RUN_INVALID', problem, { advice: ['Restore it, or delete it.'], cause: error });
  }
}
