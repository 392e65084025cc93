import { join } from 'node:path';
import { messageOf, SpurmemError, systemCode } from '../../errors.js';
import { makeFolder, readCheckedJson, writeCheckedJson } from '../../files.js';
import type { StudyPlan } from './studies.js';
import type { StudyOptions } from './studyOptions.js';

/** A study by its name: its command's word, and that of its files. */
export interface NamedPlan extends StudyPlan {
  readonly kind: string;
}

interface DeclaredStudy extends Pick<StudyPlan, 'arms'> {
  readonly seeds: readonly number[];
  /** The margin of its equivalence tests, a fraction. */
  readonly equivalence: number | null;
}

/**
 * Writes what studies will compare, with which seeds and margin, before their first run: `<out>/<study>.plan.json`. A margin that
 * was declared stays, and so do the rows and seeds that were declared with one: chosen after the results, they would tell nothing.
 * Others are `RUN_EXISTS`.
 *
 * @param file the study's file, where it has one
 */
export async function declare(
  out: string,
  plans: readonly NamedPlan[],
  { seeds, equivalence: margin }: Pick<StudyOptions, 'seeds' | 'equivalence'>,
  file?: string,
): Promise<void> {
  await makeFolder(out);
  const equivalence = margin ?? null;
  for (const { kind, title, arms, focus } of plans) {
    const path = join(out, `${kind}.plan.json`);
    const declared = await readDeclared(path);
    if (declared && declared.equivalence !== equivalence) {
      const expected = points(declared.equivalence);
      throw new SpurmemError(
        'RUN_EXISTS',
        `\`equivalence\` is ${points(equivalence)}, and ${path} declares ${expected}: a margin is set before the first result.`,
        file === undefined
          ? { parameter: 'equivalence', value: equivalence, expected, advice: adviceOf('the same one') }
          : ofFile(file),
      );
    }
    const differs = (name: 'arms' | 'seeds', now: unknown): boolean =>
      typeof declared?.equivalence === 'number' && JSON.stringify(declared[name]) !== JSON.stringify(now);
    const areOther = differs('arms', arms);
    if (areOther || differs('seeds', seeds)) {
      const [rows, parameter] = areOther ? ['rows', 'only'] : ['seeds', 'seeds'];
      throw new SpurmemError(
        'RUN_EXISTS',
        `${path} declares other ${rows}, with a margin of ${points(equivalence)}: what is compared is set before the first result.`,
        file === undefined ? { parameter, advice: adviceOf('the same ones') } : ofFile(file),
      );
    }
    await writeCheckedJson(path, { kind, title, equivalence, seeds, focus: focus ?? null, arms });
  }
}

function ofFile(file: string) {
  return { advice: [`Restore them in ${file}, or name another folder of runs there.`] };
}

function adviceOf(same: string): string[] {
  return [`Give ${same}, or begin a study of its own with another \`out\`.`];
}

async function readDeclared(path: string): Promise<DeclaredStudy | undefined> {
  try {
    return (await readCheckedJson(path)) as DeclaredStudy;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw new SpurmemError('RUN_INVALID', `${path} is damaged: ${messageOf(error)}. Delete it.`, {
      cause: error,
    });
  }
}

function points(margin: number | null): string {
  return margin === null ? 'not given' : `${Number((100 * margin).toPrecision(12))} points`;
}
