import { readFile } from 'node:fs/promises';
import { IMAGENET_MEAN, IMAGENET_STD } from '../data/preprocessing.js';
import { messageOf, usageError } from '../errors.js';
import { INTERPOLATIONS } from '../native/addon.js';
import type { GivenOf } from '../settings/setting.js';
import * as z from '../zod.js';
import type { INPUT_SETTINGS } from './inputSettings.js';

const HALF = [0.5, 0.5, 0.5] as const;

/** The evaluation of torchvision's ImageNet weights (IMAGENET1K_V1), and of timm's vision transformers; `crop_pct` of timm's is 0.9. */
const NAMED: Readonly<Record<string, GivenOf<typeof INPUT_SETTINGS>>> = {
  imagenet: { resize: 256, crop: 224, mean: IMAGENET_MEAN, std: IMAGENET_STD },
  vit: { resize: 248, interpolation: 'bicubic', crop: 224, mean: HALF, std: HALF },
  deit: { resize: 248, interpolation: 'bicubic', crop: 224, mean: IMAGENET_MEAN, std: IMAGENET_STD },
};
export const PREPROCESSING_NAMES: readonly string[] = Object.keys(NAMED);

const three = z.tuple([z.number(), z.number(), z.number()]);
/** What timm's `create_transform` takes of a model's `pretrained_cfg`. */
const timmSchema = z.object({
  input_size: z.tuple([z.literal(3), z.int().positive(), z.int().positive()]),
  crop_pct: z.number().positive().max(1).default(0.875),
  /** Only squash resizes to another aspect ratio. */
  crop_mode: z.enum(['center', 'squash']).default('center'),
  interpolation: z.enum(INTERPOLATIONS).default('bilinear'),
  mean: three,
  std: three,
});

/**
 * Returns the settings of a model's input by name, or by a JSON file with timm's `pretrained_cfg`. Throws `USAGE` for another name, and for a
 * file that holds none.
 */
export async function namedPreprocessing(name: string): Promise<GivenOf<typeof INPUT_SETTINGS>> {
  const known = NAMED[name];
  if (known !== undefined) return known;
  try {
    const content = z
      .looseObject({ pretrained_cfg: z.unknown().optional() })
      .parse(JSON.parse(await readFile(name, 'utf8')));
    const { input_size, crop_pct, crop_mode, interpolation, mean, std } = timmSchema.parse(
      content.pretrained_cfg ?? content,
    );
    const [, height, width] = input_size;
    const isSquash = crop_mode === 'squash';
    if (!isSquash && height !== width) {
      throw new Error(
        `timm keeps the ratio of images that it resizes to ${height} x ${width} px, which is not supported`,
      );
    }
    const resize = [height, width].map((side) => Math.floor(side / crop_pct)) as [number, number];
    return {
      resize: isSquash ? resize : resize[0],
      interpolation,
      crop: [height, width],
      mean,
      std,
    };
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    throw usageError(
      'preprocessing',
      name,
      `one of ${PREPROCESSING_NAMES.join(', ')}, or a file`,
      `\`preprocessing\` is ${name}: it is none of ${PREPROCESSING_NAMES.join(', ')}, and no JSON file with timm\u2019s pretrained_cfg (${reason}).`,
      'Write one: json.dump(model.pretrained_cfg, open("cfg.json", "w")). Or give `resize`, `crop`, `mean` and `std`.',
    );
  }
}
