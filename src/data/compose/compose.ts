import { readdir } from 'node:fs/promises';
import { basename, extname, join, posix } from 'node:path';
import { messageOf, SpurmemError, systemCode } from '../../errors.js';
import { type JobOptions, throwIfAborted } from '../../progress.js';
import type { Dataset } from '../dataset.js';
import { drawDataset, type Drawings } from '../drawnDataset.js';
import { mapOrdered } from '../ordered.js';
import { ARTICLE_PREPROCESSING } from '../preprocessing.js';
import { composeImage, inPlace, placeCutOut, readMask, shapeOf } from './cutOut.js';
import { type ForegroundFile, listForegrounds } from './foregrounds.js';
import {
  classNames,
  type ComposeOptions,
  parseComposeOptions,
  placesOf,
  type ResolvedComposeOptions,
} from './options.js';
import { planCompositions } from './plan.js';

const IMAGE_ENDINGS: readonly string[] = ['.jpg', '.jpeg', '.png', '.webp', '.gif', '.tif', '.tiff'];
const JPEG_QUALITY = 95;
/** PIL's default, which Waterbirds' authors took. */
const PIL_QUALITY = 75;
/** Masks that are checked at once. */
const LOOKING = 8;
/** Bad masks that an error names. */
const NAMED = 10;
const MASKS = 'masks';
const CHECKING = 'checking masks';

/**
 * Composes a benchmark with a spurious correlation in `folder`, in the Waterbirds layout: foregrounds (the class) cut out by
 * masks, on scenes (the spurious attribute). Each foreground is in one split only, and each scene in one image only.
 *
 * Writes `<split>/<group>/<number>.jpg`, `masks/` with the foreground's share of each pixel (by which Grad-CAM measures
 * heat), `dataset.json`, `compose.json` (the options) and, last and atomically, `metadata.csv`, whose further columns name
 * the parts of every image. An interrupted build is no dataset, and starts over; a finished one with the same options is returned.
 *
 * @throws SpurmemError `USAGE` for options that are wrong, cannot be met, or differ from the dataset's in the folder;
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
    files: [(place: string) => `${place}.jpg`, (place: string) => `${MASKS}/${place}.png`],
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
  const { preset, foregroundSize, size } = options;
  const places = await Promise.all(
    placesOf(options).map(async ({ name, of }) => ({
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
  const images = plan.map(({ split, y, a, ...chosen }) => {
    const { file, shape } = foregrounds[chosen.foreground] as (typeof foregrounds)[number];
    const scene = places[a]?.scenes[chosen.scene] as string;
    const placement = foregroundSize === null ? inPlace(shape) : placeCutOut(shape, size, foregroundSize);
    const { left, top, width, height } = placement.to;
    const columns = {
      foreground: file.image,
      place_filename: scene,
      foreground_left: left,
      foreground_top: top,
      foreground_width: width,
      foreground_height: height,
    };
    const draw = () => {
      const files = { image: join(options.foregrounds, file.image), mask: file.mask };
      const quality = preset === undefined ? JPEG_QUALITY : PIL_QUALITY;
      return composeImage(files, join(options.scenes, scene), placement, quality);
    };
    return { split, y, a, columns, draw };
  });
  // Images of their photographs' sizes are preprocessed as in the article; cut-outs lie on images of the model's size.
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

/** All images of a folder below the scenes' folder, sorted and relative to the latter, except in hidden folders. */
async function scenesOf(scenes: string, below: string): Promise<string[]> {
  const folder = join(scenes, below);
  const refuse = (problem: string, cause?: unknown): SpurmemError =>
    new SpurmemError('DATASET_NOT_FOUND', `${folder}: ${problem}.`, {
      parameter: 'places',
      value: below,
      advice: ['Name folders below `scenes` that hold images.'],
      cause,
    });
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    throw refuse(systemCode(error) === 'ENOENT' ? 'there is no such folder' : messageOf(error), error);
  });
  const images = entries
    .filter((entry) => entry.isFile() && IMAGE_ENDINGS.includes(extname(entry.name).toLowerCase()))
    .map(({ name, parentPath }) => posix.join(parentPath.slice(folder.length), name).replace(/^\//, ''))
    .filter((path) => !/(^|\/)\./.test(path))
    .sort();
  if (images.length === 0) throw refuse('the folder holds no images');
  return images.map((image) => `${below}/${image}`);
}

/** Checks every mask before anything is drawn. Throws `IMAGE_INVALID` naming bad ones, unless they are to be left out. */
async function withGoodMasks(
  { foregrounds, skipBadMasks }: ResolvedComposeOptions,
  files: readonly ForegroundFile[],
  { onProgress, onWarning, signal }: JobOptions,
) {
  const look = async (file: ForegroundFile) => {
    const mask = await readMask(join(foregrounds, file.image), file.mask);
    return { file, shape: shapeOf(mask) };
  };
  const all: Awaited<ReturnType<typeof look>>[] = [];
  for await (const looked of mapOrdered(files, LOOKING, look)) {
    throwIfAborted(signal, CHECKING);
    all.push(looked);
    onProgress?.({ task: CHECKING, done: all.length, total: files.length, unit: 'masks' });
  }
  const bad = all.filter(({ shape }) => shape.problem !== undefined);
  if (!skipBadMasks && bad.length > 0) {
    const lines = bad.slice(0, NAMED).map(({ file, shape }) => `  ${file.image}: ${shape.problem ?? ''}\n`);
    if (bad.length > NAMED) lines.push(`  and ${bad.length - NAMED} more\n`);
    throw new SpurmemError(
      'IMAGE_INVALID',
      `${foregrounds}: ${bad.length} of ${files.length} foregrounds have masks that cut nothing out:\n${lines.join('')}`,
      { advice: ['Mend them, or leave them out with `skipBadMasks`.'] },
    );
  }
  for (const { file, shape } of bad) {
    onWarning?.(`left out: ${file.image}, whose mask is ${shape.problem ?? ''}`);
  }
  return all.filter(({ shape }) => shape.problem === undefined);
}
