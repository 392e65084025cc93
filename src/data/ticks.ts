// Images that somebody ticked, as groups: the ticked images of a class, and all others of it.
import { resolve } from 'node:path';
import { textOfCell } from '../csvFile.js';
import { messageOf } from '../errors.js';
import { LONGEST_NAME } from '../settings/ranges.js';
import * as z from '../zod.js';
import { badOption, type LayoutOption } from './layout.js';
import { invalidData, readCsv, readSource } from './sourceFile.js';
import { type Split, SPLITS } from './split.js';

/** A table of ticked images. */
export const TICKS = {
  schema: z.string().min(1),
  help: 'groups by ticks: a CSV file with the columns path and ticked (0 or 1), such as discover saves',
  placeholder: 'file',
  parse: (text: string) => resolve(text),
} satisfies LayoutOption<string>;

/** The attribute's values; a name in the table replaces the second. Nobody need have looked at an image that is not ticked. */
const OTHER = 'not ticked';
const TICKED = 'ticked';

/** How people, pandas and browsers write yes and no. */
const YES = /^(?:1|1\.0|true|yes|x)$/i;
const NO = /^(?:|0|0\.0|false|no)$/i;

/** A dataset's groups. */
interface Groups {
  readonly targetNames: readonly string[];
  readonly options: { readonly ticks?: string | undefined };
  readonly numSpurious: number;
  readonly groupNames: readonly string[];
  readonly counts: Readonly<Record<Split, readonly number[]>>;
}

/**
 * Reads a table of ticks, and returns examples whose attribute they are: an image that is missing there is not ticked. The splits stay.
 * Throws `badOption` for a missing table, and `DATASET_INVALID` naming the line of an unknown image or a value that is neither yes nor no.
 */
export async function readTicks<
  Example extends { readonly filename: string; readonly y: number },
  Labelled extends { readonly targetNames: readonly string[] },
>(root: string, ticks: string, labelled: Labelled & { readonly examples: readonly Example[] }) {
  const path = resolve(root, ticks);
  const file = await readSource(path, 'the table of ticks').catch((error: unknown) => {
    throw badOption('ticks', ticks, messageOf(error), 'Name a table that discover\u2019s page saved.');
  });
  const known = new Set(labelled.examples.map(({ filename }) => filename));
  const answers = new Map<string, boolean>();
  const ticked = new Set<string>();
  const names = new Set<string>();
  readCsv(file, (header, headerLine) => {
    const columns = header.map((cell) => cell.trim());
    const [at = -1, tick = -1, name = -1] = ['path', 'ticked', 'name'].map((one) => columns.indexOf(one));
    if (at < 0 || tick < 0) {
      const problem = `a table of ticks has the columns path and ticked; its header has ${columns.join(', ')}.`;
      throw invalidData(`${path}:${headerLine}: ${problem}`, 'Rename its columns.');
    }
    return (cells, line) => {
      const image = textOfCell(cells[at] ?? '');
      const yes = cells[tick]?.trim() ?? '';
      const bad = (problem: string, advice: string) => invalidData(`${path}:${line}: ${problem}.`, advice);
      if (!known.has(image))
        throw bad(
          `path: ${JSON.stringify(image)} is no image of ${root}`,
          'Remove the row, or name the data that was ticked.',
        );
      if (!YES.test(yes) && !NO.test(yes))
        throw bad(`ticked: ${JSON.stringify(yes)} is neither 1 nor 0`, 'Correct it.');
      const isYes = YES.test(yes);
      if ((answers.get(image) ?? isYes) !== isYes)
        throw bad(
          `path: ${JSON.stringify(image)} is ticked in one row, and not in another`,
          'Remove one of them.',
        );
      answers.set(image, isYes);
      if (!isYes) return;
      const named = textOfCell(cells[name]?.trim() ?? '');
      if (named.length > LONGEST_NAME)
        throw bad(`name: it has ${named.length} characters`, `Use at most ${LONGEST_NAME}.`);
      if (/\p{Cc}/u.test(named)) throw bad('name: it has control characters', 'Remove them.');
      ticked.add(image);
      names.add(named);
    };
  });
  if (ticked.size === 0)
    throw invalidData(`${path}: no image is ticked.`, 'Tick images that share something.');
  const [first = ''] = names;
  const value = names.size === 1 && first !== '' && first !== OTHER ? first : TICKED;
  const { targetNames } = labelled;
  const relabelled = {
    ...labelled,
    examples: labelled.examples.map((example) => {
      const a = Number(ticked.has(example.filename));
      return { ...example, a, group: example.y * 2 + a };
    }),
    spuriousNames: [OTHER, value],
    groupNames: targetNames.flatMap((target) =>
      [OTHER, value].map((of) => `${/^\d+$/.test(target) ? 'y ' : ''}${target}, ${of}`),
    ),
    numSpurious: 2,
    numGroups: targetNames.length * 2,
  };
  return { file, labelled: relabelled };
}

/** Whether a group is the ticked images of a class. */
export function isTicked(
  { options, numSpurious }: Pick<Groups, 'options' | 'numSpurious'>,
  group: number,
): boolean {
  return options.ticks !== undefined && group % numSpurious === 1;
}

/** Says how many ticks the groups rest on; undefined if they are no ticks. */
export function ticksLine(dataset: Groups): string | undefined {
  if (dataset.options.ticks === undefined) return undefined;
  const groups = dataset.groupNames.flatMap((name, group) => {
    if (!isTicked(dataset, group)) return [];
    const counts = SPLITS.map((split) => `${dataset.counts[split][group] ?? 0} ${split}`);
    return [`${name}: ${counts.join(', ')}`];
  });
  return `Groups are ticks of ${dataset.options.ticks}. Ticked images: ${groups.join('; ')}.`;
}

/** With fewer ticks in a class a repair says so. */
const FEW = 10;
/** With as many times more wrong images than ticks a repair says so. */
const FAR_MORE = 5;

/**
 * Says which classes a repair by ticks may harm.
 *
 * @param wrong validation images that the network gets wrong, [numClasses]
 */
export function ticksWarnings(dataset: Groups, wrong: readonly number[]): string[] {
  if (dataset.options.ticks === undefined) return [];
  return dataset.targetNames.flatMap((name, y) => {
    const ticked = dataset.counts.val[y * 2 + 1] ?? 0;
    const errors = wrong[y] ?? 0;
    if (ticked === 0)
      return [
        `No validation image of ${name} is ticked: ticked images of other classes weigh more, and ${name} may pay for it. Tick images of each class.`,
      ];
    const few =
      ticked < FEW
        ? [
            `${name} has ${ticked} ticked validation ${ticked === 1 ? 'image' : 'images'}: fewer than ${FEW} may mislead the repair.`,
          ]
        : [];
    const many =
      errors > FAR_MORE * ticked
        ? [
            `${errors} validation images of ${name} are wrong, and ${ticked} are ticked: where the others show the same, they weigh as images that do not, and the repair may turn the shortcut around. Tick many more, or train cbllr, which needs no ticks.`,
          ]
        : [];
    return [...few, ...many];
  });
}
