import { open, readFile, rm, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, SpurmemError } from '../errors.js';
import { putInPlace, sha256Of, unwritable, writeAtomic } from '../files.js';
import { type JobOptions, throwIfAborted } from '../progress.js';

/** Tries of a download that makes no progress; one that grew starts counting, and waiting, anew. */
const TRIES = 4;
const FIRST_WAIT_MS = 500;
/** A silent server is given up after this time. */
const SILENCE_MS = 60_000;
const REDIRECTS = 5;

/** The expected size and checksum of a file. */
export interface Expectation {
  /** In hexadecimal, or its first digits. */
  readonly sha256?: string | undefined;
  readonly maxBytes: number;
}

export interface Downloaded {
  readonly bytes: number;
  readonly sha256: string;
  /** Whether the caller or the server's own header named the SHA-256. */
  readonly isVerified: boolean;
}

/** A file that is not whole yet, and the version of the server's file. */
const partOf = (path: string) => ({ path: `${path}.part`, version: `${path}.part.version` });
type Part = ReturnType<typeof partOf>;

/**
 * Downloads a file. Its first bytes are kept in `<path>.part`: a download that was cut off resumes, by itself and when it is called again,
 * as long as the server's file has not changed; the finished file has its name only when it is whole and its SHA-256 is right. Throws
 * `FETCH_FAILED` when the server cannot be reached or refuses, for a file that is too large or has another SHA-256;
 * `OUTPUT_UNWRITABLE`; `INTERRUPTED`.
 */
export async function download(
  url: string,
  path: string,
  expected: Expectation,
  job: JobOptions = {},
  firstWaitMs = FIRST_WAIT_MS,
): Promise<Downloaded> {
  const part = partOf(path);
  const task = `downloading ${new URL(url).pathname.split('/').at(-1) ?? url}`;
  let announced: string | undefined;
  let wait = firstWaitMs;
  for (let tries = TRIES; ; tries -= 1) {
    throwIfAborted(job.signal, task);
    const before = (await sizeOf(part.path)) ?? 0;
    try {
      announced = await transfer(url, part, expected.maxBytes, task, job);
      break;
    } catch (error) {
      throwIfAborted(job.signal, task);
      if (error instanceof SpurmemError || unwritable(error, path) !== error) throw unwritable(error, path);
      const bytes = (await sizeOf(part.path)) ?? 0;
      if (bytes > before) [tries, wait] = [TRIES, firstWaitMs];
      if (tries <= 1) throw cutOff(url, bytes, error);
      await sleep(wait);
      wait *= 2;
    }
  }
  const sha256 = await sha256Of(part.path);
  const wanted = expected.sha256 ?? announced;
  if (!isOf(sha256, wanted)) await removePart(part);
  requireChecksum(url, sha256, wanted);
  const bytes = (await sizeOf(part.path)) ?? 0;
  await putInPlace(part.path, path);
  await rm(part.version, { force: true });
  return { bytes, sha256, isVerified: wanted !== undefined };
}

/** A file's bytes; undefined if there is none. */
export async function sizeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true ? found.size : undefined;
}

async function removePart({ path, version }: Part): Promise<void> {
  for (const file of [path, version]) await rm(file, { force: true });
}

/** The error of a source that cannot be fetched. */
export function fetchFailed(problem: string, ...advice: readonly string[]): SpurmemError {
  return new SpurmemError('FETCH_FAILED', problem, { advice });
}

/** Whether a SHA-256 is, or begins as, the wanted one, if there is one. */
export function isOf(sha256: string, wanted: string | undefined): boolean {
  return sha256.startsWith(wanted?.toLowerCase() ?? '');
}

/** Checks a file's SHA-256. Throws `FETCH_FAILED` for another one than wanted. */
export function requireChecksum(source: string, found: string, wanted: string | undefined): void {
  if (wanted === undefined || isOf(found, wanted)) return;
  throw fetchFailed(
    `${source}: its SHA-256 is ${found}, and it must be${wanted.length < 64 ? ' one that begins with' : ''} ${wanted}: the ` +
      'file is damaged, or another one.',
    'It was not kept.',
    'Try again, or another source with `from`.',
  );
}

/** The error of a file that is larger than what is fetched can be. */
export function tooLarge(source: string, maxBytes: number): SpurmemError {
  const problem = `${source}: more than ${maxBytes} bytes, which is more than what is fetched can have.`;
  return fetchFailed(problem, 'It was not kept.', 'Check the address.');
}

