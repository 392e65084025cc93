import { parse } from 'csv-parse/sync';
import { textOfCell } from '../csvFile.js';
import { SpurmemError, usageError } from '../errors.js';
import { readText } from '../files.js';
import { groupedBy, pick } from '../kit/rows.js';
import { meanInterval } from '../metrics/intervals.js';
import { mean, momentsOf } from '../metrics/statistics.js';
import { type GivenOf, resolveSettings } from '../settings/setting.js';
import { imagesOf } from '../train/runData.js';
import { imageChangesIn } from './imageChanges.js';
import { matched } from './matching.js';
import { MEMORIZED } from './memorization.js';
import type { MemorizedEntry, TraceMemorizedResult } from './results.js';
import { type SessionOptions, traceAlone, type TraceSession } from './traceSession.js';
import { TRACE_SETTINGS } from './traceSettings.js';

export interface TraceMemorizedOptions
  extends SessionOptions, GivenOf<(typeof TRACE_SETTINGS)['memorized']> {}

/**
 * Asks whether neurons concern memorized images more than others of the same group and margin: zeroes the top neurons of each minority group,
 * and compares images of its class that the run trained on. Writes `results/trace-memorized.json`.
 *
 * @throws `USAGE` without a table, for one without `file` and `memorization`, or with images that the training split lacks,
 *   `DATASET_EMPTY_GROUP` without a minority group, and what `TraceSession.open` throws
 */
export async function traceMemorized(options: TraceMemorizedOptions): Promise<TraceMemorizedResult> {
  return traceAlone(TRACE_SETTINGS.memorized, options, traceMemorizedIn);
}

/** Like `traceMemorized`, in an open session. */
export async function traceMemorizedIn(
  session: TraceSession,
  options: GivenOf<(typeof TRACE_SETTINGS)['memorized']>,
): Promise<TraceMemorizedResult> {
  const given = resolveSettings(TRACE_SETTINGS.memorized, session.settings.protocol, options);
  const { memorized: table, ...settings } = given;
  if (table === undefined) {
    const problem = '`memorized` is missing: a table of images with their memorization.';
    throw usageError('memorized', table, 'a CSV file', problem, 'Write one with `memorization`.');
  }
  const memorization = await readMemorization(table, session);
  session.requireTopK(settings.criteria, settings.topK);
  const changes = (await imageChangesIn(session, settings)).filter(({ trained }) => trained === 1);
  const entries = groupedBy(changes, ['criterion', 'chosenFor', 'k', 'group']).map((own): MemorizedEntry => {
    const known = own.filter(({ file }) => memorization.has(file));
    const isMemorized = ({ file }: { readonly file: string }): boolean =>
      (memorization.get(file) as number) > MEMORIZED;
    const [yes, no] = [known.filter(isMemorized), known.filter((row) => !isMemorized(row))];
    const pairs = matched(yes, no);
    const differences = pairs.map(({ change, otherChange }) => change - otherChange);
    const meanOf = (values: readonly number[]): number | null => (values.length === 0 ? null : mean(values));
    return {
      ...(pick(own[0], ['criterion', 'chosenFor', 'k', 'group']) as Pick<
        MemorizedEntry,
        'criterion' | 'chosenFor' | 'k' | 'group'
      >),
      memorized: yes.length,
      others: no.length,
      compared: pairs.length,
      change: meanOf(pairs.map(({ change }) => change)),
      otherChange: meanOf(pairs.map(({ otherChange }) => otherChange)),
      difference: meanOf(differences),
      interval: differences.length < 2 ? null : meanInterval(momentsOf(differences)),
    };
  });
  const result: TraceMemorizedResult = {
    kind: 'trace-memorized',
    ...session.header,
    memorized: table,
    ...settings,
    entries,
  };
  await session.record(result);
  return result;
}

/** Reads the memorization of images of the training split; images without a number are left out. */
async function readMemorization(path: string, { dataset }: TraceSession): Promise<Map<string, number>> {
  const refuse = (problem: string, advice: string): SpurmemError =>
    usageError('memorized', path, 'a table of `memorization`', `${path}: ${problem}`, advice);
  let rows: Readonly<Record<string, string>>[];
  try {
    const cast = (cell: string): string => textOfCell(cell);
    rows = parse<Readonly<Record<string, string>>>(await readText(path), { columns: true, bom: true, cast });
  } catch (error) {
    throw Object.assign(refuse(`it is no readable CSV file.`, 'Write one with `memorization`.'), {
      cause: error,
    });
  }
  const known = rows.filter(({ memorization }) => memorization !== '');
  const numbers = known.map(({ file, memorization }): [string, number] => [
    file ?? '',
    memorization === undefined ? Number.NaN : Number(memorization),
  ]);
  if (rows.length === 0 || numbers.some(([file, value]) => file === '' || Number.isNaN(value)))
    throw refuse(
      'it needs the columns `file` and `memorization`, a number.',
      'Write it with `memorization`.',
    );
  const files = new Set(Array.from(imagesOf(dataset, 'train'), (index) => dataset.examples[index]?.filename));
  const strangers = numbers.map(([file]) => file).filter((file) => !files.has(file));
  if (strangers.length > 0) {
    const named = strangers.slice(0, 3).join(', ');
    const problem = `${strangers.length} of its ${numbers.length} images are not in the training split of ${dataset.table}: ${named}${strangers.length > 3 ? ', ...' : '.'}`;
    throw refuse(problem, 'Name the table of this data set.');
  }
  return new Map(numbers);
}
