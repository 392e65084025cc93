import { createHash } from 'node:crypto';
import { realpath, rm } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { type DataDescription, dataDescriptionSchema } from '../data/dataDescription.js';
import type { Dataset } from '../data/dataset.js';
import { SpurmemError } from '../errors.js';
import { makeFolder, removeLeftovers } from '../files.js';
import { awaitLock, isHeld, isLocked, ownerOf } from '../lock.js';
import { ownHost } from '../lockOwner.js';
import type { JobOptions } from '../progress.js';
import type { Recorded } from '../recorded.js';
import type * as z from '../zod.js';
import type { SelectedCheckpoint } from './ermSettings.js';
import {
  type EpochMetrics,
  progressSchema,
  type TrainingProgress,
  type TrainingResult,
  trainingResultSchema,
} from './results.js';
import {
  methodOf,
  requireFormatVersion,
  type RunConfig,
  type RunEnvironment,
  type RunFile,
  runFileSchema,
} from './runConfig.js';
import { type HistoryEntry, isFile, matchesIn, readJson, readOrigins, readResultFile } from './runFiles.js';

export type { RunConfig, RunEnvironment } from './runConfig.js';
export { isFile, type HistoryEntry } from './runFiles.js';

const MAX_NAME_BYTES = 255;
/** The wait of a job that has computed its result for another job that holds the lock. */
export const PATIENCE_MS = 30_000;

const FOLDERS = ['checkpoints', 'results', 'figures'] as const;

/** A run's folder (its files: docs/design.md, "Files of a run"). A `RunWriter` writes all of it except the report. */
export class RunFolder {
  readonly path: string;
  readonly report: string;
  /** The program that the run trains, without weights, if its architecture is a file of torch.export. */
  readonly program: string;
  protected readonly checkpoints: string;
  protected readonly configPath: string;
  protected readonly dataPath: string;

  constructor(path: string) {
    this.path = resolve(path);
    this.checkpoints = join(this.path, 'checkpoints');
    this.report = join(this.path, 'report.html');
    this.program = join(this.path, 'program.safetensors');
    this.configPath = join(this.path, 'config.json');
    this.dataPath = join(this.path, 'data.json');
  }

  /** Returns the folder of a finished epoch. Renamed into place once complete. */
  epoch(epoch: number): string {
    return join(this.checkpoints, `epoch-${epoch}`);
  }
  /** Returns the path of the weights after an epoch. */
  weights(epoch: number): string {
    return join(this.epoch(epoch), 'weights.safetensors');
  }
  /** Returns the path of everything else needed to resume, which the newest epoch has until the run is finished. */
  state(epoch: number): string {
    return join(this.epoch(epoch), 'state.safetensors');
  }
  /** Returns the epochs with saved weights, in ascending order. */
  async savedEpochs(): Promise<number[]> {
    const epochs = await matchesIn(this.checkpoints, /^epoch-(\d+)$/);
    return epochs.map(Number).sort((a, b) => a - b);
  }
  /** Reads the progress of training, which is the newest epoch's. Undefined before the first is saved. Throws `RUN_INVALID`. */
  async readProgress(): Promise<TrainingProgress | undefined> {
    const newest = (await this.savedEpochs()).at(-1);
    if (newest === undefined) return undefined;
    try {
      return await this.readEpoch(newest);
    } catch (error) {
      // Training may have replaced it meanwhile.
      if ((await this.savedEpochs()).at(-1) === newest) throw error;
      return this.readProgress();
    }
  }
  protected async readEpoch(epoch: number): Promise<TrainingProgress> {
    const path = join(this.epoch(epoch), 'epoch.json');
    const progress = await readJson(path, progressSchema);
    if (progress?.epoch === epoch) return progress;
    const problem = progress === undefined ? 'is missing' : `is of epoch ${progress.epoch}`;
    throw new SpurmemError('RUN_INVALID', `${path} ${problem}. Restore it, or start anew in another folder.`);
  }

  result(name: string): string {
    return join(this.path, 'results', `${name}.json`);
  }
  figure(name: string): string {
    return join(this.path, 'figures', name);
  }

  /** Throws `OUTPUT_UNWRITABLE`. */
  async create(): Promise<void> {
    if (dirname(this.path) === this.path) {
      throw new SpurmemError(
        'OUTPUT_UNWRITABLE',
        `${this.path} is the root of the file system, and no run.`,
        {
          advice: ['Choose a folder for this run alone.'],
        },
      );
    }
    for (const folder of FOLDERS) await makeFolder(join(this.path, folder));
  }

