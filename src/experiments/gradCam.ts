import { basename } from 'node:path';
import { coreCoverage } from '../data/coreCoverage.js';
import { isSameData } from '../data/dataset.js';
import { colorPng, greyPng } from '../data/pictures.js';
import { invalidParameter, SpurmemError } from '../errors.js';
import { heatShare } from '../metrics/heatShare.js';
import { meanInterval } from '../metrics/intervals.js';
import { mean, momentsOf } from '../metrics/statistics.js';
import { native } from '../native/addon.js';
import { engineOptions } from '../native/engine.js';
import { nearestNames } from '../nearest.js';
import { throwIfAborted } from '../progress.js';
import { type GivenOf, resolveSettings } from '../settings/setting.js';
import { openRun } from '../train/runFolder.js';
import { RUN_TYPE } from '../train/runOptions.js';
import type {
  ExampleHeat,
  GradCamResult,
  GroupComparison,
  GroupHeat,
  HeatExample,
  MappedModel,
  MeanShare,
} from './gradCamResult.js';
import { samplesOfGroups } from './samples.js';
import { checkTraceOptions, type OfRunOptions, type SessionOptions, TraceSession } from './traceSession.js';
import { TRACE_SETTINGS } from './traceSettings.js';

export interface GradCamOptions
  extends OfRunOptions, Pick<SessionOptions, 'seed'>, GivenOf<(typeof TRACE_SETTINGS)['gradCam']> {
  /** A run on the same dataset to compare with, such as the ERM run that `run` was fine-tuned from. */
  readonly compare?: string | undefined;
}

/**
 * Computes Grad-CAM (article, Fig. 10): which parts of each group's images raise an output, and the share of that heat in the dataset's
 * core region, for one run, or two on the same images. Writes `results/grad-cam.json` in the folder of `run`.
 *
 * @throws `USAGE` for a layer or output that the models lack, for options out of range, and if the runs' datasets or image
 *   sizes differ; `DATASET_EMPTY_GROUP` for a split without images; and what `TraceSession.open` throws
 */
export async function gradCam(options: GradCamOptions): Promise<GradCamResult> {
  checkTraceOptions(TRACE_SETTINGS.gradCam, options, { compare: RUN_TYPE });
  if (options.compare !== undefined) await requireComparable(options.run, options.compare);
  using after = await TraceSession.openChecked(options, []);
  using before =
    options.compare === undefined ? undefined : await openBefore(options, options.compare, after);
  const settings = resolveSettings(TRACE_SETTINGS.gradCam, after.settings.protocol, options);
  const { split, samples, examples } = settings;
  const { dataset } = after;
  const layer = chooseLayer(options.layer, after, before);
  const output = outputOf(settings.output, dataset.targetNames);
  after.groupsIn(split);
  if (dataset.coreRegion === null) options.onWarning?.(noCoreRegion(dataset.folder));

  // Its own generator: the samples do not depend on the architecture.
  const generator = new (native().Generator)(after.seed);
  const indices = samplesOfGroups(dataset, dataset.splits[split], samples, generator);
  const ofGroups = dataset.groupNames.map((_, group) =>
    [...indices].filter((index) => dataset.groups[index] === group),
  );
  const shown = new Set(ofGroups.flatMap((ofGroup) => ofGroup.slice(0, examples)));
  const mapsBefore = before && (await mapImages(before, indices, { layer, output, shown }));
  const mapsAfter = await mapImages(after, indices, { layer, output, shown });

  const result: GradCamResult = {
    kind: 'grad-cam',
    split,
    layer,
    cells: mapsAfter.cells,
    output,
    outputName: dataset.targetNames[output] ?? String(output),
    samplesPerGroup: samples,
    seed: after.seed,
    coreRegion: dataset.coreRegion,
    before: before ? mappedModel(before) : null,
    after: mappedModel(after),
    groups: ofGroups.map((ofGroup, group) => compareGroup(group, ofGroup, mapsBefore, mapsAfter)),
    examples: [...shown].map((index): HeatExample => {
      const { image, heat } = mapsAfter.images.get(index)?.shown as ShownMap;
      return {
        group: dataset.groups[index] as number,
        filename: dataset.examples[index]?.filename ?? '',
        image,
        before: mapsBefore?.images.get(index)?.shown?.heat ?? null,
        after: heat,
      };
    }),
  };
  await after.record(result);
  return result;
}

