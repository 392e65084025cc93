import { basename, resolve } from 'node:path';
import { csvText } from '../../csvFile.js';
import type { Dataset, Example } from '../../data/dataset.js';
import { kindOf } from '../../data/sourceFile.js';
import { messageOf, SpurmemError, usageError } from '../../errors.js';
import { judge } from '../../experiments/outcomes.js';
import { readText, writeAtomic } from '../../files.js';
import { native } from '../../native/addon.js';
import { ENGINE_TYPES, type EngineOptions, openEngine } from '../../native/engine.js';
import type { Generator } from '../../native/interface.js';
import type { JobOptions } from '../../progress.js';
import { checkOptions, JOB_TYPES } from '../../settings/options.js';
import { type GivenOf, resolveSettings } from '../../settings/setting.js';
import { text } from '../../settings/values.js';
import { openRun } from '../../train/runFolder.js';
import { DATA_TYPES, RUN_TYPE, SEED_TYPE } from '../../train/runOptions.js';
import { writeAlone, writeFileAlone } from '../../writeAlone.js';
import { type NetworkOptions, observe, type Observed } from './features.js';
import { crossFittedMargins } from './rank.js';
import {
  DISCOVER_SETTINGS,
  type DiscoverImage,
  type DiscoverResult,
  discoverSchema,
  NETWORK_SETTINGS,
} from './result.js';

export interface DiscoverOptions
  extends NetworkOptions, GivenOf<typeof DISCOVER_SETTINGS>, EngineOptions, JobOptions {
  /** Files' path without their ends; default: `<data>.discover` in the working directory. */
  readonly out?: string | undefined;
  /** A CSV file for the features, a row per image. */
  readonly embeddings?: string | undefined;
  /** The seed of the halves and of all other draws; default: 0. */
  readonly seed?: number | undefined;
}

const TRAINED_ON =
  'The network was trained on these images: its last layer cannot be refitted with their ticks. Choose another `split` for ticks that repair.';

/** A finished `discover`: its result, and the data that it ranked. */
export interface Discovered {
  readonly result: DiscoverResult;
  readonly dataset: Dataset;
  /** The files' path without their ends. */
  readonly out: string;
  /** Images of each class to show. */
  readonly show: number;
}

/** Returns the path of a data set's files without their ends. */
export function filesOf({
  out,
  data,
  run,
}: Readonly<Partial<Record<'out' | 'data' | 'run', string | undefined>>>): string {
  return out ?? `${basename(resolve(data ?? run ?? '.'))}.discover`;
}

/**
 * Ranks the images of each class by the margin of a model that has not seen them: those of a hidden minority come first. A seeded coin
 * splits each class in two halves along the ranking; one is to be looked at, and the other is kept for the test of a name (`registerTest`).
 * Images that `<out>.json` has keep their halves.
 * Writes `<out>.json` and `<out>.csv`.
 *
 * @throws `USAGE`; `OUTPUT_UNWRITABLE` if names are registered in `<out>.json`; and what loading data and weights throws
 */
export async function discover(options: DiscoverOptions): Promise<Discovered> {
  const types = {
    ...JOB_TYPES,
    ...ENGINE_TYPES,
    ...DATA_TYPES,
    run: RUN_TYPE,
    out: text('a path'),
    embeddings: text('a file'),
    seed: SEED_TYPE,
  };
  checkOptions(options, { types, settings: { ...NETWORK_SETTINGS, ...DISCOVER_SETTINGS } });
  const settings = resolveSettings(DISCOVER_SETTINGS, 'article', options);
  const { run, weights, seed = 0, embeddings } = options;
  const data = typeof options.data === 'object' ? options.data.folder : options.data;
  const out = filesOf({
    out: options.out,
    data: data ?? (run === undefined ? undefined : (await openRun(run)).environment.data),
  });
  await earlierHalves(out);
  using context = await openEngine(options);
  const job = { onProgress: options.onProgress, signal: options.signal };
  const seen = await observe(options, context, job);
  const { dataset, labels, isTrainedOn } = seen;
  const ranking = settings.ranking ?? (seen.logits && !isTrainedOn ? 'network' : 'heads');
  if (ranking === 'network' && seen.logits === undefined) {
    const problem = '`ranking` is network, and a checkpoint has no head of these classes.';
    throw usageError('ranking', ranking, 'heads, without a run', problem, 'Leave it out.');
  }
  if (isTrainedOn) options.onWarning?.(TRAINED_ON);
  const margins =
    ranking === 'heads'
      ? await crossFittedMargins(
          { ...seen, numClasses: dataset.numClasses },
          { ...settings, seed },
          context,
          job,
        )
      : judge(seen.logits ?? new Float32Array(), labels).margins;
  if (embeddings !== undefined) await writeEmbeddings(embeddings, seen);
  const write = async (): Promise<DiscoverResult> => {
    // Read again: names may have been registered while the images were ranked.
    const earlier = await earlierHalves(out);
    const result: DiscoverResult = {
      kind: 'discover',
      data: dataset.folder,
      fingerprint: dataset.fingerprint,
      dataOptions: { ...dataset.options },
      network: run ?? weights ?? '',
      isTrainedOn,
      ranking,
      seed,
      images: rankedImages(seen, margins, new (native().Generator)(seed), earlier),
      tests: [],
    };
    await writeDiscovered(out, result);
    await writeFileAlone(`${out}.csv`, csvText(result.images));
    return result;
  };
  const result = await writeAlone(`${out}.json`, write, job);
  return { result, dataset, out, show: settings.show };
}

