import type { Dataset } from '../data/dataset.js';
import { preprocessingSchema } from '../data/preprocessing.js';
import { usageError } from '../errors.js';
import { INTERPOLATIONS } from '../native/interface.js';
import { RANGES } from '../settings/ranges.js';
import { whole } from '../settings/schema.js';
import { checkSettings, defined, type GivenOf, setting } from '../settings/setting.js';
import { oneOf, orNone, real, shorterSide, size, three } from '../settings/values.js';
import * as z from '../zod.js';

const OF_DATASET = { default: undefined, otherwise: 'as the dataset prepares them' } as const;

/** Settings that replace parts of the dataset's preprocessing of images. */
export const INPUT_SETTINGS = {
  imageSize: setting({
    ...OF_DATASET,
    type: size(),
    argument: 'pixels',
    help: 'resize images to this side, without cropping',
    source: '224 px',
  }),
  resize: setting({
    ...OF_DATASET,
    type: orNone(shorterSide()),
    argument: 'pixels',
    help: 'resize images to a height and width such as 256x256, or their shorter side, such as 256; or none',
    source: 'not given, or in its Table 1 (supplement)',
  }),
  interpolation: setting({
    ...OF_DATASET,
    type: oneOf(INTERPOLATIONS),
    argument: 'name',
    help: 'how images are resized',
    source: 'bilinear',
  }),
  crop: setting({
    ...OF_DATASET,
    type: orNone(size()),
    argument: 'pixels',
    help: 'centre crop after resizing: a side such as 224, or height and width; or none',
    source: '224 x 224 px result',
  }),
  mean: setting({
    ...OF_DATASET,
    type: three(real(-RANGES.deviation[1], RANGES.deviation[1])),
    argument: 'list',
    help: 'means of red, green and blue (from 0 to 1) to subtract',
    source: 'ImageNet\u2019s',
  }),
  std: setting({
    ...OF_DATASET,
    type: three(real(...RANGES.deviation)),
    argument: 'list',
    help: 'standard deviations of red, green and blue to divide by',
    source: 'ImageNet\u2019s',
  }),
} as const;

const pixels = whole(RANGES.side);
const { resize, interpolation, crop, mean, std } = preprocessingSchema.shape;

/** The schema of `INPUT_SETTINGS` in a run's configuration. */
export const inputShape = {
  /** The size that images are resized to, without a crop. */
  imageSize: z.tuple([pixels, pixels]).optional(),
  resize: resize.optional(),
  interpolation,
  crop: crop.optional(),
  mean: mean.optional(),
  std: std.optional(),
};
export type InputConfig = Readonly<z.infer<z.ZodObject<typeof inputShape>>>;

/** Returns the settings of a run's input that differ from the dataset's. Throws `USAGE` for values out of range or in conflict. */
export function inputSettings(
  given: GivenOf<typeof INPUT_SETTINGS>,
  { preprocessing }: Pick<Dataset, 'preprocessing'>,
): InputConfig {
  checkSettings(INPUT_SETTINGS, given);
  const { imageSize, resize, interpolation, mean, std } = given;
  const crop = bothSides(given.crop);
  const other = (['resize', 'crop'] as const).find((name) => given[name] !== undefined);
  if (imageSize !== undefined && other !== undefined) {
    const problem = `\`imageSize\` is ${shown(imageSize)}, which crops nothing, and \`${other}\` is given, too.`;
    throw usageError(
      other,
      given[other],
      'nothing here',
      problem,
      'Give `imageSize` alone, or `resize` and `crop`.',
    );
  }
  if (resize !== undefined && resize !== null && crop === undefined && preprocessing.crop !== null) {
    const [least, most] = [sides(resize), preprocessing.crop];
    if (least.some((side, i) => side < (most[i] as number))) {
      const problem = `\`resize\` is ${shown(resize)}, and the dataset's preprocessing then crops ${shown(most)} px, which is more.`;
      throw usageError(
        'resize',
        resize,
        'at least the crop here',
        problem,
        'Give `crop`, too: none keeps all of it.',
      );
    }
  }
  return defined({
    imageSize: bothSides(imageSize) ?? undefined,
    resize: typeof resize === 'number' ? resize : resize && [resize[0], resize[1]],
    interpolation,
    crop,
    mean: mean && [...mean],
    std: std && [...std],
  });
}

type GivenSize = number | readonly [number, number];

/** Returns height and width; a single side means a square. */
function bothSides<None extends null | undefined>(given: GivenSize | None): [number, number] | None {
  if (typeof given !== 'number' && !Array.isArray(given)) return given as None;
  return sides(given as GivenSize);
}

function sides(given: GivenSize): [number, number] {
  return typeof given === 'number' ? [given, given] : [given[0], given[1]];
}

function shown(given: GivenSize): string {
  return typeof given === 'number' ? String(given) : given.join('x');
}
