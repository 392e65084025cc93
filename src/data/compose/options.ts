import { posix, resolve } from 'node:path';
import { defined } from '../../settings/setting.js';
import * as z from '../../zod.js';
import { parseOptions } from '../issues.js';
import { WATERBIRDS_CLASSES, WATERBIRDS_PLACES } from './waterbirds.js';

const text = z.string().min(1);
const SIZE = { error: 'must be from 0.05 to 1 of the image’s side' };

/** Classes or places by name, and what belongs to each. */
const namedList = z
  .array(z.strictObject({ name: text, of: z.array(text).min(1) }))
  .min(2, { error: 'at least two are needed' })
  .refine((list) => new Set(list.map(({ name }) => name)).size === list.length, {
    error: 'the names must differ from each other',
  })
  .refine((list) => new Set(list.flatMap(({ of }) => of)).size === list.flatMap(({ of }) => of).length, {
    error: 'what belongs to one cannot belong to another',
  });

/** Folders, none inside another: a scene is in one image only. */
const placeList = namedList.refine(
  (list) => {
    const folders = list.flatMap(({ of }) => of.map((folder) => posix.join(folder, '/')));
    return !folders.some((one, i) => folders.some((other, j) => i !== j && other.startsWith(one)));
  },
  { error: 'no folder may lie in another one' },
);

export const DEFAULT_COMPOSE = {
  maskColumn: 'mask',
  classColumn: 'class',
  agreement: 0.95,
  foregroundSize: 0.7,
  size: 224,
  seed: 0,
} as const;

/** The options of `composeDataset`. */
const composeOptionsSchema = z
  .strictObject({
    /**
     * `waterbirds`: `foregrounds` is CUB-200-2011's folder, `masks` its segmentations' and `scenes` Places' folder; classes, places, splits
     * and counts follow Waterbirds' authors.
     */
    preset: z.literal('waterbirds').optional(),
    /** Preset: classes as the authors' generator makes them, which finds "tern" in `Eastern_Towhee`. */
    substringSpecies: z.boolean().default(false),
    /** The folder of the foreground images. */
    foregrounds: text,
    /** Preset: the folder of the masks. */
    masks: text.optional(),
    /** A CSV of the foregrounds, whose column `image` and mask column name files relative to `foregrounds`. */
    table: text.optional(),
    maskColumn: text.default(DEFAULT_COMPOSE.maskColumn),
    classColumn: text.default(DEFAULT_COMPOSE.classColumn),
    /** The classes: names, and the values of `classColumn` that belong to each. */
    classes: namedList.optional(),
    /** The folder of the scenes. */
    scenes: text,
    /** The places, the spurious attribute: names, and the folders below `scenes` that show each. */
    places: placeList.optional(),
    /** The share of a class's training images on the place of the same number. */
    agreement: z.number().min(0).max(1).default(DEFAULT_COMPOSE.agreement),
    /** In validation and test, each foreground lies on every place. */
    paired: z.boolean().default(false),
    /** The longer side of a cut-out as a share of the image's; null: it lies where its photograph has it, on an image of that size. */
    foregroundSize: z.number(SIZE).min(0.05, SIZE).max(1, SIZE).nullable().optional(),
    /** Side in pixels of images with cut-outs. */
    size: z.number().int().min(16).max(1024).default(DEFAULT_COMPOSE.size),
    /** Leaves out foregrounds with bad masks; else they are an error. */
    skipBadMasks: z.boolean().default(false),
    seed: z.number().int().min(0).max(0xffffffff).default(DEFAULT_COMPOSE.seed),
  })
  .superRefine(({ preset, masks, table, classes, places }, context) => {
    const refuse = (key: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [key], message });
    };
    const [own, others] = [{ masks }, { table, classes, places }];
    const [needed, idle] = preset === undefined ? [others, own] : [own, others];
    for (const [key, value] of Object.entries(needed)) if (value === undefined) refuse(key, 'is needed');
    for (const [key, value] of Object.entries(idle)) {
      if (value !== undefined)
        refuse(key, `does not apply ${preset === undefined ? 'without' : 'together with'} \`preset\``);
    }
    if (classes && places && classes.length !== places.length) {
      refuse('places', `${classes.length} classes and ${places.length} places cannot agree`);
    }
  });
/** Options left out take their defaults, or the preset's. */
export type ComposeOptions = z.input<typeof composeOptionsSchema>;
export type ResolvedComposeOptions = ReturnType<typeof parseComposeOptions>;

/** Checks the options and gives them their canonical form, with absolute paths. Throws `USAGE`. */
export function parseComposeOptions(options: ComposeOptions) {
  const given = defined({ ...options });
  const parsed = parseOptions(composeOptionsSchema, given, 'The images cannot be composed so');
  const { preset, foregrounds, masks, table, scenes } = parsed;
  const { foregroundSize = preset === undefined ? DEFAULT_COMPOSE.foregroundSize : null } = parsed;
  return {
    ...parsed,
    foregroundSize,
    foregrounds: resolve(foregrounds),
    scenes: resolve(scenes),
    ...(masks === undefined ? {} : { masks: resolve(masks) }),
    ...(table === undefined ? {} : { table: resolve(table) }),
  };
}

/** Names of the classes, in the order of y. */
export function classNames({ classes }: ResolvedComposeOptions): readonly string[] {
  return classes?.map(({ name }) => name) ?? WATERBIRDS_CLASSES;
}

/** The places, in the order of their numbers. */
export function placesOf({ places }: ResolvedComposeOptions) {
  return places ?? WATERBIRDS_PLACES;
}
