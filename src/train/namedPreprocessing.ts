import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { IMAGENET_MEAN, IMAGENET_STD } from '../data/preprocessing.js';
import { messageOf, usageError } from '../errors.js';
import { readText } from '../files.js';
import { CONFIG, PREPROCESSOR } from '../models/modelFolder.js';
import { isFolder } from '../models/weightsFile.js';
import { INTERPOLATIONS } from '../native/interface.js';
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

const side = z.int().positive();
const square = side.transform((one) => ({ height: one, width: one }));
const sides = z.object({ height: side, width: side });
/** PIL's codes of the filters that are supported. */
const RESAMPLE = { 2: 'bilinear', 3: 'bicubic' } as const;
/** The image processors for which one side is the shorter one. */
const SHORTER = /^(?:ConvNext|Bit|CLIP)/;
const CONVNEXT = 'ConvNext';

/** transformers' preprocessor_config.json; older files have `feature_extractor_type` and sides instead of sizes. */
const processorSchema = z.object({
  image_processor_type: z.string().optional(),
  feature_extractor_type: z.string().optional(),
  do_resize: z.boolean().nullish(),
  size: z.union([side, sides, z.object({ shortest_edge: side })]).nullish(),
  crop_pct: z.number().positive().max(1).nullish(),
  resample: z.literal([2, 3], { error: 'only 2 (bilinear) and 3 (bicubic) are supported' }).nullish(),
  do_center_crop: z.boolean().nullish(),
  crop_size: z.union([square, sides]).nullish(),
  do_rescale: z.literal(true, { error: 'only true is supported' }).nullish(),
  rescale_factor: z.number().positive().nullish(),
  rescale_offset: z.literal(false, { error: 'only false is supported' }).nullish(),
  do_normalize: z.boolean().nullish(),
  image_mean: three.nullish(),
  image_std: three.nullish(),
});

/** Keys of which such a file has one, and timm's none. */
const PROCESSOR_KEYS = [
  'image_processor_type',
  'feature_extractor_type',
  'image_mean',
  'do_normalize',
] as const;

/** Returns the input that a transformers image processor gives in its evaluation. */
function ofProcessor(json: unknown): GivenOf<typeof INPUT_SETTINGS> {
  const given = processorSchema.parse(json);
  const {
    image_processor_type,
    feature_extractor_type,
    size,
    crop_size: crop,
    image_mean,
    image_std,
  } = given;
  const type = image_processor_type ?? feature_extractor_type ?? '';
  const scale = 255 * (given.rescale_factor ?? 1 / 255);
  const scaled = (values: readonly [number, number, number]) =>
    values.map((value) => value / scale) as [number, number, number];
  const isNormalized = given.do_normalize !== false;
  if (isNormalized && !(image_mean && image_std)) throw new Error('image_mean or image_std is missing');
  const normalization = {
    mean: isNormalized && image_mean ? scaled(image_mean) : ([0, 0, 0] as const),
    std: isNormalized && image_std ? scaled(image_std) : scaled([1, 1, 1]),
  };
  const cropped = given.do_center_crop === true && crop ? ([crop.height, crop.width] as const) : null;
  if (given.do_resize === false) return { resize: null, crop: cropped, ...normalization };
  if (!size || !given.resample) throw new Error(`${size ? 'resample' : 'size'} is missing`);
  const interpolation = RESAMPLE[given.resample];
  const isShorter = typeof size === 'number' ? SHORTER.test(type) : 'shortest_edge' in size;
  if (!isShorter) {
    const { height, width } = typeof size === 'number' ? square.parse(size) : (size as z.infer<typeof sides>);
    return { resize: [height, width], interpolation, crop: cropped, ...normalization };
  }
  const shorter = typeof size === 'number' ? size : (size as { shortest_edge: number }).shortest_edge;
  if (!type.startsWith(CONVNEXT)) return { resize: shorter, interpolation, crop: cropped, ...normalization };
  const whole = [shorter, shorter] as const;
  if (shorter >= 384) return { resize: whole, interpolation, crop: null, ...normalization };
  if (!given.crop_pct) throw new Error('crop_pct is missing');
  return { resize: Math.trunc(shorter / given.crop_pct), interpolation, crop: whole, ...normalization };
}

/**
 * Returns the settings of a model's input by name, or by a JSON file with timm's `pretrained_cfg` or transformers' preprocessor_config.json, which may
 * be named by its folder. Throws `USAGE` for another name, and for a file that holds none.
 */
export async function namedPreprocessing(name: string): Promise<GivenOf<typeof INPUT_SETTINGS>> {
  const known = NAMED[name];
  if (known !== undefined) return known;
  try {
    const inFolder = (await isFolder(name)) && (await readdir(name)).includes(PREPROCESSOR);
    const file = (await isFolder(name)) ? join(name, inFolder ? PREPROCESSOR : CONFIG) : name;
    const content = z
      .looseObject({ pretrained_cfg: z.unknown().optional() })
      .parse(JSON.parse(await readText(file)));
    if (PROCESSOR_KEYS.some((key) => key in content)) return ofProcessor(content);
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
      `\`preprocessing\` is ${name}: it is none of ${PREPROCESSING_NAMES.join(', ')}, and no JSON file with timm\u2019s pretrained_cfg or transformers\u2019 image processor (${reason}).`,
      'Write one: json.dump(model.pretrained_cfg, open("cfg.json", "w")). Or give `resize`, `crop`, `mean` and `std`.',
    );
  }
}