/** The images by class and rank, each pair of neighbours split by a coin, unless they were split before. */
function rankedImages(
  { dataset, indices, labels }: Observed,
  margins: Float64Array,
  generator: Generator,
  earlier: ReadonlyMap<string, DiscoverImage['part']>,
): DiscoverImage[] {
  return dataset.targetNames.flatMap((name, y) => {
    const own = [...indices.keys()].filter((i) => labels[i] === y);
    own.sort((a, b) => (margins[a] as number) - (margins[b] as number));
    let isHeads = false;
    return own.map((i, at): DiscoverImage => {
      isHeads = at % 2 === 0 ? generator.randint(2) === 1 : !isHeads;
      const { filename, split } = dataset.examples[indices[i] as number] as Example;
      const part = earlier.get(filename) ?? (isHeads ? 'explore' : 'confirm');
      return { path: filename, class: name, margin: margins[i] as number, rank: at + 1, split, part };
    });
  });
}

async function writeEmbeddings(path: string, { dataset, indices, labels, features }: Observed) {
  const size = features.length / indices.length;
  const rows = Array.from(indices, (index, i) => [
    dataset.examples[index]?.filename,
    dataset.targetNames[labels[i] as number],
    ...features.subarray(i * size, (i + 1) * size),
  ]);
  const names = ['path', 'class', ...Array.from({ length: size }, (_, j) => `f${j}`)];
  await writeFileAlone(path, csvText(rows, names));
}

export async function writeDiscovered(out: string, result: DiscoverResult): Promise<void> {
  await writeAtomic(`${out}.json`, `${JSON.stringify(result)}\n`);
}

/** Changes what discover found while no other process does. Throws as `readDiscovered`, and `RUN_BUSY`. */
export async function changeDiscovered<Result>(
  out: string,
  change: (found: DiscoverResult) => Promise<Result>,
): Promise<Result> {
  await readDiscovered(out);
  return writeAlone(`${out}.json`, async () => change(await readDiscovered(out)), {});
}

/** Reads what discover found. Throws `USAGE` without it, and for a damaged file. */
export async function readDiscovered(out: string): Promise<DiscoverResult> {
  const found = await readWritten(out);
  if (found === undefined) throw unusable(out, 'discover has not written it');
  return found;
}

async function readWritten(out: string): Promise<DiscoverResult | undefined> {
  const path = `${out}.json`;
  if ((await kindOf(path)) === undefined) return undefined;
  try {
    const found = await readText(path);
    // `writeAlone` makes it, and a killed process may leave it empty.
    if (found === '') return undefined;
    const result = discoverSchema.parse(JSON.parse(found));
    const known = new Set(result.images.map((image) => image.path));
    const stray = result.tests.flatMap(({ batches }) => batches.flat()).find((one) => !known.has(one));
    if (stray !== undefined) throw new Error(`a test shows ${stray}, which is none of its images`);
    return result;
  } catch (error) {
    throw unusable(out, `it is damaged: ${messageOf(error)}`);
  }
}

function unusable(out: string, problem: string): SpurmemError {
  const advice = 'Run discover without `test` first.';
  return usageError('out', out, 'the files of discover', `${out}.json: ${problem}.`, advice);
}

/** The half of each image of an earlier ranking, which may have been shown. Throws `OUTPUT_UNWRITABLE` if names are registered in it. */
async function earlierHalves(out: string): Promise<ReadonlyMap<string, DiscoverImage['part']>> {
  const { tests, images } = (await readWritten(out)) ?? { tests: [], images: [] };
  if (tests.length === 0) return new Map(images.map(({ path, part }) => [path, part]));
  const problem = `${out}.json has registered names (${tests.map(({ name }) => name).join(', ')}). Nothing was changed.`;
  const advice = ['Choose another `out`. Its tests are of no use for images that you have seen.'];
  throw new SpurmemError('OUTPUT_UNWRITABLE', problem, { parameter: 'out', advice });
}
