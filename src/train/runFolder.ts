import { readdir } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import type { z } from 'zod';
import { type DataDescription, dataDescriptionSchema } from '../data/dataDescription.js';
import { SpurmemError } from '../errors.js';
import { makeFolder, removeLeftovers } from '../files.js';
import type { JobOptions } from '../progress.js';
import type { Recorded } from '../recorded.js';
import type { SelectedCheckpoint } from './ermSettings.js';
import { requireFormatVersion } from './formatVersion.js';
import { type EpochMetrics, type TrainingResult, trainingResultSchema } from './results.js';
import { methodOf, type RunConfig, type RunEnvironment, runFileSchema } from './runConfig.js';
import {
  type HistoryEntry,
  isFile,
  readEpochs,
  readHistoryFile,
  readJson,
  readResultFile,
} from './runFiles.js';
import { lockReport, requireUnlocked } from './runLock.js';

export type { RunConfig, RunEnvironment } from './runConfig.js';
export { isFile, type HistoryEntry } from './runFiles.js';

const FOLDERS = ['checkpoints', 'results', 'figures'] as const;

/**
 * A run's folder: `config.json`, `metrics.jsonl` (a line an epoch), `metrics.csv` (the same as a table),
 * `checkpoints/{last,best}.safetensors` (weights), `checkpoints/resume.safetensors` (all that a resumed run needs), `data.json`
 * (names and counts of its data), `results/*.json`, `figures/`, `report.html`, `history.jsonl` (a line a result: when and by which
 * command it was made). A `RunWriter` writes all but the report.
 */
export class RunFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = resolve(path);
  }

  get best(): string {
    return join(this.path, 'checkpoints', 'best.safetensors');
  }
  get last(): string {
    return join(this.path, 'checkpoints', 'last.safetensors');
  }
  /** The weights that a run gives. */
  selected(select: SelectedCheckpoint): string {
    return select === 'last' ? this.last : this.best;
  }
  /** The weights after an epoch that was asked to be kept. */
  epoch(epoch: number): string {
    return join(this.path, 'checkpoints', `epoch-${epoch}.safetensors`);
  }
  /** The epochs whose weights were kept, in their order. */
  async keptEpochs(): Promise<number[]> {
    const names = await readdir(join(this.path, 'checkpoints')).catch(() => []);
    const epochs = names.map((name) => /^epoch-(\d+)\.safetensors$/.exec(name)?.[1]);
    return epochs
      .filter((epoch) => epoch !== undefined)
      .map(Number)
      .sort((a, b) => a - b);
  }
  get resume(): string {
    return join(this.path, 'checkpoints', 'resume.safetensors');
  }
  get report(): string {
    return join(this.path, 'report.html');
  }
  protected get configPath(): string {
    return join(this.path, 'config.json');
  }
  protected get dataPath(): string {
    return join(this.path, 'data.json');
  }
  protected get historyPath(): string {
    return join(this.path, 'history.jsonl');
  }
  protected get metricsPath(): string {
    return join(this.path, 'metrics.jsonl');
  }

  result(name: string): string {
    return join(this.path, 'results', `${name}.json`);
  }
  figure(name: string): string {
    return join(this.path, 'figures', name);
  }

  /** Makes the folders. Throws `OUTPUT_UNWRITABLE`. */
  async create(): Promise<void> {
    for (const folder of FOLDERS) await makeFolder(join(this.path, folder));
  }

  /** Throws `RUN_BUSY` when another process is writing to this folder: for jobs that lock it only at their end. */
  async requireUnlocked(): Promise<void> {
    await requireUnlocked(this.path);
  }

  /** Runs `job`, which writes `report.html` and `figures/*.svg`, also while a run is trained. Throws `RUN_BUSY`. */
  async publish<Result>(job: () => Promise<Result>): Promise<Result> {
    const lock = await lockReport(this.path);
    try {
      await this.removeLeftovers(isReport);
      return await job();
    } finally {
      await lock.release();
    }
  }

  /** The run's configuration and environment, or undefined for a folder without them. Throws `RUN_INVALID`. */
  readConfig(): Promise<z.infer<typeof runFileSchema> | undefined> {
    return readJson(this.configPath, runFileSchema, requireFormatVersion);
  }

  /** Names, counts and sample pictures of the run's data, or undefined where it has written none yet. Throws `RUN_INVALID`. */
  readData(): Promise<DataDescription | undefined> {
    return readJson(this.dataPath, dataDescriptionSchema);
  }

  /** Whether anything of a finished epoch is here. The first one's metrics are written before it is finished. */
  async hasEpochs(): Promise<boolean> {
    const found = await Promise.all([this.resume, this.last, this.best].map(isFile));
    return found.includes(true) || (await this.hasResults()) || (await this.readMetrics()).length > 1;
  }

  /** Whether there is any result: all come after training. */
  async hasResults(): Promise<boolean> {
    const names = await readdir(join(this.path, 'results')).catch(() => []);
    return names.some((name) => name.endsWith('.json'));
  }

  /** The epochs measured so far, without a last line that was cut off. Throws `RUN_INVALID`. */
  readMetrics(onWarning?: JobOptions['onWarning']): Promise<EpochMetrics[]> {
    return readEpochs(this.metricsPath, onWarning);
  }

  /**
   * A result by name, or undefined when it has not been made.
   *
   * @throws `RUN_INVALID` naming the file, and the field that is not as the schema says
   */
  async readResult<Schema extends z.ZodType>(
    name: string,
    schema: Schema,
  ): Promise<Recorded<Schema> | undefined> {
    return readResultFile(this.result(name), name, schema);
  }

  /** What training gave, or undefined when it is not finished. */
  async readTrainingResult(): Promise<TrainingResult | undefined> {
    const file = await this.readConfig();
    return file && this.readResult(methodOf(file.config), trainingResultSchema);
  }

  /** How the results came about, in the order in which they were written. */
  readHistory(): Promise<HistoryEntry[]> {
    return readHistoryFile(this.historyPath);
  }

  protected async removeLeftovers(which: (name: string) => boolean): Promise<void> {
    for (const folder of ['.', ...FOLDERS]) await removeLeftovers(join(this.path, folder), which);
  }
}

