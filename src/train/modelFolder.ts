import { type Dataset, datasetOf } from '../data/dataset.js';
import { SpurmemError } from '../errors.js';
import { type ModelFolder, preprocessingFile, readModelFolder } from '../models/modelFolder.js';
import { defined, type GivenOf } from '../settings/setting.js';
import type { MODEL_SETTINGS } from './ermSettings.js';
import { namedPreprocessing } from './namedPreprocessing.js';
import { isFile } from './runFolder.js';
import type { RunOptions } from './runOptions.js';

type ModelOptions = GivenOf<typeof MODEL_SETTINGS> &
  Pick<RunOptions, 'onInfo'> & { readonly preprocessing?: string | undefined };

/** pixels differ between resizes of bytes and of floats by this many of 255 levels at most */
const BYTES =
  'Images are resized as floats; transformers resizes bytes, so that pixels differ by up to one of 255 levels (two with its PIL backend).';

/**
 * Returns options with those that a model's folder gives: architecture, eps and patches, and the input of `preprocessing` or, without it, of the
 * folder. The caller's own come first. Throws what `readModelFolder` and `namedPreprocessing` throw.
 */
export async function withModelFolder<Options extends ModelOptions>(
  given: Options,
): Promise<{ options: Options; folder: ModelFolder | undefined }> {
  const folder = given.weights === undefined ? undefined : await readModelFolder(given.weights);
  const { preprocessing = await inputOf(folder) } = given;
  const named = preprocessing === undefined ? {} : await namedPreprocessing(preprocessing);
  if (given.preprocessing === undefined && folder?.library === 'transformers' && 'resize' in named)
    given.onInfo?.(BYTES);
  const ofModel = folder?.imageSize && preprocessing === undefined ? { imageSize: folder.imageSize } : {};
  // A given size replaces both steps of the model's, and these replace its size.
  const own = defined(given);
  const input =
    own.imageSize === undefined ? { ...ofModel, ...named } : { ...named, resize: undefined, crop: undefined };
  if (own.resize !== undefined || own.crop !== undefined) delete (input as { imageSize?: unknown }).imageSize;
  return { options: { ...folder?.network, ...input, ...own }, folder };
}

async function inputOf(folder: ModelFolder | undefined): Promise<string | undefined> {
  const file = folder && preprocessingFile(folder);
  return file !== undefined && (await isFile(file)) ? file : undefined;
}

/** Outputs of a model's folder by the names of the data's classes. */
export async function namedOutputs(
  options: { readonly data: string | Dataset } & Pick<RunOptions, 'datasetOptions' | 'onWarning'>,
  { path, labels }: ModelFolder,
): Promise<{ readonly data: Dataset; readonly classes: readonly number[] | undefined }> {
  const data = await datasetOf(options.data, options.datasetOptions);
  const { targetNames } = data;
  const areNamed = targetNames.some((name, i) => name !== String(i));
  if (labels === undefined || !areNamed) {
    const whose =
      labels === undefined ? `${path} names no classes` : `${data.name} does not name its classes`;
    options.onWarning?.(`${whose}: the model\u2019s outputs are taken in their order.`);
    return { data, classes: undefined };
  }
  const known = labels.map(comparable);
  const classes = targetNames.map((name) => known.indexOf(comparable(name)));
  const isOrder = classes.length === labels.length && classes.every((output, i) => output === i);
  if (!classes.includes(-1)) return { data, classes: isOrder ? undefined : classes };
  throw new SpurmemError(
    'WEIGHTS_INVALID',
    `${path} has the classes ${listed(labels)}, and the data have ${listed(targetNames)}: not all of these are among them.`,
    {
      parameter: 'classes',
      advice: [
        'Name the outputs with `classes`, in the order of the data\u2019s classes, counted from 0.',
        'Or train a new head: `train erm` with these `weights`.',
      ],
    },
  );
}

function comparable(name: string): string {
  return name
    .trim()
    .toLowerCase()
    .replace(/[_\s-]+/g, ' ');
}

function listed(names: readonly string[]): string {
  const more = names.length > 10 ? ` and ${names.length - 10} more` : '';
  return (
    names
      .slice(0, 10)
      .map((name) => JSON.stringify(name))
      .join(', ') + more
  );
}
