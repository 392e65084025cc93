import { SpurmemError } from '../errors.js';
import type { Table } from '../kit/table.js';
import { nearestSentence } from '../settings/names.js';
import { acrossTables, armTables } from './armTables.js';
import { modelTables } from './modelTables.js';
import { PARTS } from './parts.js';
import { settingsOf } from './recordedSettings.js';
import { pooled, requireSettings } from './records.js';
import { rowsOn, type Study, testsOf } from './schema.js';

/** Tables below one heading. */
export interface StudySection {
  /** Their data or pool. */
  readonly name: string;
  readonly heading: string;
  readonly part: string;
  readonly tables: readonly Table[];
}

/** Returns the data sets of a study, with pools in place of their members: names and their members. */
export function setsOf(
  { data, pools, path }: Study,
  wanted?: readonly string[],
): [string, readonly string[]][] {
  const unknown = wanted?.find((name) => !Object.hasOwn(data, name));
  if (unknown !== undefined) {
    const problem = `${path} has no data named ${unknown}. ${nearestSentence(unknown, Object.keys(data))}`;
    throw new SpurmemError('USAGE', problem, {
      parameter: 'on',
      value: unknown,
      expected: Object.keys(data).join(', '),
    });
  }
  if (wanted) return wanted.map((name) => [name, [name]]);
  const alone = Object.keys(data).filter((name) => !Object.values(pools).flat().includes(name));
  return [...alone.map((name): [string, string[]] => [name, [name]]), ...Object.entries(pools)];
}

/**
 * Returns the tables of a study's recorded results; runs nothing. Throws `RUN_EXISTS` if they were recorded with other settings than the study's.
 *
 * @param wanted some of its data sets; default: all, and pools in place of their members
 */
export async function studyTables(study: Study, wanted?: readonly string[]): Promise<StudySection[]> {
  const sets = setsOf(study, wanted);
  for (const data of wanted ?? Object.keys(study.data))
    await requireSettings(study, data, settingsOf(study, data));
  const sections: StudySection[] = [];
  for (const [name, members] of sets) {
    const records = pooled(study.recordsFolder, name, members);
    const hasModels = members.some((member) => rowsOn(study, member).models.arms.length > 0);
    if (hasModels)
      sections.push({
        name,
        part: 'models',
        heading: `${name}, Part I`,
        tables: await modelTables(study, records),
      });
    for (const part of PARTS)
      sections.push({
        name,
        part: part.name,
        heading: `${name}, ${part.heading}`,
        tables: await part.tables(testsOf(study, part), records),
      });
    sections.push({
      name,
      part: 'arms',
      heading: `${name}, Part II`,
      tables: await armTables(study, records, members),
    });
  }
  if (!wanted)
    sections.push({
      name: 'across',
      part: 'across',
      heading: 'Across benchmarks',
      tables: await acrossTables(study),
    });
  return sections.filter(({ tables }) => tables.length > 0);
}
