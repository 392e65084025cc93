import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import crc32c from 'crc-32/crc32c.js';
import { messageOf, SpurmemError, systemCode } from '../../errors.js';
import { append, makeFolder, readWhole, unwritable } from '../../files.js';
import { type ReadEvent, readEvent, versionEvent } from './events.js';

/** TensorBoard takes every file for one of events whose name has `tfevents`. */
const NAME = 'events.out.tfevents.0.spurmem';

/** Bytes of a record before its data (length and checksum), and after it (checksum). */
const HEAD = 12;
const TAIL = 4;

/** An event file of TensorBoard, to whose end events are added: TFRecords with masked CRC-32C checksums. */
export class EventFile {
  private constructor(
    readonly path: string,
    /** The events that it had when it was opened. */
    readonly events: readonly ReadEvent[],
  ) {}

  /** Opens a folder's file, or makes it; a last record that was cut off is removed. Throws `OUTPUT_UNWRITABLE`. */
  static async open(folder: string): Promise<EventFile> {
    await makeFolder(folder);
    const path = join(folder, NAME);
    const before = await contentOf(path);
    const { events, end } = readRecords(before);
    const file = new EventFile(path, events);
    if (end < before.length) await truncate(path, end).catch(refuse(path));
    if (end === 0) await file.add([versionEvent()]);
    return file;
  }

  /** Throws `OUTPUT_UNWRITABLE`. */
  async add(events: readonly Uint8Array[]): Promise<void> {
    if (events.length > 0) await append(this.path, Buffer.concat(events.map(recordOf)));
  }
}

async function contentOf(path: string): Promise<Buffer> {
  try {
    return await readWhole(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return Buffer.alloc(0);
    const problem = `Cannot go on with ${path}: ${messageOf(error)}.`;
    throw new SpurmemError('OUTPUT_UNWRITABLE', problem, {
      parameter: 'tensorboard',
      advice: ['Make the file readable, or choose another `tensorboard`.'],
      cause: error,
    });
  }
}

const refuse = (path: string) => (error: unknown) => {
  throw unwritable(error, path);
};

/** The events of whole records, and where the last one ends. */
function readRecords(content: Buffer): { events: ReadEvent[]; end: number } {
  const events: ReadEvent[] = [];
  let end = 0;
  while (content.length - end >= HEAD + TAIL) {
    const length = Number(content.readBigUInt64LE(end));
    const from = end + HEAD;
    const to = from + length;
    if (content.length < to + TAIL) break;
    const data = content.subarray(from, to);
    if (content.readUInt32LE(to) !== checksumOf(data)) break;
    const event = readEvent(data);
    if (event.tags.length > 0) events.push(event);
    end = to + TAIL;
  }
  return { events, end };
}

function recordOf(event: Uint8Array): Buffer {
  const record = Buffer.alloc(HEAD + event.length + TAIL);
  record.writeBigUInt64LE(BigInt(event.length));
  record.writeUInt32LE(checksumOf(record.subarray(0, 8)), 8);
  record.set(event, HEAD);
  record.writeUInt32LE(checksumOf(event), HEAD + event.length);
  return record;
}

/** TFRecord's masked CRC-32C. */
function checksumOf(bytes: Uint8Array): number {
  const crc = crc32c.buf(bytes) >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