function cutOff(url: string, bytes: number, error: unknown): SpurmemError {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return new SpurmemError('FETCH_FAILED', `${url}: the download failed: ${messageOf(cause)}.`, {
    cause: error,
    advice: [
      ...(bytes > 0 ? [`${bytes} bytes are kept: the same command goes on from there.`] : []),
      'Check the connection, or name a mirror or a local copy with `from`.',
    ],
  });
}

/** One attempt to get the missing bytes. Returns the SHA-256 that the server announces, if it does. */
async function transfer(
  url: string,
  part: Part,
  maxBytes: number,
  task: string,
  { onProgress, signal }: JobOptions,
): Promise<string | undefined> {
  const silence = new AbortController();
  const timer = setTimeout(() => {
    silence.abort(new Error(`the server has said nothing for ${SILENCE_MS / 1000} s`));
  }, SILENCE_MS);
  try {
    const signals = AbortSignal.any([silence.signal, ...(signal ? [signal] : [])]);
    const have = (await sizeOf(part.path)) ?? 0;
    // Without a version, the part may be of another file.
    const version = await readFile(part.version, 'utf8').catch(() => undefined);
    const resumes = have > 0 && version !== undefined;
    const headers: Record<string, string> = resumes ? { range: `bytes=${have}-`, 'if-range': version } : {};
    const { response, announced } = await request(url, headers, signals);
    // All of it is there.
    if (resumes && response.status === 416) return announced;
    if (!response.ok || response.body === null) throw refused(url, response);
    const isRest = response.status === 206 && resumes;
    if (isRest && !response.headers.get('content-range')?.startsWith(`bytes ${have}-`)) {
      await removePart(part);
      throw new Error(`the server was asked for byte ${have} on, and sent another part`);
    }
    if (!isRest) {
      await removePart(part);
      const started = versionOf(response);
      if (started !== undefined) await writeAtomic(part.version, started);
    }
    let done = isRest ? have : 0;
    const length = response.headers.get('content-length');
    const total = length === null ? undefined : done + Number(length);
    if (total !== undefined && total > maxBytes) throw tooLarge(url, maxBytes);
    const file = await open(part.path, 'a');
    try {
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        timer.refresh();
        done += chunk.length;
        if (done > maxBytes) {
          await removePart(part);
          throw tooLarge(url, maxBytes);
        }
        await file.writeFile(chunk);
        onProgress?.({ task, done, total: Math.max(total ?? done, done), unit: 'bytes' });
      }
      await file.sync();
    } finally {
      await file.close();
    }
    if (total !== undefined && done < total) throw new Error(`${done} of ${total} bytes came`);
    return announced;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Follows redirections by hand: a hub of models announces a file's SHA-256 in the answer that points to where it lies
 * (`x-linked-etag`).
 */
async function request(
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<{ response: Response; announced: string | undefined }> {
  const pointsTo = (where: string): SpurmemError =>
    fetchFailed(`${url}: it points to ${where}.`, 'Name another source with `from`.');
  let announced: string | undefined;
  let address = url;
  for (let hops = 0; hops <= REDIRECTS; hops += 1) {
    const response = await fetch(address, { headers, signal, redirect: 'manual' });
    announced = /^"?([0-9a-f]{64})"?$/.exec(response.headers.get('x-linked-etag') ?? '')?.[1] ?? announced;
    const location = response.headers.get('location');
    if (response.status < 300 || response.status >= 400 || location === null) return { response, announced };
    await response.body?.cancel();
    const next = new URL(location, address);
    if (!/^https?:$/.test(next.protocol)) throw pointsTo(`${next.href}, which is no address on the web`);
    if (new URL(address).protocol === 'https:' && next.protocol !== 'https:') {
      throw pointsTo(`${next.href}, which is not encrypted`);
    }
    address = next.href;
  }
  throw pointsTo('one address after another without end');
}

/** A strong version of the server's file, by which a part is known to be of it. */
function versionOf({ headers }: Response): string | undefined {
  const etag = headers.get('etag');
  return etag !== null && !etag.startsWith('W/') ? etag : (headers.get('last-modified') ?? undefined);
}

/** The error of a server's answer; one that may pass is no SpurmemError, and is tried again. */
function refused(url: string, { status, statusText }: Response): Error {
  const text = `${url}: the server answers ${status} ${statusText}`.trimEnd();
  if (status >= 500 || status === 429 || status === 408) return new Error(text);
  return fetchFailed(`${text}.`, 'Name a mirror or a local copy with `from`.');
}
