import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { messageOf, SpurmemError, systemCode } from '../../errors.js';
import { makeFolder, readText, writeAtomic } from '../../files.js';
import { select } from '../../kit/rows.js';
import { writeAlone } from '../../writeAlone.js';

/** A measurement of a study. */
export type RecordRow = Readonly<Record<string, string | number | null>>;

/** Digits of a recorded number. */
const DIGITS = 5;
/** How far the difference of two recorded shares may be off. */
export const SHARE_RESOLUTION = 10 ** -DIGITS;

/** Recorded results that tables are made of. */
export interface RecordSource {
  readonly benchmark: string;
  readonly read: (name: string) => Promise<RecordRow[]>;
}

/** The recorded results of several benchmarks, whose seeds differ, as those of one. */
export function pooled(folder: string, benchmark: string, members: readonly string[]): RecordSource {
  const all = members.map((member) => new Records(folder, member));
  const read = async (name: string): Promise<RecordRow[]> =>
    (await Promise.all(all.map((records) => records.read(name)))).flat();
  return { benchmark, read };
}

/** The recorded results of one benchmark of a study: tables `<folder>/<benchmark>-<name>.csv`, which a run's rows are added to. */
export class Records {
  constructor(
    readonly folder: string,
    readonly benchmark: string,
  ) {}

  /** A table's rows; none where there is no file yet. Throws `RUN_INVALID` for one that is no table. */
  async read(name: string): Promise<RecordRow[]> {
    const path = this.pathOf(name);
    try {
      return parse<RecordRow>(await readText(path), { columns: true, cast: toValue });
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return [];
      throw new SpurmemError('RUN_INVALID', `${path} is no table: ${messageOf(error)}`, { cause: error });
    }
  }

  /**
   * Adds rows to a table, as other processes may as well; none where it has some of `key` by now, as another process made the same.
   * Throws `RUN_INVALID` where it has other columns, `RUN_BUSY`, `OUTPUT_UNWRITABLE`.
   */
  async add(name: string, rows: readonly RecordRow[], key?: RecordRow): Promise<void> {
    const [first] = rows;
    if (!first) return;
    const path = this.pathOf(name);
    await makeFolder(this.folder);
    await writeAlone(path, async () => {
      const known = await this.read(name);
      if (key && select(known, key).length > 0) return;
      const columns = Object.keys(first).join(', ');
      const before = Object.keys(known[0] ?? first).join(', ');
      if (before !== columns) {
        const problem = `${path} has the columns ${before}, and new rows have ${columns}.`;
        const advice = ['Move it away, or record into another folder.'];
        throw new SpurmemError('RUN_INVALID', problem, { advice });
      }
      await writeAtomic(path, stringify([...known, ...rows.map(rounded)], { header: true }));
    });
  }

  pathOf(name: string): string {
    return join(this.folder, `${this.benchmark}-${name}.csv`);
  }
}

function toValue(text: string): string | number | null {
  if (text === '') return null;
  const number = Number(text);
  return Number.isNaN(number) ? text : number;
}

function rounded(row: RecordRow): RecordRow {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(DIGITS)) : value,
    ]),
  );
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
