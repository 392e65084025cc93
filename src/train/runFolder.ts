import { createHash } from 'node:crypto';
import { access, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { z } from 'zod';
import { describeIssues } from '../data/issues.js';
import { dataDescriptionSchema, type DataDescription } from '../data/dataDescription.js';
import { SpurmemError, messageOf, systemCode } from '../errors.js';
import { append, makeFolder, removeLeftovers, writeAtomic, writeJson } from '../files.js';
import { awaitLock, isLocked, ownerOf, type Lock } from '../lock.js';
import { awaitFirstProcess, isFirstProcess, ofFirstProcess } from '../native/processGroup.js';
import type { JobOptions } from '../progress.js';
import { provenance, type Provenance } from '../provenance.js';
import type { SelectedCheckpoint } from './ermSettings.js';
import { epochMetricsSchema, trainingResultSchema } from './resultSchemas.js';
import { epochsTable } from './epochsTable.js';
import type { EpochMetrics, TrainingResult } from './results.js';
import {
  methodOf,
  runConfigSchema,
  runEnvironmentSchema,
  type RunConfig,
  type RunEnvironment,
} from './runConfig.js';

export type { RunConfig, RunEnvironment } from './runConfig.js';

const FOLDERS = ['checkpoints', 'results', 'figures'] as const;
/** Of a file or folder, in bytes. */
const LONGEST_NAME = 255;
/** How long a job that only writes what it has computed waits for another one, in milliseconds. */
const PATIENCE_MS = 30_000;
const historySchema = z.object({
  result: z.string(),
  date: z.string(),
  command: z.string().nullable(),
  cpu: z.string(),
  kernels: z.string(),
  versions: z.record(z.string(), z.string()),
});

const fileSchema = z.strictObject({ config: runConfigSchema, environment: runEnvironmentSchema });

/** A line of `history.jsonl`: a result that was written, by what. */
export interface HistoryEntry extends Provenance {
  /** The result's name, such as `erm`. */
  readonly result: string;
}

/**
 * A run's folder: `config.json`, `metrics.jsonl` (a line an epoch), `metrics.csv` (the same as a table), `checkpoints/{last,best}.safetensors` (weights),
 * `checkpoints/resume.safetensors` (all that a resumed run needs), `data.json` (what is told of its data), `results/*.json`,
 * `figures/`, `report.html`, `history.jsonl` (a line a result: when and by which command it was made). Of several processes that
 * train together, the first one writes.
 */
export class RunFolder {
  readonly path: string;
  #lock: Lock | undefined;

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
  get #config(): string {
    return join(this.path, 'config.json');
  }
  get #data(): string {
    return join(this.path, 'data.json');
  }
  get #history(): string {
    return join(this.path, 'history.jsonl');
  }
  get #metrics(): string {
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
    await ofFirstProcess(async () => {
      for (const folder of FOLDERS) await makeFolder(join(this.path, folder));
    });
  }

  /** Throws `RUN_BUSY` when another process is writing to this folder: for jobs that lock it only at their end. */
  async requireUnlocked(): Promise<void> {
    if (await isLocked(await this.#lockPath())) throw await this.#busy();
  }

  /**
   * Runs `job` while no other process may write to this folder but for its report, and those of its own group. Throws `RUN_BUSY`.
   *
   * @param options `waits` for another job that is about to end: for one that only writes what it has computed
   */
  async locked<Result>(
    job: () => Promise<Result>,
    { waits = false }: { readonly waits?: boolean } = {},
  ): Promise<Result> {
    await ofFirstProcess(async () => {
      this.#lock = await awaitLock(await this.#lockPath(), waits ? PATIENCE_MS : 0);
      if (this.#lock === undefined) throw await this.#busy();
    });
    try {
      if (isFirstProcess()) await this.#removeLeftovers((name) => !isReport(name));
      const result = await job();
      // What the first process wrote is there for all.
      await awaitFirstProcess();
      return result;
    } finally {
      await this.#lock?.release();
    }
  }

  /** Writes a result of a job that did not lock this folder while it computed. Throws `RUN_BUSY`. */
  async record(name: string, result: unknown): Promise<void> {
    await this.locked(() => this.writeResult(name, result), { waits: true });
  }

  /** Runs `job`, which writes `report.html` and `figures/*.svg`, also while a run is trained. Throws `RUN_BUSY`. */
  async publish<Result>(job: () => Promise<Result>): Promise<Result> {
    const lock = await awaitLock(join(this.path, 'figures', '.report.lock'), PATIENCE_MS);
    if (lock === undefined) throw await this.#busy();
    try {
      await this.#removeLeftovers(isReport);
      return await job();
    } finally {
      await lock.release();
    }
  }

  async #removeLeftovers(which: (name: string) => boolean): Promise<void> {
    for (const folder of ['.', ...FOLDERS]) await removeLeftovers(join(this.path, folder), which);
  }

  /** Beside the folder, by whatever name it is reached. */
  async #lockPath(): Promise<string> {
    const path = await realpath(this.path).catch(() => this.path);
    const name = `${basename(path)}.lock`;
    if (Buffer.byteLength(name) <= LONGEST_NAME) return join(dirname(path), name);
    const short = createHash('sha256').update(name).digest('hex');
    return join(dirname(path), `${short}.lock`);
  }

  async #busy(): Promise<SpurmemError> {
    const owner = await ownerOf(await this.#lockPath());
    const who = owner === undefined ? 'Another process' : `Process ${owner.pid} of ${owner.host}`;
    return new SpurmemError('RUN_BUSY', `${who} is writing to ${this.path}.`, {
      advice: ['Wait for it to end, or use another run folder.'],
    });
  }

  /** The run's configuration, or undefined for a folder without one. Throws `RUN_INVALID`. */
  async readConfig(): Promise<z.infer<typeof fileSchema> | undefined> {
    const text = await readIfThere(this.#config);
    return text === undefined ? undefined : parseJson(this.#config, text, fileSchema);
  }

  async writeConfig(config: RunConfig, environment: RunEnvironment): Promise<void> {
    if (!isFirstProcess()) return;
    await writeJson(this.#config, { config, environment });
  }

  /** What the run keeps of its data, or undefined for a run from before runs kept that. Throws `RUN_INVALID`. */
  async readData(): Promise<DataDescription | undefined> {
    const text = await readIfThere(this.#data);
    return text === undefined ? undefined : parseJson(this.#data, text, dataDescriptionSchema);
  }

  async writeData(data: DataDescription): Promise<void> {
    if (!isFirstProcess()) return;
    await writeJson(this.#data, data);
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

  /**
   * The epochs measured so far. A damaged last line is left out: its process was killed, or the disk was full, before it
   * was whole. Throws `RUN_INVALID` for any other damaged line.
   */
  async readMetrics(onWarning?: JobOptions['onWarning']): Promise<EpochMetrics[]> {
    const text = (await readIfThere(this.#metrics)) ?? '';
    const lines = text.trimEnd().split('\n');
    const epochs: EpochMetrics[] = [];
    for (const [index, line] of lines.entries()) {
      const metrics = parseEpoch(line);
      if (metrics) epochs.push(metrics);
      if (metrics || line === '') continue;
      const what = `${this.#metrics}:${index + 1} is not an epoch as JSON`;
      if (index < lines.length - 1) {
        throw new SpurmemError('RUN_INVALID', `${what}. Remove that line, or start anew in another folder.`);
      }
      onWarning?.(`${what}, as after a write that was cut off. That line is dropped.`);
    }
    return epochs;
  }

  async appendMetrics(metrics: EpochMetrics): Promise<void> {
    if (!isFirstProcess()) return;
    this.#requireLock();
    // Flushed, because the checkpoint that makes the epoch count is.
    await append(this.#metrics, epochLine(metrics), { flush: true });
  }

  /** Writes the epochs measured so far as a table, `metrics.csv`, for spreadsheets and plots. */
  async writeMetricsTable(groupNames: readonly string[]): Promise<void> {
    if (!isFirstProcess()) return;
    const table = epochsTable(await this.readMetrics(), groupNames);
    await writeAtomic(join(this.path, 'metrics.csv'), table);
  }

  /** Rewrites the metrics where they are not these epochs in whole lines, as after an interrupted epoch. */
  async writeMetrics(epochs: readonly EpochMetrics[]): Promise<void> {
    if (!isFirstProcess()) return;
    const text = epochs.map(epochLine).join('');
    if (text !== ((await readIfThere(this.#metrics)) ?? '')) await writeAtomic(this.#metrics, text);
  }

  /**
   * A result by name, or undefined when it has not been made.
   *
   * @param schema what the caller reads of it; without one, only that the file is a result of this name is checked
   * @throws `RUN_INVALID`
   */
  async readResult<Result>(name: string, schema?: z.ZodType<Result>): Promise<Result | undefined> {
    const path = this.result(name);
    const text = await readIfThere(path);
    if (text === undefined) return undefined;
    const damaged = (reason: string): SpurmemError =>
      new SpurmemError('RUN_INVALID', `${path} ${reason}. Delete it and run again.`);
    let result: unknown;
    try {
      result = JSON.parse(text);
    } catch (error) {
      throw damaged(`is not JSON (${messageOf(error)})`);
    }
    if (!isResult(result, name)) throw damaged('is no result of this name');
    const checked = schema?.safeParse(result);
    if (checked?.success === false)
      throw damaged(`is no result of this name (${describeIssues(checked.error)})`);
    return result as Result;
  }

  /** What training gave, or undefined when it is not finished. */
  async readTrainingResult(): Promise<TrainingResult | undefined> {
    const file = await this.readConfig();
    return file && this.readResult(methodOf(file.config), trainingResultSchema);
  }

  /** How the results came about, in the order in which they were written; lines that are no entries are left out. */
  async readHistory(): Promise<HistoryEntry[]> {
    const text = (await readIfThere(this.#history)) ?? '';
    return text.split('\n').flatMap((line) => parseHistory(line) ?? []);
  }

  async writeResult(name: string, result: unknown): Promise<void> {
    if (!isFirstProcess()) return;
    this.#requireLock();
    // Before the result, which is made again where a stop comes between them; one without its line would not be.
    const entry: HistoryEntry = { result: name, ...provenance() };
    await append(this.#history, `${JSON.stringify(entry)}\n`);
    await writeJson(this.result(name), result);
  }

  /** A process that was suspended for long loses its lock: what it would write may belong to another one by now. */
  #requireLock(): void {
    if (this.#lock?.isLost() !== true) return;
    throw new SpurmemError(
      'RUN_BUSY',
      `The lock on ${this.path} was lost: it was removed, or taken by another process while this one was suspended. ` +
        'The last checkpoint is kept.',
      { advice: ['Continue with `resume` once no other process uses the folder.'] },
    );
  }
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
  return { folder, ...file, weights };
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

/** Whether a file is one of the report's. */
function isReport(name: string): boolean {
  return name === 'report.html' || name.endsWith('.svg');
}

/** Results carry their kind, with which their names begin. */
function isResult(value: unknown, name: string): boolean {
  const kind = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined;
  return typeof kind === 'string' && name.startsWith(kind);
}

function epochLine(metrics: EpochMetrics): string {
  return `${JSON.stringify(metrics)}\n`;
}

/** A line of the metrics, or undefined when it is damaged: cut off, or not an epoch. */
function parseEpoch(line: string): EpochMetrics | undefined {
  try {
    const metrics: unknown = JSON.parse(line);
    // As it stands in the file, which may be written again: a schema puts its keys first.
    return epochMetricsSchema.safeParse(metrics).success ? (metrics as EpochMetrics) : undefined;
  } catch {
    return undefined;
  }
}

/** A line of the history, or undefined where it is not one: it is told, and nothing rests on it. */
function parseHistory(line: string): HistoryEntry | undefined {
  try {
    return historySchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined;
    throw new SpurmemError('RUN_INVALID', `Cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}

function parseJson<Schema extends z.ZodType>(path: string, text: string, schema: Schema): z.infer<Schema> {
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    throw new SpurmemError(
      'RUN_INVALID',
      `${path} is damaged: ${reason}\nRestore it, or start anew in another folder.`,
      {
        cause: error,
      },
    );
  }
}

/** Whether a file is there. */
export async function isFile(path: string): Promise<boolean> {
  try {
    await access(path);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