/** Whether a file is one of the report's. */
export function isReport(name: string): boolean {
  return name === 'report.html' || name.endsWith('.svg');
}

/** A run that was trained before. */
export interface OpenedRun {
  readonly folder: RunFolder;
  readonly config: RunConfig;
  readonly environment: RunEnvironment;
  /** The selected checkpoint's file. */
  readonly weights: string;
}

/** Opens a run that was trained before. Throws `RUN_NOT_FOUND`. */
export async function openRun(path: string): Promise<OpenedRun> {
  const folder = new RunFolder(path);
  const file = await folder.readConfig();
  const weights = folder.selected(file?.config.select ?? 'best-worst-group');
  if (!file || !(await isFile(weights))) {
    throw new SpurmemError(
      'RUN_NOT_FOUND',
      `${folder.path} holds no trained run (${file ? relative(folder.path, weights) : 'config.json'} is missing). ` +
        'Name the folder of a run that was trained.',
    );
  }
  const { config, environment } = file;
  return { folder, config, environment, weights };
}

/** Throws `DATASET_INVALID` when a dataset is not the one that a run was trained on. */
export function requireDatasetOfRun(
  fingerprint: string,
  dataset: { readonly folder: string; readonly fingerprint: string },
  folder: RunFolder,
): void {
  if (dataset.fingerprint === fingerprint) return;
  throw new SpurmemError(
    'DATASET_INVALID',
    `${dataset.folder} is not the dataset that ${folder.path} was trained on (its table or dataset.json differs).`,
    { parameter: 'data', advice: ['Name the right folder as `data`, or train on this one.'] },
  );
}