  /** Whether another job is writing here. */
  async isBusy(): Promise<boolean> {
    return isLocked(await this.lockPath());
  }

  /** Throws `RUN_BUSY` if another job is writing here. For jobs that lock the folder only at their end. */
  async requireUnlocked(options: JobOptions): Promise<void> {
    if (await isHeld(await this.lockPath(), options)) throw await this.busy();
  }

  /** Returns the lock's path: next to the folder, by its real path. */
  protected async lockPath(): Promise<string> {
    const path = await realpath(this.path).catch(() => this.path);
    const name = `${basename(path)}.lock`;
    const isTooLong = Buffer.byteLength(name) > MAX_NAME_BYTES;
    const short = isTooLong ? `${createHash('sha256').update(name).digest('hex')}.lock` : name;
    return join(dirname(path), short);
  }

  protected async busy(): Promise<SpurmemError> {
    const owner = await ownerOf(await this.lockPath());
    const isOwn = owner?.pid === process.pid && owner.host === ownHost();
    const other = owner ? `Process ${owner.pid} of ${owner.host}` : 'Another process';
    return new SpurmemError(
      'RUN_BUSY',
      `${isOwn ? 'Another job of this process' : other} is writing to ${this.path}.`,
      { advice: ['Wait for it to end, or use another run folder.'] },
    );
  }

  /** Runs `job`, which writes the report and its figures, also while a run is trained. Throws `RUN_BUSY`, `INTERRUPTED`. */
  async publish<Result>(job: () => Promise<Result>, options: JobOptions): Promise<Result> {
    const lock = await awaitLock(join(this.path, 'figures', '.report.lock'), PATIENCE_MS, options);
    if (!lock) throw await this.busy();
    return lock.during(async () => {
      await this.removeLeftovers(isReport);
      return job();
    });
  }

  /** Undefined if the file is missing, like everything read here. Throws `RUN_INVALID`. */
  async readConfig(): Promise<RunFile | undefined> {
    const path = this.configPath;
    const file = await readJson(path, runFileSchema, (content) => {
      requireFormatVersion(path, content);
    });
    if (file?.config.imageSize === undefined) return file;
    // Earlier versions did not resize to the size of the dataset's own crop, but cropped.
    const { preprocessing } = (await this.readData()) ?? {};
    if (!preprocessing?.crop) return file;
    const { imageSize: _imageSize, ...others } = file.config;
    const { resize, crop } = preprocessing;
    return { ...file, config: { ...others, resize, crop } };
  }

  readData(): Promise<DataDescription | undefined> {
    return readJson(this.dataPath, dataDescriptionSchema);
  }

  /** Reads the measurements of the finished epochs. Throws `RUN_INVALID`. */
  async readMetrics(): Promise<readonly EpochMetrics[]> {
    return (await this.readProgress())?.metrics ?? [];
  }

  /** Throws `RUN_INVALID` naming the file and the invalid field. */
  readResult<Schema extends z.ZodType>(name: string, schema: Schema): Promise<Recorded<Schema> | undefined> {
    return readResultFile(this.result(name), name, schema);
  }

  /** Undefined while training is not finished. */
  async readTrainingResult(): Promise<TrainingResult | undefined> {
    const file = await this.readConfig();
    return file && this.readResult(methodOf(file.config), trainingResultSchema);
  }

  /** Returns the names of the results, in alphabetical order. */
  async results(): Promise<string[]> {
    return (await matchesIn(join(this.path, 'results'), /^(.+)\.json$/)).sort();
  }

  /** Returns the origins of the results, oldest first. */
  async readHistory(): Promise<HistoryEntry[]> {
    return readOrigins(await this.results(), (name) => this.result(name));
  }

  /** Removes half-written files of killed processes. */
  protected async removeLeftovers(which: (name: string) => boolean): Promise<void> {
    for (const folder of ['.', ...FOLDERS]) await removeLeftovers(join(this.path, folder), which);
  }

  /** Removes the epochs that a killed process was writing or removing. */
  protected async removeAsides(): Promise<void> {
    for (const name of await matchesIn(this.checkpoints, /^(epoch-\d+\.(?:tmp|old))$/)) {
      await rm(join(this.checkpoints, name), { recursive: true, force: true }).catch(() => undefined);
    }
  }
}

