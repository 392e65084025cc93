import { basename, join, resolve } from 'node:path';
import { SpurmemError } from '../../errors.js';
import { type JobOptions, throwIfAborted } from '../../progress.js';
import { checkOptions, JOB_TYPES } from '../../settings/options.js';
import type { Dataset } from '../dataset.js';
import type { DatasetConfig } from '../datasetConfig.js';
import { drawDataset, type Drawings, Places } from '../drawnDataset.js';
import { mapOrdered } from '../ordered.js';
import { IMAGENET_MEAN, IMAGENET_STD } from '../preprocessing.js';
import { SPLITS } from '../split.js';
import { composeImage, inPlace, type MaskShape, placeCutOut, readMask, shapeOf } from './cutOut.js';
import type { ForegroundFile } from './foregroundFile.js';
import { classNames, imagesBelow, listForegrounds } from './foregrounds.js';
import { type ComposeOptions, parseComposeOptions, type ResolvedComposeOptions } from './options.js';
import { planCompositions } from './plan.js';
import { WATERBIRDS_PLACES } from './waterbirds.js';

/** Masks that are looked at at once. */
const LOOKING = 8;
/** Bad masks that an error names. */
const NAMED = 10;
const MASKS = 'masks';
const CHECKING = 'checking masks';

/**
 * Composes a benchmark with a spurious correlation in `folder`, in the Waterbirds layout: foregrounds (the class) cut out by
 * masks, on scenes (the spurious attribute). Each foreground is in one split only, and each scene in one image only.
 *
 * Writes `<split>/<group>/<number>.jpg`, beside them `masks/` with how much of each pixel is foreground (which Grad-CAM measures
 * heat by), `dataset.json`, `compose.json` (the options) and, last and atomically, `metadata.csv`, whose further columns name
 * the parts of every image: an interrupted build is no dataset, and is started over. A finished one with the same options is
 * returned as it is.
 *
 * @throws SpurmemError `USAGE` for options that are wrong, cannot be met, or differ from those of the dataset in the folder;
 *   `DATASET_NOT_FOUND` and `DATASET_INVALID` for a source that is missing or damaged; `IMAGE_INVALID` naming bad masks and
 *   images that cannot be read; `OUTPUT_UNWRITABLE`; `INTERRUPTED`
 */
export async function composeDataset(
  folder: string,
  options: ComposeOptions,
  job: JobOptions = {},
): Promise<Dataset> {
  checkOptions(job, { types: JOB_TYPES });
  const wanted = parseComposeOptions(options);
  const root = resolve(folder);
  return drawDataset(
    root,
    {
      noun: 'composed images',
      task: 'composing images',
      optionsName: 'compose.json',
      options: wanted,
      parse: (stored) => parseComposeOptions(stored as ComposeOptions),
      plan: () => planDrawings(basename(root), wanted, job),
    },
    job,
  );
}

async function planDrawings(
  name: string,
  options: ResolvedComposeOptions,
  job: JobOptions,
): Promise<Drawings> {
  const places = await Promise.all(
    (options.places ?? WATERBIRDS_PLACES).map(async (place) => ({
      name: place.name,
      scenes: (await Promise.all(place.of.map((below) => scenesOf(options.scenes, below)))).flat(),
    })),
  );
  const foregrounds = await withGoodMasks(options, await listForegrounds(options), job);
  const classes = classNames(options);
  const plan = planCompositions(options, {
    foregrounds: foregrounds.map(({ file }) => file),
    classes,
    places: places.map((place) => ({ name: place.name, scenes: place.scenes.length })),
  });
  const numbered = new Places();
  const images = plan.map(({ split, y, a, at, ...chosen }, index) => {
    const foreground = foregrounds[chosen.foreground];
    const scene = places[a]?.scenes[chosen.scene];
    if (foreground === undefined || scene === undefined)
      throw new Error('the plan names an image beyond its pool');
    const { file, shape } = foreground;
    const place = numbered.next(split, y * places.length + a);
    const placement =
      options.foregroundSize === null
        ? inPlace(shape)
        : placeCutOut(
            shape,
            options.size,
            options.foregroundSize,
            options.position === 'center' ? [0.5, 0.5] : at,
          );
    const { left, top, width, height } = placement.to;
    const files = { image: join(options.foregrounds, file.image), mask: file.mask };
    return {
      row: {
        img_id: index,
        img_filename: `${place}.jpg`,
        y,
        split: SPLITS.indexOf(split),
        place: a,
        foreground: file.image,
        place_filename: scene,
        foreground_left: left,
        foreground_top: top,
        foreground_width: width,
        foreground_height: height,
      },
      drawing: {
        files: [`${place}.jpg`, `${MASKS}/${place}.png`],
        draw: async () => {
          const scenePath = join(options.scenes, scene);
          const { image, mask } = await composeImage(files, scenePath, placement, options.jpegQuality);
          return [image, mask];
        },
      },
    };
  });
  return {
    config: datasetConfig(
      name,
      options,
      classes,
      places.map((place) => place.name),
    ),
    rows: images.map(({ row }) => row),
    drawings: images.map(({ drawing }) => drawing),
  };
}

