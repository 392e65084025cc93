import { crc32 } from 'node:zlib';
import yauzl from 'yauzl';

/** Far above a checkpoint's tensors; bounds the time that a damaged directory can cost. */
const MAX_ENTRIES = 100_000;
/** One read(2) takes less than 2 GiB. */
const MAX_READ_BYTES = 2 ** 30;

/** A source of bytes with random access: an open file, or memory. */
interface ByteSource {
  read(
    target: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>;
}

/** An archive in memory, such as one inside another archive. */
export function memorySource(bytes: Uint8Array): ByteSource {
  return {
    read(target, offset, length, position) {
      const part = bytes.subarray(position, position + length);
      target.set(part, offset);
      return Promise.resolve({ bytesRead: part.length });
    },
  };
}

/** A zip file with stored (uncompressed) entries, as torch.save writes it. Entries are read on demand. */
export class ZipArchive {
  private constructor(
    private readonly handle: ByteSource,
    private readonly zip: yauzl.ZipFile,
    private readonly entries: ReadonlyMap<string, yauzl.Entry>,
  ) {}

  /** Reads the directory of an open file, or of a file in memory. Throws an Error with the reason if it is damaged. */
  static async open(handle: ByteSource, fileSize: number): Promise<ZipArchive> {
    const zip = await yauzl.fromRandomAccessReaderPromise(new HandleReader(handle, fileSize), fileSize, {
      autoClose: false,
      // Names stay bytes: no file is written by them, and torch.save marks no encoding.
      decodeStrings: false,
    });
    const entries = new Map<string, yauzl.Entry>();
    let total = 0;
    for await (const entry of zip.eachEntry()) {
      const name = entry.fileNameRaw.toString('utf8');
      if (entries.has(name)) throw new Error(`its zip directory has ${JSON.stringify(name)} twice`);
      if (entries.size >= MAX_ENTRIES)
        throw new Error(`its zip directory has more than ${MAX_ENTRIES} entries`);
      entries.set(name, entry);
      // Overlapping entries would make a small file cost much time and memory.
      total += entry.compressedSize;
      if (total > fileSize) throw new Error('its zip entries are longer than the file');
    }
    return new ZipArchive(handle, zip, entries);
  }

  get names(): string[] {
    return [...this.entries.keys()];
  }

  /** Size of an entry in bytes, or undefined when there is none of that name. */
  sizeOf(name: string): number | undefined {
    return this.entries.get(name)?.uncompressedSize;
  }

  /** The bytes of an entry, checked against its checksum. Throws an Error with the reason if it is damaged. */
  async read(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const entry = this.entries.get(name);
    const shown = JSON.stringify(name);
    if (entry === undefined) throw new Error(`its entry ${shown} is missing`);
    if (entry.isEncrypted() || entry.compressionMethod !== 0) {
      throw new Error(`its entry ${shown} is compressed or encrypted, which torch.save does not do`);
    }
    // Checks the bounds, so that nothing larger than the file is allocated.
    const { fileDataStart } = await this.zip.readLocalFileHeaderPromise(entry, { minimal: true });
    const bytes = new Uint8Array(entry.uncompressedSize);
    await readFully(this.handle, bytes, fileDataStart);
    // torch.serialization.set_crc32_options(False) writes zeros.
    if (entry.crc32 !== 0 && crc32(bytes) !== entry.crc32) {
      throw new Error(`its entry ${shown} does not match its checksum`);
    }
    return bytes;
  }
}

/** Replaces yauzl's own reader: at an offset that fs.read does not take, that one throws past its callers, which ends the process. */
class HandleReader extends yauzl.RandomAccessReader {
  constructor(
    private readonly handle: ByteSource,
    private readonly fileSize: number,
  ) {
    super();
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    const read =
      position + length <= this.fileSize
        ? readFully(this.handle, buffer.subarray(offset, offset + length), position)
        : Promise.reject(new Error('its zip directory points behind the end of the file'));
    read.then(() => {
      callback(null);
    }, callback);
  }
}

/** Fills an array with a file's bytes from a position on. Throws an Error if the file ends earlier. */
export async function readFully(handle: ByteSource, target: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < target.length;) {
    const { bytesRead } = await handle.read(
      target,
      done,
      Math.min(target.length - done, MAX_READ_BYTES),
      position + done,
    );
    if (bytesRead === 0) throw new Error('it is truncated');
    done += bytesRead;
  }
}
