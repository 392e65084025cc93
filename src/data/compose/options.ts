import { posix, resolve } from 'node:path';
import { z } from 'zod';
import { RANGES } from '../../settings/ranges.js';
import { whole } from '../../settings/schema.js';
import { defined } from '../../settings/setting.js';
import { parseOptions } from '../issues.js';
import { perSplit, SPLITS } from '../split.js';
import { WATERBIRDS_CHOICES, WATERBIRDS_PLACES } from './waterbirds.js';

const path = z.string().min(1);
const column = z.string().min(1);
const groupCounts = z.array(whole(RANGES.count));

const SHARES = { error: 'must be three shares above 0 that add up to 1: of training, validation and test' };
const share = z.number(SHARES).positive(SHARES);
const SIZE = { error: 'must be from 0.05 to 1 of the image’s side' };

/** A class or a place, and what belongs to it. */
const named = z.strictObject({ name: z.string().min(1), of: z.array(z.string().min(1)).min(1) });
const namedList = z
  .array(named)
  .min(2, { error: 'at least two are needed' })
  .refine((list) => new Set(list.map(({ name }) => name)).size === list.length, {
    error: 'the names must differ from each other',
  })
  .refine((list) => new Set(list.flatMap(({ of }) => of)).size === list.flatMap(({ of }) => of).length, {
    error: 'what belongs to one cannot belong to another',
  });

const NESTED = 'no folder may lie in another one';

function areNested(list: z.output<typeof namedList>): boolean {
  const folders = list.flatMap(({ of }) => of.map((folder) => posix.join(folder, '/')));
  return folders.some((one, i) => folders.some((other, j) => i !== j && other.startsWith(one)));
}

/** Folders, none of them in another one: a scene is in one image only. */
const placeList = namedList.refine((list) => !areNested(list), { error: NESTED });

export const DEFAULT_COMPOSE = {
  substringSpecies: false,
  imageColumn: 'image',
  classColumn: 'class',
  agreement: 0.95,
  shares: [0.6, 0.1, 0.3],
  paired: false,
  foregroundSize: 0.7,
  position: 'center',
  size: 224,
  jpegQuality: 95,
  skipBadMasks: false,
  seed: 0,
} as const;