/** Images of a folder below the scenes' folder, relative to the latter. */
async function scenesOf(scenes: string, below: string): Promise<string[]> {
  const found = await imagesBelow(join(scenes, below), 'the folder of scenes');
  if (found.length > 0) return found.map((image) => `${below}/${image}`);
  throw new SpurmemError('DATASET_NOT_FOUND', `${join(scenes, below)}: the folder holds no images.`, {
    parameter: 'places',
    value: below,
    advice: ['Name folders below `scenes` that hold some.'],
  });
}

interface Foreground {
  readonly file: ForegroundFile;
  readonly shape: MaskShape;
}

/** Looks at every mask before anything is drawn. Throws `IMAGE_INVALID` naming the bad ones unless they are to be left out. */
async function withGoodMasks(
  { foregrounds, skipBadMasks }: ResolvedComposeOptions,
  files: readonly ForegroundFile[],
  { onProgress, onWarning, signal }: JobOptions,
): Promise<Foreground[]> {
  const good: Foreground[] = [];
  const bad: { readonly image: string; readonly problem: string }[] = [];
  const look = async (
    file: ForegroundFile,
  ): Promise<{ file: ForegroundFile; shape: MaskShape | undefined }> => {
    const mask = await readMask(join(foregrounds, file.image), file.mask);
    return { file, shape: mask && shapeOf(mask) };
  };
  let done = 0;
  for await (const { file, shape } of mapOrdered(files, LOOKING, look)) {
    throwIfAborted(signal, CHECKING);
    const problem = shape === undefined ? 'missing: the image has no alpha' : shape.problem;
    if (shape !== undefined && problem === undefined) good.push({ file, shape });
    else bad.push({ image: file.image, problem: problem ?? '' });
    onProgress?.({ task: CHECKING, done: (done += 1), total: files.length, unit: 'masks' });
  }
  if (!skipBadMasks && bad.length > 0) throw badMasks(foregrounds, bad, files.length);
  for (const { image, problem } of bad) onWarning?.(`left out: ${image}, whose mask is ${problem}`);
  return good;
}

function badMasks(
  folder: string,
  bad: readonly { readonly image: string; readonly problem: string }[],
  of: number,
): SpurmemError {
  const lines = bad.slice(0, NAMED).map(({ image, problem }) => `  ${image}: ${problem}\n`);
  const rest = bad.length > NAMED ? `  and ${bad.length - NAMED} more\n` : '';
  return new SpurmemError(
    'IMAGE_INVALID',
    `${folder}: ${bad.length} of ${of} foregrounds have masks that cut nothing out:\n${lines.join('')}${rest}`,
    { advice: ['Mend them, or leave them out with `skipBadMasks`.'] },
  );
}

function datasetConfig(
  name: string,
  { preset, foregroundSize }: ResolvedComposeOptions,
  classes: readonly string[],
  places: readonly string[],
): DatasetConfig {
  return {
    name: preset ?? name,
    targetNames: [...classes],
    spuriousNames: [...places],
    coreRegion: MASKS,
    // Images at their photographs' sizes go the article's way; cut-outs lie on images of the model's size.
    ...(foregroundSize === null
      ? {}
      : {
          preprocessing: {
            resize: null,
            crop: null,
            mean: [...IMAGENET_MEAN],
            std: [...IMAGENET_STD],
            augmentation: null,
          },
        }),
  };
}