/** Maps an open session's run alone. */
export function gradCamIn({ options, dataset }: TraceSession): Promise<GradCamResult> {
  const { run, seed, batchSize, onProgress, onWarning, signal } = options;
  const own = { run, data: dataset, seed, batchSize, onProgress, onWarning, signal };
  return gradCam({ ...own, ...engineOptions(options) });
}

async function requireComparable(run: string, compare: string): Promise<void> {
  const [after, before] = await Promise.all([openRun(run), openRun(compare)]);
  const [ours, theirs] = [after.config.dataset, before.config.dataset];
  if (isSameData(ours, theirs)) return;
  const names = [theirs, ours].map(({ name, fingerprint }) => `${name} (${fingerprint.slice(0, 12)})`);
  throw notComparable(
    `\`compare\` ${before.folder.path} was trained on another dataset than \`run\` ${after.folder.path}: ${names.join(' and ')}.`,
    compare,
    'Maps are compared on the same images: name two runs on one dataset.',
  );
}

/** Opens the run to compare with, on the loaded dataset. */
async function openBefore(
  options: GradCamOptions,
  compare: string,
  after: TraceSession,
): Promise<TraceSession> {
  const before = await TraceSession.openChecked({ ...options, run: compare, data: after.dataset }, []);
  const sizes = [before, after].map(({ loader }) => loader.inputSize.join(' x '));
  if (sizes[0] === sizes[1]) return before;
  before[Symbol.dispose]();
  throw notComparable(
    `\`compare\` ${before.folder.path} sees images of ${sizes[0]} px, and \`run\` ${after.folder.path} of ${sizes[1]} px.`,
    compare,
    'Maps are compared pixel by pixel: name two runs with the same image size.',
  );
}

function notComparable(problem: string, value: string, advice: string): SpurmemError {
  return new SpurmemError('USAGE', problem, { parameter: 'compare', value, advice: [advice] });
}

/** Returns the requested layer, or the default one of `after`; both models must have it. */
function chooseLayer(
  asked: string | undefined,
  after: TraceSession,
  before: TraceSession | undefined,
): string {
  const layer = asked ?? after.model.description.mappedByDefault;
  for (const { model, folder } of [after, ...(before ? [before] : [])]) {
    const { mappable, mappedByDefault } = model.description;
    if (mappable.includes(layer)) continue;
    throw new SpurmemError(
      'USAGE',
      `\`layer\` is ${JSON.stringify(layer)}, and ${model.arch} of ${folder.path} has no convolution or LayerNorm of that name that can be mapped.`,
      {
        parameter: 'layer',
        value: layer,
        expected: 'a convolution or LayerNorm of the model',
        advice: [
          `The most similar: ${nearestNames(layer, mappable).join(', ')}.`,
          `By default it is ${mappedByDefault}.`,
        ],
      },
    );
  }
  return layer;
}

/** Returns a class's number. Throws `USAGE` if the model lacks the class. */
function outputOf(output: number | string, classes: readonly string[]): number {
  const number = typeof output === 'string' ? classes.indexOf(output) : output;
  if (number in classes) return number;
  const names = classes.map((name, number) => `${number} (${name})`).join(', ');
  throw invalidParameter('output', output, `one of the model's outputs, ${names}`);
}

function noCoreRegion(folder: string): string {
  return (
    `${folder} does not say where its images show what their class is about, so there are maps and no shares. ` +
    'Add it to dataset.json: "coreRegion": [top, left, height, width] in fractions of the image, if it is the same in ' +
    'every image; else the folder of their masks: "coreRegion": "masks". Runs stay valid.'
  );
}

