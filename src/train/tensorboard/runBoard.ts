import { join, parse, relative, resolve } from 'node:path';
import { SpurmemError } from '../../errors.js';
import type { GroupAccuracies } from '../../metrics/groups.js';
import type { EpochMetrics, TrainingResult } from '../results.js';
import type { RunConfig } from '../runConfig.js';
import type { RunFolder } from '../runFolder.js';
import { EventFile } from './eventFile.js';
import { type BoardValue, sessionEnd, sessionStart, summaryEvent } from './events.js';

const START = '_hparams_/session_start_info';
const END = '_hparams_/session_end_info';
/** Every epoch has it. */
const TRAIN_LOSS = 'loss/train';

/** A run as the board shows it. */
interface ShownRun {
  readonly config: RunConfig;
  readonly folder: RunFolder;
  /** [numGroups] */
  readonly groupNames: readonly string[];
}

/** The curves of a run for TensorBoard. They follow the run's measurements: epochs that the event file lacks are added, and none twice. */
export class RunBoard {
  readonly #run: ShownRun;
  readonly #file: EventFile;
  #last: number;

  private constructor(run: ShownRun, file: EventFile) {
    this.#run = run;
    this.#file = file;
    this.#last = lastStep(file, TRAIN_LOSS);
  }

  /**
   * Opens a run's board, with the epochs that are finished.
   *
   * @param place the folder for the boards of all runs; true: `tensorboard` in the run's folder
   * @throws `OUTPUT_UNWRITABLE`; `RUN_EXISTS` where the board is of another run
   */
  static async open(place: string | true, run: ShownRun): Promise<RunBoard> {
    const file = await EventFile.open(folderOf(place, run.folder));
    const board = new RunBoard(run, file);
    const epochs = await run.folder.readMetrics();
    const finished = epochs.at(-1)?.epoch ?? 0;
    if (board.#last > finished) {
      throw new SpurmemError(
        'RUN_EXISTS',
        `${file.path} has ${board.#last} epochs, and ${run.folder.path} has ${finished}: it is of another run. Nothing was changed.`,
        {
          parameter: 'tensorboard',
          value: place,
          advice: ['Remove that file, or choose another `tensorboard`.'],
        },
      );
    }
    if (!file.events.some(({ tags }) => tags.includes(START))) {
      await file.add([summaryEvent(0, [{ tag: START, hparams: sessionStart(hparamsOf(run.config)) }])]);
    }
    await board.add(epochs);
    return board;
  }

  /** Adds those epochs that come after the last one. */
  async add(epochs: readonly EpochMetrics[]): Promise<void> {
    const missing = epochs.filter(({ epoch }) => epoch > this.#last);
    await this.#file.add(
      missing.map((metrics) => summaryEvent(metrics.epoch, epochValues(metrics, this.#run.groupNames))),
    );
    this.#last = missing.at(-1)?.epoch ?? this.#last;
  }

  /** Adds the result, unless the file has it. */
  async finish({ epochs, test }: TrainingResult): Promise<void> {
    if (lastStep(this.#file, END) >= epochs) return;
    const values: BoardValue[] = [
      ...accuracyValues('test', test, this.#run.groupNames),
      { tag: END, hparams: sessionEnd() },
    ];
    await this.#file.add([summaryEvent(epochs, values)]);
  }
}

/** A run's folder in a folder for all: as its path below the working directory, so that no two runs share one. */
function folderOf(place: string | true, { path }: RunFolder): string {
  if (place === true) return join(path, 'tensorboard');
  const below = relative(process.cwd(), path);
  const isOutside = below.startsWith('..') || resolve(below) === process.cwd();
  return join(resolve(place), isOutside ? relative(parse(path).root, path) : below);
}

function lastStep({ events }: EventFile, tag: string): number {
  return events.findLast(({ tags }) => tags.includes(tag))?.step ?? 0;
}

/** A run's settings, of which TensorBoard takes numbers, words and booleans. */
function hparamsOf(config: RunConfig): Record<string, number | string | boolean> {
  const entries = Object.entries(config).flatMap(([name, value]: [string, unknown]) => {
    if (value === null || value === undefined) return [];
    const isPlain = typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean';
    return [[name, isPlain ? value : JSON.stringify(value)] as const];
  });
  return Object.fromEntries(entries);
}

/** Tags are those of metrics.csv, by kind. */
function epochValues(metrics: EpochMetrics, groupNames: readonly string[]): BoardValue[] {
  const { lr, trainLoss, train, valLoss, val, lossTerms = {}, mask, seconds } = metrics;
  const images = [...train.total, ...val.total].reduce((sum, count) => sum + count, 0);
  return [
    { tag: TRAIN_LOSS, scalar: trainLoss },
    ...Object.entries(lossTerms).map(([name, scalar]) => ({ tag: `loss/${name}`, scalar })),
    { tag: 'loss/val', scalar: valLoss },
    { tag: 'lr', scalar: lr },
    ...accuracyValues('train', train, groupNames),
    ...accuracyValues('val', val, groupNames),
    ...(mask === undefined ? [] : [{ tag: 'masked neurons/count', scalar: mask.count }]),
    ...(mask?.total === undefined ? [] : [{ tag: 'masked neurons/share', scalar: mask.count / mask.total }]),
    { tag: 'images a second', scalar: images / seconds },
  ];
}

/** Without groups that have no example. */
function accuracyValues(
  split: string,
  { worstGroupAccuracy, average, accuracy }: GroupAccuracies,
  groupNames: readonly string[],
): BoardValue[] {
  const groups = groupNames.map((name, group) => ({
    tag: `${split}/${name}`,
    scalar: accuracy[group] ?? Number.NaN,
  }));
  return [
    { tag: `${split}/worst group`, scalar: worstGroupAccuracy },
    { tag: `${split}/average`, scalar: average },
    ...groups.filter(({ scalar }) => Number.isFinite(scalar)),
  ];
}
