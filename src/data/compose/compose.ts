import { basename, join } from 'node:path';
import { SpurmemError } from '../../errors.js';
import { type JobOptions, throwIfAborted } from '../../progress.js';
import type { Dataset } from '../dataset.js';
import { drawDataset, type Drawings, Places } from '../drawnDataset.js';
import { mapOrdered } from '../ordered.js';
import { ARTICLE_PREPROCESSING } from '../preprocessing.js';
import { SPLITS } from '../split.js';
import { composeImage, inPlace, type MaskShape, placeCutOut, readMask, shapeOf } from './cutOut.js';
import { classNames, imagesBelow, listForegrounds } from './foregrounds.js';
import { type ComposeOptions, parseComposeOptions, type ResolvedComposeOptions } from './options.js';
import { planCompositions } from './plan.js';
import { type ForegroundFile, WATERBIRDS_PLACES } from './waterbirds.js';

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
export function composeDataset(
  folder: string,
  options: ComposeOptions,
  job: JobOptions = {},
): Promise<Dataset> {
  const benchmark = {
    noun: 'composed images',
    task: 'composing images',
    optionsName: 'compose.json',
    parse: parseComposeOptions,
    plan: planDrawings,
  };
  return drawDataset(benchmark, folder, options, job);
}

async function planDrawings(
  options: ResolvedComposeOptions,
  root: string,
  job: JobOptions,
): Promise<Drawings> {
  const { preset, foregroundSize, size, position, jpegQuality } = options;
  const places = await Promise.all(
    (options.places ?? WATERBIRDS_PLACES).map(async ({ name, of }) => ({
      name,
      scenes: (await Promise.all(of.map((below) => scenesOf(options.scenes, below)))).flat(),
    })),
  );
  const foregrounds = await withGoodMasks(options, await listForegrounds(options), job);
  const classes = classNames(options);
  const plan = planCompositions(options, {
    foregrounds: foregrounds.map(({ file }) => file),
    classes,
    places: places.map(({ name, scenes }) => ({ name, scenes: scenes.length })),
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
      foregroundSize === null
        ? inPlace(shape)
        : placeCutOut(shape, size, foregroundSize, position === 'center' ? [0.5, 0.5] : at);
    const { left, top, width, height } = placement.to;
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
      files: [`${place}.jpg`, `${MASKS}/${place}.png`],
      draw: () => {
        const files = { image: join(options.foregrounds, file.image), mask: file.mask };
        return composeImage(files, join(options.scenes, scene), placement, jpegQuality);
      },
    };
  });
  // Images at their photographs' sizes go the article's way; cut-outs lie on images of the model's size.
  const preprocessing = { ...ARTICLE_PREPROCESSING, resize: null, crop: null };
  const config = {
    name: preset ?? basename(root),
    targetNames: [...classes],
    spuriousNames: places.map(({ name }) => name),
    coreRegion: MASKS,
    ...(foregroundSize === null ? {} : { preprocessing }),
  };
  return { config, images };
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

/** Looks at every mask before anything is drawn. Throws `IMAGE_INVALID` naming the bad ones unless they are to be left out. */
async function withGoodMasks(
  { foregrounds, skipBadMasks }: ResolvedComposeOptions,
  files: readonly ForegroundFile[],
  { onProgress, onWarning, signal }: JobOptions,
) {
  const good: { readonly file: ForegroundFile; readonly shape: MaskShape }[] = [];
  const bad: { readonly image: string; readonly problem: string }[] = [];
  const look = async (file: ForegroundFile) => {
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
  if (!skipBadMasks && bad.length > 0) {
    const lines = bad.slice(0, NAMED).map(({ image, problem }) => `  ${image}: ${problem}\n`);
    if (bad.length > NAMED) lines.push(`  and ${bad.length - NAMED} more\n`);
    throw new SpurmemError(
      'IMAGE_INVALID',
      `${foregrounds}: ${bad.length} of ${files.length} foregrounds have masks that cut nothing out:\n${lines.join('')}`,
      { advice: ['Mend them, or leave them out with `skipBadMasks`.'] },
    );
  }
  for (const { image, problem } of bad) onWarning?.(`left out: ${image}, whose mask is ${problem}`);
  return good;
}
