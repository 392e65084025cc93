import { createHash } from 'node:crypto';
import { constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { cp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { buildAlone } from '../src/buildOnce.js';
import { withChecksum, withoutChecksum } from '../src/checksum.js';
import { type Dataset, loadDataset } from '../src/data/dataset.js';
import { buildDominoes, DEFAULT_DOMINOES, type DominoesOptions } from '../src/data/dominoes.js';
import { trainErm } from '../src/train/methods.js';
import type { ErmOptions } from '../src/train/recipe.js';
import type { TrainingResult } from '../src/train/results.js';
import { RunFolder } from '../src/train/runFolder.js';

/** The place of each dataset that this test file was given, which tells what is in it. */
const originals = new Map<string, string>();

/** Gives all tests that train on dominoes other images (scripts/cpus.sh): no test may depend on the low bits of a training. */
export const SHIFT = Number(process.env.SPURMEM_TEST_SEED ?? 0);

/** The counts of the datasets that a run of a second is trained on, by split. */
const TINY_COUNTS = { train: [40, 8, 6, 30], val: [4, 4, 4, 4], test: [4, 4, 4, 4] };

/**
 * Dominoes, by default 116 images of 32 x 16 px: as `buildDominoes`, but built once in a run of jest for all that ask for the same
 * options; `folder` is a copy.
 */
export async function tinyDominoes(
  folder: string,
  counts: Partial<DominoesOptions['counts']> = {},
  seed = DEFAULT_DOMINOES.seed + SHIFT,
  size = 32,
): Promise<Dataset> {
  const options = { ...DEFAULT_DOMINOES, counts: { ...TINY_COUNTS, ...counts }, seed, size };
  const original = await madeOnce({ dominoes: options }, async (path) => {
    await buildDominoes(path, options);
  });
  await copy(original, folder);
  originals.set(folder, original);
  return loadDataset(folder);
}

/** 114 images of 32 x 16 px with groups of different sizes, and an epoch of ERM on them, as `tinyDominoes` and `ermRun`. */
export async function tracedRun(data: string, run: string): Promise<Dataset> {
  const dataset = await tinyDominoes(data, { train: [40, 12, 6, 24] });
  const recipe = { arch: 'resnet20', epochs: 1, batchSize: 20, lr: 1e-3, seed: 0 } as const;
  await ermRun({ data, out: run, ...recipe, device: 'cpu', threads: 0, resume: false });
  return dataset;
}

/**
 * As `trainErm`, but trained once in a run of jest for all that ask for the same settings: `options.out` is a copy.
 * `options.data` is a folder that `tinyDominoes` gave.
 */
export async function ermRun(
  options: ErmOptions & { readonly data: string; readonly out: string },
): Promise<TrainingResult> {
  const { data, out, ...settings } = options;
  const originalData = originals.get(data);
  if (originalData === undefined) throw new Error(`${data} is no dataset of tinyDominoes()`);
  const original = await madeOnce({ erm: settings, data: originalData }, async (path) => {
    await trainErm({ ...settings, data: originalData, out: path });
  });
  await copy(original, out);
  const config = join(out, 'config.json');
  const text = await readFile(config, 'utf8');
  const moved = withoutChecksum(text).replaceAll(JSON.stringify(originalData), JSON.stringify(data));
  await writeFile(config, withChecksum(moved));
  const result = await new RunFolder(out).readTrainingResult();
  if (!result) throw new Error(`${original} holds no finished run`);
  return result;
}

/** The folder that `make` fills; the first test file that needs it makes it, and others that run at the same time wait. */
async function madeOnce(settings: object, make: (folder: string) => Promise<void>): Promise<string> {
  const shared = process.env.SPURMEM_TEST_SHARED;
  if (shared === undefined) throw new Error('jest\u2019s globalSetup, test/globalSetup.mjs, did not run');
  const name = createHash('sha256').update(JSON.stringify(settings)).digest('hex').slice(0, 16);
  const folder = join(shared, name);
  const ready = () => Promise.resolve(existsSync(folder) ? folder : undefined);
  const build = async (): Promise<string> => {
    const unfinished = `${folder}.unfinished`;
    await rm(unfinished, { recursive: true, force: true });
    await make(unfinished);
    await rename(unfinished, folder);
    return folder;
  };
  return buildAlone(`${folder}.lock`, { task: 'making a fixture', ready, build }, undefined);
}

/** Without a dataset's store of decoded images, which depends on who read the original before. */
async function copy(from: string, to: string): Promise<void> {
  const filter = (path: string): boolean => basename(path) !== '.spurmem';
  await cp(from, to, { recursive: true, mode: constants.COPYFILE_FICLONE, filter });
}

/** The number of a run's newest epoch. */
function newestOf(run: RunFolder): number {
  const names = readdirSync(join(run.path, 'checkpoints'));
  return Math.max(...names.flatMap((name) => /^epoch-(\d+)$/.exec(name)?.[1] ?? []).map(Number));
}

/** The weights file of a run's newest epoch. */
export function lastOf(run: RunFolder): string {
  return run.weights(newestOf(run));
}

/** The file with all else that a resumed run needs. */
export function stateOf(run: RunFolder): string {
  return run.state(newestOf(run));
}

/** The weights file of a run's best epoch. */
export function bestOf(run: RunFolder): string {
  const path = join(run.epoch(newestOf(run)), 'epoch.json');
  const { bestEpoch } = JSON.parse(readFileSync(path, 'utf8')) as { bestEpoch: number };
  return run.weights(bestEpoch);
}

/** The content of a result's file without its checksum and origin. */
export function recordedIn(path: string): unknown {
  const { checksum, origin, ...result } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  expect([checksum, origin]).not.toContain(undefined);
  return result;
}
