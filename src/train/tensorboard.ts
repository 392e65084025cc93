import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join, parse, relative, resolve } from 'node:path';
import crc32c from 'crc-32/crc32c.js';
import { PbfWriter } from 'pbf';
import { append, makeFolder, unwritable } from '../files.js';
import type { GroupAccuracies } from '../metrics/groups.js';
import type { EpochMetrics, TrainingResult } from './results.js';
import type { RunConfig } from './runConfig.js';
import type { RunFolder } from './runFolder.js';

/** A run for the board. */
interface ShownRun {
  readonly config: RunConfig;
  readonly folder: RunFolder;
  /** [numGroups] */
  readonly groupNames: readonly string[];
}

/** The curves of a run as an event file of TensorBoard. */
export class RunBoard {
  private constructor(
    private readonly path: string,
    private readonly groupNames: readonly string[],
  ) {}

  /**
   * Writes a run's settings and finished epochs over the file of that name, which TensorBoard may be following.
   *
   * @param place the folder for the boards of all runs; true: `tensorboard` in the run's folder
   * @throws `OUTPUT_UNWRITABLE`
   */
  static async open(place: string | true, { config, folder, groupNames }: ShownRun): Promise<RunBoard> {
    const parent = folderOf(place, folder);
    await makeFolder(parent);
    // TensorBoard reads each file whose name contains `tfevents`.
    const path = join(parent, 'events.out.tfevents.0.spurmem');
    const epochs = await folder.readMetrics();
    // Times as if the epochs had just been trained without a pause.
    const total = epochs.reduce((sum, { seconds }) => sum + seconds, 0);
    let time = secondsNow() - total;
    const events = [
      message(double(1, time), text(3, 'brain.Event:2')),
      event(0, [[START, sessionStart(hparamsOf(config), time)]], time),
    ];
    for (const metrics of epochs) {
      time += metrics.seconds;
      events.push(event(metrics.epoch, epochValues(metrics, groupNames), time));
    }
    await overwrite(path, Buffer.concat(events.map(recordOf)));
    return new RunBoard(path, groupNames);
  }

  async add(metrics: EpochMetrics): Promise<void> {
    await append(this.path, recordOf(event(metrics.epoch, epochValues(metrics, this.groupNames))));
  }

  /** Adds the result. Throws `OUTPUT_UNWRITABLE`. */
  async finish({ epochs, test }: TrainingResult): Promise<void> {
    const values: BoardValue[] = [...accuracyValues('test', test, this.groupNames), [END, sessionEnd()]];
    await append(this.path, recordOf(event(epochs, values)));
  }
}

/** Returns a run's folder in a folder for all: its path below the working directory, so that no two runs share one. */
function folderOf(place: string | true, { path }: RunFolder): string {
  if (place === true) return join(path, 'tensorboard');
  const below = relative(process.cwd(), path);
  const isOutside = below.startsWith('..') || resolve(below) === process.cwd();
  return join(resolve(place), isOutside ? relative(parse(path).root, path) : below);
}

/** A run's settings; TensorBoard takes numbers, strings and booleans. */
function hparamsOf(config: RunConfig): Record<string, number | string | boolean> {
  const entries = Object.entries(config).flatMap(([name, value]: [string, unknown]) => {
    if (value === null || value === undefined) return [];
    const isPlain = typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean';
    return [[name, isPlain ? value : JSON.stringify(value)] as const];
  });
  return Object.fromEntries(entries);
}

/** Tags are the columns of metrics.csv, by kind. */
function epochValues(metrics: EpochMetrics, groupNames: readonly string[]): BoardValue[] {
  const { lr, trainLoss, train, valLoss, val, lossTerms = {}, mask, seconds } = metrics;
  const images = [...train.total, ...val.total].reduce((sum, count) => sum + count, 0);
  return [
    ['loss/train', trainLoss],
    ...Object.entries(lossTerms).map(([name, value]): BoardValue => [`loss/${name}`, value]),
    ['loss/val', valLoss],
    ['lr', lr],
    ...accuracyValues('train', train, groupNames),
    ...accuracyValues('val', val, groupNames),
    ...(mask === undefined ? [] : [['masked neurons/count', mask.count] as const]),
    ...(mask?.total === undefined ? [] : [['masked neurons/share', mask.count / mask.total] as const]),
    ['images a second', images / seconds],
  ];
}