/** Whether a file belongs to the report. */
export function isReport(name: string): boolean {
  return name === 'report.html' || name.endsWith('.svg');
}

/** A run that was trained before. */
export interface OpenedRun {
  readonly folder: RunFolder;
  readonly config: RunConfig;
  readonly environment: RunEnvironment;
  /** The file of the selected weights. */
  readonly weights: string;
}

/** Opens a trained run. Throws `RUN_NOT_FOUND`. */
export async function openRun(path: string): Promise<OpenedRun> {
  const folder = new RunFolder(path);
  const file = await folder.readConfig();
  const progress = file && (await folder.readProgress());
  const weights = progress && folder.weights(selectedOf(progress, file.config.select));
  if (!file || !progress || weights === undefined || !(await isFile(weights))) {
    const missing = file ? (weights ?? 'checkpoints/epoch-1') : 'config.json';
    throw new SpurmemError(
      'RUN_NOT_FOUND',
      `${folder.path} holds no trained run (${missing.startsWith('/') ? relative(folder.path, missing) : missing} is missing). ` +
        'Name the folder of a run that was trained.',
    );
  }
  const { config, environment } = file;
  return { folder, config, environment, weights };
}

/** Returns the epoch whose weights a run provides. */
export function selectedOf({ epoch, bestEpoch }: TrainingProgress, select: SelectedCheckpoint): number {
  return select === 'last' ? epoch : bestEpoch;
}

/** The option by which the caller requested an epoch. */
interface AskedEpoch {
  readonly parameter: string;
  readonly value: number;
  /** Advice instead of keeping that epoch, after "or". */
  readonly otherwise: string;
}

/** Returns the weights file of a saved epoch. Throws `RUN_NOT_FOUND` naming the saved ones. */
export async function keptEpoch(
  folder: RunFolder,
  epoch: number,
  { parameter, value, otherwise }: AskedEpoch,
): Promise<string> {
  const kept = await folder.savedEpochs();
  const path = folder.weights(epoch);
  if (kept.includes(epoch)) return path;
  const which = epoch === value ? 'that epoch' : `epoch ${epoch}`;
  const others = kept.length === 0 ? 'It has kept none' : `Kept: ${kept.join(', ')}`;
  throw new SpurmemError(
    'RUN_NOT_FOUND',
    `\`${parameter}\` is ${value}, and ${folder.path} has not kept ${which}: ${path} is missing. ${others}.`,
    {
      parameter,
      value,
      expected: 'an epoch that was kept',
      advice: [`Train that run with \`keepEpochs\` ${epoch}, or ${otherwise}.`],
    },
  );
}

/** Returns the default folder of a method's run: next to the run that it starts from, or by its dataset's name. */
export function defaultRunFolder(
  method: string,
  { name, options: { ticks } }: Pick<Dataset, 'name' | 'options'>,
  from: string | undefined,
): string {
  const folder = from === undefined ? `runs/${method}-${name}` : `${from.replace(/\/+$/, '')}-${method}`;
  return ticks === undefined ? folder : `${folder}-ticks`;
}

/** Returns the weights file of a saved epoch, by default the selected one. Throws `RUN_NOT_FOUND`. */
export async function weightsAt(
  { folder, weights }: Pick<OpenedRun, 'folder' | 'weights'>,
  epoch: number | undefined,
): Promise<string> {
  if (epoch === undefined) return weights;
  return keptEpoch(folder, epoch, { parameter: 'epoch', value: epoch, otherwise: 'leave `epoch` out' });
}

/** The progress of a run. */
export interface RunState {
  readonly state: 'finished' | 'running' | 'stopped' | 'waiting';
  /** Finished epochs. */
  readonly epochs: number;
  readonly result: TrainingResult | undefined;
}

export async function runState(folder: RunFolder): Promise<RunState> {
  const result = await folder.readTrainingResult();
  const epochs = (await folder.readMetrics()).length;
  const stateOf = async (): Promise<RunState['state']> => {
    if (result !== undefined) return 'finished';
    if (await folder.isBusy()) return 'running';
    return epochs > 0 || (await folder.readConfig()) !== undefined ? 'stopped' : 'waiting';
  };
  return { state: await stateOf(), epochs, result };
}