/** Sources and counts of a composed dataset. */
const composeOptionsSchema = z
  .strictObject({
    /**
     * `waterbirds`: `foregrounds` is CUB-200-2011's folder, `masks` that of its segmentations and `scenes` that of Places,
     * and classes, places, splits and counts are those of Waterbirds' authors.
     */
    preset: z.literal('waterbirds').optional(),
    /** Preset: classes as the authors' generator makes them, which finds "tern" in `Eastern_Towhee`. */
    substringSpecies: z.boolean().default(DEFAULT_COMPOSE.substringSpecies),

    /** The folder of the foreground images. */
    foregrounds: path,
    /** The folder of their masks: the image's path, with any ending. Left out: the table's, or the images' own alpha. */
    masks: path.optional(),
    /** A CSV that lists the foregrounds; left out: all images of the folder, whose own folders name the class. */
    table: path.optional(),
    /** Columns of the table. Files are relative to `foregrounds`. */
    imageColumn: column.default(DEFAULT_COMPOSE.imageColumn),
    maskColumn: column.optional(),
    classColumn: column.default(DEFAULT_COMPOSE.classColumn),
    /** 0, 1, 2 or words, as in metadata.csv; left out: the foregrounds are shared out between the splits at random. */
    splitColumn: column.optional(),
    /** In the order of y: a name, and the words of the table's column or the folders that belong to it. */
    classes: namedList.optional(),

    /** The folder of the scenes. */
    scenes: path,
    /** In the order of the attribute: a name, and the folders below `scenes` whose images, also deeper ones, belong to it. */
    places: placeList.optional(),

    /** Images of each group = y * places + a in each split. Left out: all foregrounds, by `agreement` and `shares`. */
    counts: z.strictObject(perSplit(() => groupCounts)).optional(),
    /** Share of a class's training images that lie on the place of the same number. */
    agreement: z.number().min(0).max(1).default(DEFAULT_COMPOSE.agreement),
    /** The splits' shares of the foregrounds: training, validation, test. */
    shares: z
      .tuple([share, share, share], SHARES)
      .refine((parts) => Math.abs(parts[0] + parts[1] + parts[2] - 1) < 1e-6, SHARES)
      .default([...DEFAULT_COMPOSE.shares]),
    /** In validation and test each foreground lies on every place: group differences then are those of scenes alone. */
    paired: z.boolean().default(DEFAULT_COMPOSE.paired),

    /**
     * The longer side of the cut-out as a share of the image's side; null: the foreground stays where its photograph has it,
     * and the image is as large as that photograph.
     */
    foregroundSize: z
      .number(SIZE)
      .min(0.05, SIZE)
      .max(1, SIZE)
      .nullable()
      .default(DEFAULT_COMPOSE.foregroundSize),
    /** Where a cut-out goes. */
    position: z.enum(['center', 'random']).default(DEFAULT_COMPOSE.position),
    /** Side in pixels of images with cut-outs. */
    size: z.number().int().min(16).max(1024).default(DEFAULT_COMPOSE.size),
    jpegQuality: z.number().int().min(1).max(100).default(DEFAULT_COMPOSE.jpegQuality),
    /** Leaves out foregrounds with bad masks; else they are an error. */
    skipBadMasks: z.boolean().default(DEFAULT_COMPOSE.skipBadMasks),
    seed: z.number().int().min(0).max(0xffffffff).default(DEFAULT_COMPOSE.seed),
  })
  .superRefine(
    ({ preset, masks, table, maskColumn, splitColumn, classes, places, counts, paired }, context) => {
      const refuse = (path: string[], message: string): void => {
        context.addIssue({ code: 'custom', path, message });
      };
      const needed = preset === undefined ? { classes, places } : { masks };
      for (const [key, value] of Object.entries(needed)) if (value === undefined) refuse([key], 'is needed');
      const ofPreset = { classes, places, table, maskColumn, splitColumn };
      const [idle, why] =
        preset !== undefined
          ? [ofPreset, 'has no part beside `preset`, which has its own']
          : table === undefined
            ? [{ maskColumn, splitColumn }, 'has no part without `table`']
            : [{}, ''];
      for (const [key, value] of Object.entries(idle)) if (value !== undefined) refuse([key], why);
      if (table === undefined && classes !== undefined && areNested(classes)) refuse(['classes'], NESTED);
      const numPlaces = (places ?? WATERBIRDS_PLACES).length;
      const numClasses = classes?.length ?? 2;
      if (counts === undefined) {
        if (preset !== undefined || numClasses === numPlaces) return;
        refuse(
          ['counts'],
          `is needed where there are ${numClasses} classes and ${numPlaces} places: none agrees with another`,
        );
        return;
      }
      for (const split of SPLITS) {
        const ofSplit = counts[split];
        const isUneven = ofSplit.some((count, group) => count !== ofSplit[group - (group % numPlaces)]);
        if (ofSplit.length !== numClasses * numPlaces) {
          refuse(
            ['counts', split],
            `${ofSplit.length} counts for ${numClasses * numPlaces} groups (${numClasses} classes x ${numPlaces} places): ` +
              'give one per group, class by class',
          );
        } else if (split !== 'train' && paired && isUneven) {
          refuse(
            ['counts', split],
            'paired foregrounds lie on every place, so that the counts of a class must be equal',
          );
        }
      }
    },
  );
/** Options left out take their defaults, or the preset's. */
export type ComposeOptions = z.input<typeof composeOptionsSchema>;
export type ResolvedComposeOptions = z.output<typeof composeOptionsSchema>;

/** Checks the options and gives them their canonical form, with absolute paths. Throws `USAGE`. */
export function parseComposeOptions(options: ComposeOptions): ResolvedComposeOptions {
  // Left out is left out, also where it is said so.
  const given = defined({ ...options });
  const preset = given.preset === undefined ? {} : WATERBIRDS_CHOICES;
  const parsed = parseOptions(
    composeOptionsSchema,
    { ...preset, ...given },
    'The images cannot be composed so',
  );
  const { foregrounds, masks, table, scenes } = parsed;
  return {
    ...parsed,
    foregrounds: resolve(foregrounds),
    scenes: resolve(scenes),
    ...(masks === undefined ? {} : { masks: resolve(masks) }),
    ...(table === undefined ? {} : { table: resolve(table) }),
  };
}