/** Returns accuracies by group, without empty groups. */
function accuracyValues(
  split: string,
  { worstGroupAccuracy, average, accuracy }: GroupAccuracies,
  groupNames: readonly string[],
): BoardValue[] {
  const groups = groupNames.map(
    (name, group) => [`${split}/${name}`, accuracy[group] ?? Number.NaN] as const,
  );
  return [
    [`${split}/worst group`, worstGroupAccuracy],
    [`${split}/average`, average],
    ...groups.filter(([, value]) => Number.isFinite(value)),
  ];
}

// TensorBoard's messages; the fields' numbers are those of its event.proto, summary.proto, tensor.proto and hparams/plugin_data.proto.

/** A scalar, or a message to the hparams plug-in, under its tag. */
type BoardValue = readonly [tag: string, value: number | Uint8Array];

const START = '_hparams_/session_start_info';
const END = '_hparams_/session_end_info';

const secondsNow = (): number => Date.now() / 1000;

/** A field of a message. */
type Field = (to: PbfWriter) => void;

function message(...fields: readonly Field[]): Uint8Array {
  const to = new PbfWriter();
  for (const field of fields) field(to);
  return to.finish();
}
/** Makes the writer of one kind of field. */
const fieldOf =
  <Value>(write: (to: PbfWriter, number: number, value: Value) => void) =>
  (number: number, value: Value): Field =>
  (to) => {
    write(to, number, value);
  };
const text = fieldOf<string>((to, ...field) => {
  to.writeStringField(...field);
});
const bytes = fieldOf<Uint8Array>((to, ...field) => {
  to.writeBytesField(...field);
});
const whole = fieldOf<number>((to, ...field) => {
  to.writeVarintField(...field);
});
const float = fieldOf<number>((to, ...field) => {
  to.writeFloatField(...field);
});
const double = fieldOf<number>((to, ...field) => {
  to.writeDoubleField(...field);
});

/** An `Event` with a `Summary` of these values. */
function event(step: number, values: readonly BoardValue[], time = secondsNow()): Uint8Array {
  const summary = message(...values.map((value) => bytes(1, valueMessage(value))));
  return message(double(1, time), whole(2, step), bytes(5, summary));
}

/** `Summary.Value`. Scalars are float32, as PyTorch's SummaryWriter writes them. */
function valueMessage([name, value]: BoardValue): Uint8Array {
  const tag = text(1, name);
  if (typeof value === 'number') return message(tag, float(2, value));
  const plugin = message(text(1, 'hparams'), bytes(2, value));
  return message(tag, bytes(9, message(bytes(1, plugin))), bytes(8, EMPTY_TENSOR));
}

/** Float32 of the shape [0]: a plug-in's message has it in place of a value. */
const EMPTY_TENSOR = message(whole(1, 1), bytes(2, message(bytes(2, message()))));

/** `HParamsPluginData.session_start_info` */
function sessionStart(
  hparams: Readonly<Record<string, number | string | boolean>>,
  time: number,
): Uint8Array {
  const entries = Object.entries(hparams).map(([name, value]) =>
    bytes(1, message(text(1, name), bytes(2, structValue(value)))),
  );
  return message(bytes(3, message(...entries, double(5, time))));
}

/** `google.protobuf.Value` */
function structValue(value: number | string | boolean): Uint8Array {
  if (typeof value === 'number') return message(double(2, value));
  return message(typeof value === 'string' ? text(3, value) : whole(4, Number(value)));
}

/** `HParamsPluginData.session_end_info` of a run that succeeded. */
function sessionEnd(): Uint8Array {
  const success = 1;
  return message(bytes(4, message(whole(1, success), double(2, secondsNow()))));
}

/** A TFRecord: length and data, each with its masked CRC-32C. */
function recordOf(data: Uint8Array): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(data.length));
  return Buffer.concat([length, checksumOf(length), data, checksumOf(data)]);
}

function checksumOf(data: Uint8Array): Buffer {
  const crc = crc32c.buf(data) >>> 0;
  const masked = Buffer.alloc(4);
  masked.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return masked;
}

/** Writes in place, so that a reader with the file open finds the same events at the same offsets. */
async function overwrite(path: string, content: Buffer): Promise<void> {
  try {
    await using file = await open(path, constants.O_WRONLY | constants.O_CREAT);
    await file.write(content, 0, content.length, 0);
    await file.truncate(content.length);
  } catch (error) {
    throw unwritable(error, path);
  }
}
