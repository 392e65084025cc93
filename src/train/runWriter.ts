import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import { checksum, withChecksum } from '../checksum.js';
import type { DataDescription } from '../data/dataDescription.js';
import { SpurmemError } from '../errors.js';
import { append, jsonText, writeAtomic, writeCheckedJson } from '../files.js';
import type { Lock } from '../lock.js';
import type { GroupAccuracies } from '../metrics/groups.js';
import { writeProgram } from '../models/exported/archive.js';
import type { Program } from '../models/exported/program.js';
import type { ComputeContext } from '../native/context.js';
import { provenance } from '../provenance.js';
import { FORMAT_VERSION } from './formatVersion.js';
import type { EpochMetrics } from './results.js';
import type { RunConfig, RunEnvironment } from './runConfig.js';
import { type HistoryEntry, readIfThere } from './runFiles.js';
import { isReport, RunFolder } from './runFolder.js';
import { lockRun } from './runLock.js';

/** A run's folder that a job writes to; where several processes do the job, the first one writes. */
export class RunWriter extends RunFolder {
  #lock: Lock | undefined;

  constructor(
    path: string,
    readonly context: Pick<ComputeContext, 'isRankZero' | 'onRankZero' | 'barrier'>,
  ) {
    super(path);
  }

  override async create(): Promise<void> {
    await this.context.onRankZero(() => super.create());
  }

  /** Runs `job` while no process outside its group may write here, but for the report. Throws `RUN_BUSY`. */
  async locked<Result>(
    job: () => Promise<Result>,
    { waits = false }: { readonly waits?: boolean } = {},
  ): Promise<Result> {
    await this.context.onRankZero(async () => {
      this.#lock = await lockRun(this.path, waits);
    });
    try {
      if (this.context.isRankZero) await this.removeLeftovers((name) => !isReport(name));
      const result = await job();
      // All see what the first process wrote.
      await this.context.barrier();
      return result;
    } catch (error) {
      // The new owner may have removed what this one was writing.
      this.#requireLock();
      throw error;
    } finally {
      await this.#lock?.release();
    }
  }

  /** Writes the result of a job that computed without the lock. Throws `RUN_BUSY`. */
  async record(name: string, result: unknown): Promise<void> {
    await this.locked(() => this.writeResult(name, result), { waits: true });
  }

  async writeConfig(config: RunConfig, environment: RunEnvironment): Promise<void> {
    await this.#write(() =>
      writeCheckedJson(this.configPath, { formatVersion: FORMAT_VERSION, config, environment }),
    );
  }

  async writeProgram({ file }: Program): Promise<void> {
    await this.#write(() => writeProgram(this.program, file));
  }

  async writeData(data: DataDescription): Promise<void> {
    await this.#write(() => writeCheckedJson(this.dataPath, data));
  }

  async appendMetrics(metrics: EpochMetrics): Promise<void> {
    await this.#write(async () => {
      this.#requireLock();
      // Flushed, because the checkpoint that makes the epoch count is.
      await append(this.metricsPath, epochLine(metrics), { flush: true });
    });
  }

  /** `metrics.csv`, for spreadsheets and plots. */
  async writeMetricsTable(groupNames: readonly string[]): Promise<void> {
    await this.#write(async () => {
      const table = epochsTable(await this.readMetrics(), groupNames);
      await writeAtomic(join(this.path, 'metrics.csv'), table);
    });
  }

  /** Rewrites the metrics where they differ, as after an interrupted epoch. */
  async writeMetrics(epochs: readonly EpochMetrics[]): Promise<void> {
    await this.#write(async () => {
      const text = epochs.map(epochLine).join('');
      if (text !== ((await readIfThere(this.metricsPath)) ?? '')) await writeAtomic(this.metricsPath, text);
    });
  }

  async writeResult(name: string, result: unknown): Promise<void> {
    await this.#write(async () => {
      this.#requireLock();
      // First: after a stop between both, the result is made again, but its line would not be.
      const text = jsonText(result);
      const entry: HistoryEntry = { result: name, ...provenance(), crc32: checksum(text) };
      // Behind a line that was cut off, as by a full disk, it would be lost with that.
      const before = (await readIfThere(this.historyPath)) ?? '';
      const end = before === '' || before.endsWith('\n') ? '' : '\n';
      await append(this.historyPath, `${end}${withChecksum(JSON.stringify(entry))}\n`);
      await writeAtomic(this.result(name), text);
    });
  }

  async removeResult(name: string): Promise<void> {
    await this.#write(() => rm(this.result(name), { force: true }));
  }

  async #write(job: () => Promise<void>): Promise<void> {
    if (this.context.isRankZero) await job();
  }

  /** A process that was suspended for long loses its lock, and the file may belong to another one by now. */
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

function epochLine(metrics: EpochMetrics): string {
  return `${withChecksum(JSON.stringify(metrics))}\n`;
}

/**
 * Epochs as CSV: losses, their parts, and accuracies as fractions by group; empty where an epoch has none. Trackers that import tables
 * take the epoch by the name of `step`.
 */
export function epochsTable(epochs: readonly EpochMetrics[], groupNames: readonly string[]): string {
  const terms = [...new Set(epochs.flatMap(({ lossTerms = {} }) => Object.keys(lossTerms)))];
  const lines = epochs.map(({ epoch, lr, trainLoss, train, valLoss, val, best, seconds, lossTerms }) => ({
    epoch,
    step: epoch,
    lr,
    trainLoss,
    ...Object.fromEntries(terms.map((term) => [`${term}Loss`, lossTerms?.[term]])),
    valLoss,
    ...columns('train', train, groupNames),
    ...columns('val', val, groupNames),
    best: Number(best),
    seconds,
  }));
  return stringify(lines, { header: true });
}

/** `valWorstGroup`, `valAverage`, and `val pullover, digit 1` for each group. */
function columns(
  split: string,
  { worstGroupAccuracy, average, accuracy }: GroupAccuracies,
  groupNames: readonly string[],
): Record<string, number | undefined> {
  return {
    [`${split}WorstGroup`]: worstGroupAccuracy,
    [`${split}Average`]: average,
    // An epoch that draws no example of a group has no accuracy of it.
    ...Object.fromEntries(
      groupNames.map((name, group) => [
        `${split} ${name}`,
        Number.isFinite(accuracy[group]) ? accuracy[group] : undefined,
      ]),
    ),
  };
}
