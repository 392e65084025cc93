import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, SpurmemError, systemCode } from '../../errors.js';
import { makeFolder, writeJson } from '../../files.js';
import type { StudyPlan } from './studies.js';

/** A study by its name: its command's word, and that of its files. */
export interface NamedPlan extends StudyPlan {
  readonly kind: string;
}

/** Seeds and margin of a study, set before its first run. */
interface Declared {
  readonly seeds: readonly number[];
  /** The margin of its equivalence tests, a fraction. */
  readonly equivalence?: number | undefined;
}

interface DeclaredStudy extends Pick<Declared, 'seeds'>, Pick<StudyPlan, 'arms'> {
  readonly equivalence: number | null;
}

/**
 * Writes what studies will compare, with which seeds and margin, before their first run: `<out>/<study>.plan.json`. A margin that
 * was declared stays, and so do the rows and seeds that were declared with one: chosen after the results, they would tell nothing.
 *
 * @throws `RUN_EXISTS` for another margin, and for other rows or seeds beside a margin
 */
export async function declare(
  out: string,
  plans: readonly NamedPlan[],
  { seeds, equivalence: margin }: Declared,
): Promise<void> {
  await makeFolder(out);
  const equivalence = margin ?? null;
  for (const { kind, title, arms, focus } of plans) {
    const path = join(out, `${kind}.plan.json`);
    const declared = await readDeclared(path);
    if (declared && declared.equivalence !== equivalence) {
      throw new SpurmemError(
        'RUN_EXISTS',
        `\`equivalence\` is ${points(equivalence)}, and ${path} declares ${points(declared.equivalence)}: ` +
          'a margin is set before the first result.',
        {
          parameter: 'equivalence',
          value: equivalence,
          expected: points(declared.equivalence),
          advice: ['Give the same one, or begin a study of its own with another `out`.'],
        },
      );
    }
    const other = declared && otherThanDeclared(declared, { arms, seeds });
    if (typeof declared?.equivalence === 'number' && other !== undefined) {
      throw new SpurmemError(
        'RUN_EXISTS',
        `${path} declares other ${other === 'arms' ? 'rows' : 'seeds'}, with a margin of ${points(declared.equivalence)}: what is compared is ` +
          'set before the first result.',
        {
          parameter: other === 'arms' ? 'only' : 'seeds',
          advice: ['Give the same ones, or begin a study of its own with another `out`.'],
        },
      );
    }
    await writeJson(path, { kind, title, equivalence, seeds, focus: focus ?? null, arms });
  }
}

function otherThanDeclared(
  declared: DeclaredStudy,
  now: Pick<DeclaredStudy, 'arms' | 'seeds'>,
): 'arms' | 'seeds' | undefined {
  const isSame = (name: 'arms' | 'seeds'): boolean =>
    JSON.stringify(declared[name]) === JSON.stringify(now[name]);
  return (['arms', 'seeds'] as const).find((name) => !isSame(name));
}

async function readDeclared(path: string): Promise<DeclaredStudy | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as DeclaredStudy;
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