interface ShownMap {
  readonly image: string;
  readonly heat: ExampleHeat;
}

/** One image under one model. */
interface MappedImage {
  /** Share of the heat in the core region; NaN for a blank map or without a region. */
  readonly share: number;
  /** The region's share of the input. */
  readonly core: number;
  readonly isBlank: boolean;
  readonly shown: ShownMap | undefined;
}

interface Maps {
  /** By the example's position in the dataset. */
  readonly images: ReadonlyMap<number, MappedImage>;
  /** [rows, columns] of the layer. */
  readonly cells: readonly [number, number];
}

async function mapImages(
  session: TraceSession,
  indices: Int32Array,
  { layer, output, shown }: { layer: string; output: number; shown: ReadonlySet<number> },
): Promise<Maps> {
  const { loader, model, folder } = session;
  const { onProgress, signal, batchSize } = session.job;
  const { preprocessing } = loader.dataset;
  const task = `heat maps of ${basename(folder.path)}`;
  const images = new Map<number, MappedImage>();
  let cells: [number, number] = [0, 0];
  const coverage = coreCoverage(loader, indices, batchSize, session.job);
  try {
    for await (const batch of loader.evaluation(indices, batchSize)) {
      using current = batch;
      throwIfAborted(signal, task);
      const regions = (await coverage.next()).value;
      const maps = await model.network.gradCam(current.images, layer, output);
      using tensor = maps.heat;
      cells = maps.cells;
      const [, height = 0, width = 0] = tensor.shape;
      const size = height * width;
      const heat = (await tensor.data()) as Float32Array;
      const pixels = current.indices.some((index) => shown.has(index))
        ? ((await current.images.data()) as Float32Array)
        : undefined;
      for (const [at, index] of current.indices.entries()) {
        const map = heat.subarray(at * size, (at + 1) * size);
        const region = regions?.[at];
        const share = region ? heatShare(map, region) : Number.NaN;
        const image = pixels?.subarray(at * size * 3, (at + 1) * size * 3);
        images.set(index, {
          share,
          core: region ? mean(Array.from(region)) : Number.NaN,
          isBlank: !map.some((value) => value > 0),
          shown:
            image && shown.has(index)
              ? {
                  image: await colorPng(image, [height, width], preprocessing),
                  heat: {
                    heat: await greyPng(map, height, width),
                    share: Number.isNaN(share) ? null : share,
                  },
                }
              : undefined,
        });
      }
      onProgress?.({ task, done: images.size, total: indices.length, unit: 'images' });
    }
  } finally {
    // Frees the masks, including the pending last batch.
    await coverage.return();
  }
  return { images, cells };
}

function mappedModel({ folder, model, checkpoint }: TraceSession): MappedModel {
  return { run: basename(folder.path), arch: model.arch, checkpoint };
}

function compareGroup(
  group: number,
  indices: readonly number[],
  before: Maps | undefined,
  after: Maps,
): GroupComparison {
  const over = (maps: Maps): MappedImage[] => indices.map((index) => maps.images.get(index) as MappedImage);
  const heatOf = (images: readonly MappedImage[]): GroupHeat => ({
    blank: images.filter(({ isBlank }) => isBlank).length,
    share: meanShare(images.map(({ share }) => share)),
  });
  const [now, old] = [over(after), before && over(before)];
  return {
    group,
    images: indices.length,
    core: meanShare(now.map(({ core }) => core))?.mean ?? null,
    before: old ? heatOf(old) : null,
    after: heatOf(now),
    difference: old ? meanShare(now.map(({ share }, i) => share - (old[i]?.share ?? Number.NaN))) : null,
  };
}

/** Returns the mean of the values other than NaN; null without any. */
function meanShare(values: readonly number[]): MeanShare | null {
  const known = values.filter((value) => !Number.isNaN(value));
  if (known.length === 0) return null;
  const moments = momentsOf(known);
  return {
    images: moments.count,
    mean: moments.mean,
    interval: moments.count > 1 ? meanInterval(moments) : null,
  };
}
