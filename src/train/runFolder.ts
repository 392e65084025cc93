import { readdir } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
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

/** A run's folder (its files: docs/design.md, "Files of a run"). A `RunWriter` writes all of it but the report. */
export class RunFolder {
  readonly path: string;
  readonly best: string;
  readonly last: string;
  /** All that a resumed run needs. */
  readonly resume: string;
  readonly report: string;
  /** The program that the run trains, without weights, where its architecture is a file of torch.export. */
  readonly program: string;
  protected readonly configPath: string;
  protected readonly dataPath: string;
  protected readonly historyPath: string;
  protected readonly metricsPath: string;

  constructor(path: string) {
    this.path = resolve(path);
    this.best = this.#checkpoint('best');
    this.last = this.#checkpoint('last');
    this.resume = this.#checkpoint('resume');
    this.report = join(this.path, 'report.html');
    this.program = join(this.path, 'program.safetensors');
    this.configPath = join(this.path, 'config.json');
    this.dataPath = join(this.path, 'data.json');
    this.historyPath = join(this.path, 'history.jsonl');
    this.metricsPath = join(this.path, 'metrics.jsonl');
  }

  #checkpoint(name: string): string {
    return join(this.path, 'checkpoints', `${name}.safetensors`);
  }
  /** The weights that a run gives. */
  selected(select: SelectedCheckpoint): string {
    return select === 'last' ? this.last : this.best;
  }
  /** The weights after an epoch that was asked to be kept. */
  epoch(epoch: number): string {
    return this.#checkpoint(`epoch-${epoch}`);
  }
  /** The epochs whose weights were kept, in their order. */
  async keptEpochs(): Promise<number[]> {
    const names = await readdir(join(this.path, 'checkpoints')).catch(() => []);
    const epochs = names.flatMap((name) => /^epoch-(\d+)\.safetensors$/.exec(name)?.[1] ?? []);
    return epochs.map(Number).sort((a, b) => a - b);
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
          advice: ['Choose a folder of its own.'],
        },
      );
    }
    for (const folder of FOLDERS) await makeFolder(join(this.path, folder));
  }

  /** Throws `RUN_BUSY` when another process is writing here: for jobs that lock the folder only at their end. */
  async requireUnlocked(): Promise<void> {
    await requireUnlocked(this.path);
  }

  /** Runs `job`, which writes the report and its figures, also while a run is trained. Throws `RUN_BUSY`. */
  async publish<Result>(job: () => Promise<Result>): Promise<Result> {
    const lock = await lockReport(this.path);
    try {
      await this.removeLeftovers(isReport);
      return await job();
    } finally {
      await lock.release();
    }
  }

  /** Undefined where there is none, as of all files read here. Throws `RUN_INVALID`. */
  readConfig(): Promise<z.infer<typeof runFileSchema> | undefined> {
    return readJson(this.configPath, runFileSchema, requireFormatVersion);
  }

  readData(): Promise<DataDescription | undefined> {
    return readJson(this.dataPath, dataDescriptionSchema);
  }

  /** Whether an epoch was finished; the first one's metrics are written before. */
  async hasEpochs(): Promise<boolean> {
    const found = await Promise.all([this.resume, this.last, this.best].map(isFile));
    return found.includes(true) || (await this.hasResults()) || (await this.readMetrics()).length > 1;
  }

  async hasResults(): Promise<boolean> {
    const names = await readdir(join(this.path, 'results')).catch(() => []);
    return names.some((name) => name.endsWith('.json'));
  }

  /** The epochs so far, without a last line that was cut off. Throws `RUN_INVALID`. */
  readMetrics(onWarning?: JobOptions['onWarning']): Promise<EpochMetrics[]> {
    return readEpochs(this.metricsPath, onWarning);
  }

  /** Throws `RUN_INVALID` naming the file, and the field that is not as the schema says. */
  readResult<Schema extends z.ZodType>(name: string, schema: Schema): Promise<Recorded<Schema> | undefined> {
    return readResultFile(this.result(name), name, schema, this.historyPath);
  }

  /** Undefined while training is not finished. */
  async readTrainingResult(): Promise<TrainingResult | undefined> {
    const file = await this.readConfig();
    return file && this.readResult(methodOf(file.config), trainingResultSchema);
  }

  /** The origins of the results, in the order in which they were written. */
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

/** Opens a trained run. Throws `RUN_NOT_FOUND`. */
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

/** The caller's option that asks for an epoch. */
interface AskedEpoch {
  readonly parameter: string;
  readonly value: number;
  /** Advice instead of keeping that epoch, after "or". */
  readonly otherwise: string;
}

/** The weights file of an epoch that a run kept. Throws `RUN_NOT_FOUND` naming those that it kept. */
export async function keptEpoch(
  folder: RunFolder,
  epoch: number,
  { parameter, value, otherwise }: AskedEpoch,
): Promise<string> {
  const kept = await folder.keptEpochs();
  const path = folder.epoch(epoch);
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

/** The folder of a method's run where none is named: beside the run that it starts from, or by its dataset's name. */
export function defaultRunFolder(method: string, dataset: string, from: string | undefined): string {
  return from === undefined ? `runs/${method}-${dataset}` : `${from.replace(/\/+$/, '')}-${method}`;
}

/** The weights file of an epoch that a run kept, or without one the selected one's. Throws `RUN_NOT_FOUND`. */
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
    if (await isBusy(folder)) return 'running';
    return epochs > 0 || (await folder.readConfig()) !== undefined ? 'stopped' : 'waiting';
  };
  return { state: await stateOf(), epochs, result };
}

/** Whether another process is training this run. */
export async function isBusy(folder: RunFolder): Promise<boolean> {
  try {
    await folder.requireUnlocked();
    return false;
  } catch (error) {
    // A folder that is not there has no lock.
    return error instanceof SpurmemError && error.code === 'RUN_BUSY';
  }
}
