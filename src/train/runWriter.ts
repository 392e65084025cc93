import { open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { csvText, writeCsv } from '../csvFile.js';
import { describeData } from '../data/dataDescription.js';
import type { Dataset } from '../data/dataset.js';
import { systemCode } from '../errors.js';
import { checkWrites, makeFolder, putInPlace, unwritable, writeAtomic, writeCheckedJson } from '../files.js';
import { awaitLock, type Lock } from '../lock.js';
import type { GroupAccuracies } from '../metrics/groups.js';
import { writeProgram } from '../models/exported/archive.js';
import type { Program } from '../models/exported/program.js';
import { writeSafetensors, type WrittenTensor } from '../models/safetensors.js';
import type { ComputeContext } from '../native/context.js';
import type { JobOptions } from '../progress.js';
import { provenance } from '../provenance.js';
import type { TrackedImages } from './imageRecord.js';
import type { EpochMetrics, TrainingProgress } from './results.js';
import { FORMAT_VERSION, type RunConfig, type RunEnvironment } from './runConfig.js';
import { isReport, PATIENCE_MS, RunFolder } from './runFolder.js';

/** A run's folder that a job writes to; of several processes, rank 0 writes. */
export class RunWriter extends RunFolder {
  constructor(
    path: string,
    readonly context: Pick<ComputeContext, 'onRankZero'>,
    private readonly options: JobOptions = {},
  ) {
    super(path);
  }

  override async create(): Promise<void> {
    await this.context.onRankZero(() => super.create());
  }

  /** Runs `job` with the run locked: processes outside its group can only write the report. Throws `RUN_BUSY`, `INTERRUPTED`. */
  async locked<Result>(
    job: () => Promise<Result>,
    { waits = false }: { readonly waits?: boolean } = {},
  ): Promise<Result> {
    let lock: Lock | undefined;
    await this.context.onRankZero(async () => {
      lock = await awaitLock(await this.lockPath(), waits ? PATIENCE_MS : 0, this.options);
      if (lock === undefined) throw await this.busy();
      await this.removeLeftovers((name) => !isReport(name));
      await this.removeAsides();
    });
    return lock === undefined ? job() : lock.during(job);
  }

  /** Writes the result of a job that computed without the lock. Throws `RUN_BUSY`. */
  async record(name: string, result: object): Promise<void> {
    await this.locked(() => this.writeResult(name, result), { waits: true });
  }

  /** Writes the first files: the program, if the run trains one, `config.json`, which names it, and `data.json`. */
  async writeStart(
    config: RunConfig,
    environment: RunEnvironment,
    dataset: Dataset,
    program: Program | undefined,
  ): Promise<void> {
    await this.#write(async () => {
      if (program !== undefined) await writeProgram(this.program, program.file);
      await writeCheckedJson(this.configPath, { formatVersion: FORMAT_VERSION, config, environment });
      await writeCheckedJson(this.dataPath, await describeData(dataset));
    });
  }

  /**
   * Writes an epoch to a temporary folder, flushes it, commits it by renaming, and removes the epochs that it replaces.
   *
   * @param weights the model's, for other programs to load
   * @param state everything else needed to resume
   */
  async commit(
    progress: TrainingProgress,
    weights: Readonly<Record<string, WrittenTensor>>,
    state: Readonly<Record<string, WrittenTensor>>,
  ): Promise<void> {
    await this.#write(async () => {
      const folder = this.epoch(progress.epoch);
      const aside = `${folder}.tmp`;
      try {
        await rm(aside, { recursive: true, force: true });
        await makeFolder(aside);
        await writeSafetensors(join(aside, 'weights.safetensors'), weights);
        await writeSafetensors(join(aside, 'state.safetensors'), state);
        await writeCheckedJson(join(aside, 'epoch.json'), progress);
        checkWrites();
        // Only weights from before the first epoch can have been saved under this number.
        await discard(folder);
        await putInPlace(aside, folder);
        await syncFolder(this.checkpoints);
      } catch (error) {
        checkWrites();
        await rm(aside, { recursive: true, force: true }).catch(() => undefined);
        throw unwritable(error, folder);
      }
    });
    await this.prune(progress);
  }

  /** Removes epochs other than the newest, the selected and the kept ones, and the state of all except the newest. */
  async prune({ epoch, bestEpoch }: Pick<TrainingProgress, 'epoch' | 'bestEpoch'>): Promise<void> {
    await this.#write(async () => {
      for (const other of (await this.savedEpochs()).filter((saved) => saved !== epoch)) {
        const isKept = other < epoch && (other === bestEpoch || (await this.readEpoch(other)).isKept);
        await (isKept ? rm(this.state(other), { force: true }) : discard(this.epoch(other))).catch(
          () => undefined,
        );
      }
    });
  }

  /** Removes what only further epochs of a finished run would need. */
  async removeState(epoch: number): Promise<void> {
    await this.#write(() => rm(this.state(epoch), { force: true }));
  }

  /** Writes `metrics.csv`, for spreadsheets and plots. */
  async writeMetricsTable(epochs: readonly EpochMetrics[], groupNames: readonly string[]): Promise<void> {
    await this.#write(() => writeAtomic(join(this.path, 'metrics.csv'), epochsTable(epochs, groupNames)));
  }

  /** Writes what training measured of each image, as a result and as a table. */
  async writeImages(rows: TrackedImages['rows']): Promise<void> {
    await this.writeResult('images', { kind: 'images', rows });
    const table = join(dirname(this.result('images')), 'images.csv');
    await this.#write(() => writeCsv(table, rows));
  }

  async writeResult(name: string, result: object): Promise<void> {
    await this.#write(async () => {
      await writeCheckedJson(this.result(name), { ...result, origin: provenance() });
    });
  }

  async removeResult(name: string): Promise<void> {
    await this.#write(() => rm(this.result(name), { force: true }));
  }

  /** Writes on rank 0; the other processes wait and see the result. */
  #write(job: () => Promise<void>): Promise<void> {
    return this.context.onRankZero(async () => {
      checkWrites();
      await job();
    });
  }
}

/** Removes a saved epoch atomically, so that a process killed meanwhile leaves no half of it. */
async function discard(folder: string): Promise<void> {
  const aside = `${folder}.old`;
  try {
    await rename(folder, aside);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw error;
  }
  await rm(aside, { recursive: true, force: true });
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}

/**
 * Returns epochs as CSV: losses, their terms, and accuracies as fractions by group; missing values are empty. The epoch's column is
 * `step`, as trackers that import tables expect.
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
  return csvText(lines);
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
    // An epoch that draws no example of a group has no accuracy for it.
    ...Object.fromEntries(
      groupNames.map((name, group) => [
        `${split} ${name}`,
        Number.isFinite(accuracy[group]) ? accuracy[group] : undefined,
      ]),
    ),
  };
}
