import { createHash, randomBytes } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import * as tar from 'tar';
import { DATASETS, WEIGHTS } from '../../src/fetch/catalog.js';
import { download } from '../../src/fetch/download.js';
import { fetchDataset, fetchWeights } from '../../src/fetch/fetch.js';
import { unpack } from '../../src/fetch/unpack.js';
import type { ProgressEvent } from '../../src/progress.js';
import { failure, put, putJpeg, useTemporaryFolder } from '../data/support.js';

const folder = useTemporaryFolder();
const CONTENT = randomBytes(300_000);
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let server: Server;
let answer: Answer;
/** The `range` of each request. */
const ranges: (string | undefined)[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    ranges.push(request.headers.range);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
beforeEach(() => {
  ranges.length = 0;
  answer = whole();
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const address = (path = 'file.bin'): string =>
  `http://127.0.0.1:${(server.address() as AddressInfo).port}/${path}`;
const target = (): string => join(folder(), 'file.bin');
const LIMIT = { maxBytes: 1e6 };

/** Serves a file as servers do: ranges of the version that is asked for, else all of it; after `cut` bytes the line is dead. */
function whole(
  content = CONTENT,
  version = '"1"',
  cut = (_tries: number) => Number.POSITIVE_INFINITY,
): Answer {
  let tries = 0;
  return (request, response) => {
    tries += 1;
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? Number.NaN);
    const isPart = !Number.isNaN(from) && request.headers['if-range'] === version;
    const body = isPart ? content.subarray(from) : content;
    if (isPart && body.length === 0) {
      response.writeHead(416).end();
      return;
    }
    const range = isPart
      ? { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` }
      : undefined;
    response.writeHead(isPart ? 206 : 200, { etag: version, 'content-length': body.length, ...range });
    const most = cut(tries);
    // Cut only when the client has kept the part: on a busy machine it would lose what it has not read.
    const cutOff = (): void => {
      const kept = statSync(`${target()}.part`, { throwIfNoEntry: false })?.size ?? 0;
      if (kept >= (isPart ? from : 0) + most) response.destroy();
      else if (!response.destroyed) setTimeout(cutOff, 5);
    };
    if (most >= body.length) response.end(body);
    else response.write(body.subarray(0, most), () => setTimeout(cutOff, 20));
  };
}

const get = (expected = {}, job = {}) => download(address(), target(), { ...LIMIT, ...expected }, job, 1);

const refusal = (job: Promise<unknown>, ...parts: (string | RegExp)[]) =>
  failure(job, 'FETCH_FAILED', ...parts);

describe('download', () => {
  test('gets a file, checks it, and tells how far it is', async () => {
    const events: ProgressEvent[] = [];
    const onProgress = (event: ProgressEvent) => events.push(event);
    const got = await get({ sha256: SHA256.slice(0, 8) }, { onProgress });
    expect(got).toEqual({ bytes: CONTENT.length, sha256: SHA256, isVerified: true });
    expect(await readFile(target())).toEqual(CONTENT);
    const all = { done: CONTENT.length, total: CONTENT.length };
    expect(events.at(-1)).toEqual({ task: 'downloading file.bin', unit: 'bytes', ...all });
    expect(await readdir(folder())).toEqual(['file.bin']);
  });

  test('goes on by itself where the line was cut, and waits no longer the more often it is', async () => {
    const part = CONTENT.length / 15;
    answer = whole(CONTENT, '"1"', () => part);
    expect((await get({ sha256: SHA256 })).sha256).toBe(SHA256);
    expect(ranges).toEqual(
      Array.from({ length: 15 }, (_, i) => (i === 0 ? undefined : `bytes=${i * part}-`)),
    );
  });

  test('keeps what came when the line stays dead, and goes on when it is called again', async () => {
    answer = whole(CONTENT, '"1"', (tries) => (tries === 1 ? 90_000 : 0));
    await refusal(get(), /the download failed.*90000 bytes are kept: the same command goes on/);
    expect(existsSync(target())).toBe(false);
    answer = whole();
    ranges.length = 0;
    expect((await get()).sha256).toBe(SHA256);
    expect(ranges).toEqual(['bytes=90000-']);
  });

  test('finishes a part that is whole, and starts over where the file has changed or has no version', async () => {
    const put = async (part: string | Buffer, version?: string) => {
      await writeFile(`${target()}.part`, part);
      if (version !== undefined) await writeFile(`${target()}.part.version`, version);
    };
    await put(CONTENT, '"1"');
    expect((await get({ sha256: SHA256 })).bytes).toBe(CONTENT.length);
    await put('of an older file', '"0"');
    expect((await get()).sha256).toBe(SHA256);
    await put('of some file');
    expect((await get()).sha256).toBe(SHA256);
    expect(ranges).toEqual([`bytes=${CONTENT.length}-`, 'bytes=16-', undefined]);
  });

  test('starts over where the server sends another part than it was asked for', async () => {
    let tries = 0;
    const cut = whole(CONTENT, '"1"', () => 90_000);
    answer = (request, response) => {
      tries += 1;
      if (tries === 1) cut(request, response);
      else if (tries === 2) {
        const other = { 'content-range': `bytes 0-${CONTENT.length - 1}/${CONTENT.length}` };
        response.writeHead(206, { etag: '"1"', ...other }).end(CONTENT);
      } else whole()(request, response);
    };
    expect((await get({ sha256: SHA256 })).sha256).toBe(SHA256);
    expect(ranges).toEqual([undefined, 'bytes=90000-', undefined]);
  });

  test('tries a busy server again, and a missing file not', async () => {
    let busy = 2;
    answer = (request, response) => {
      if (busy-- > 0) response.writeHead(503).end();
      else whole()(request, response);
    };
    expect((await get()).sha256).toBe(SHA256);
    ranges.length = 0;
    answer = (_request, response) => response.writeHead(404).end();
    await refusal(get(), /answers 404.*`from`/);
    expect(ranges).toHaveLength(1);
  });

  test('believes the SHA-256 that a hub announces where it points to the file', async () => {
    const announce =
      (etag: string): Answer =>
      (request, response) => {
        if (request.url === '/hub') {
          response.writeHead(302, { location: '/there', 'x-linked-etag': `"${etag}"` }).end();
        } else whole()(request, response);
      };
    const fetchIt = () => download(address('hub'), target(), LIMIT, {}, 1);
    answer = announce(SHA256);
    expect(await fetchIt()).toMatchObject({ isVerified: true });
    answer = announce('0'.repeat(64));
    await refusal(fetchIt(), '0'.repeat(64));
    answer = (_request, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end();
    await refusal(fetchIt(), /points to file:\/\/\/etc\/passwd, which is no address on the web/);
    answer = (_request, response) => response.writeHead(302, { location: '/hub' }).end();
    await refusal(fetchIt(), 'without end');
  });

  test('keeps nothing with a wrong checksum, or of what is larger than it can be, also where the server does not say so', async () => {
    await refusal(get({ sha256: 'ffff' }), SHA256, 'begins with ffff');
    expect(await readdir(folder())).toEqual([]);
    await refusal(get({ maxBytes: 1000 }), 'more than 1000 bytes');
    answer = (_request, response) => {
      response.writeHead(200, { etag: '"1"' });
      response.write(CONTENT);
      response.end(CONTENT);
    };
    await refusal(get({ maxBytes: 400_000 }), 'more than 400000 bytes');
    expect(await readdir(folder())).toEqual([]);
  });

  test('stops when it is told to, and goes on later', async () => {
    const abort = new AbortController();
    answer = whole(CONTENT, '"1"', () => 50_000);
    const onProgress = () => {
      abort.abort();
    };
    const job = { onProgress, signal: abort.signal };
    await failure(get({}, job), 'INTERRUPTED');
    answer = whole();
    expect((await get()).sha256).toBe(SHA256);
    expect(ranges.at(-1)).toMatch(/^bytes=[1-9]\d*-$/);
  });

  test('names a server that is not there', async () => {
    const job = download('http://127.0.0.1:9/x', target(), LIMIT, {}, 1);
    await refusal(job, /127\.0\.0\.1:9.*failed: .*Check the connection/);
  });
});

/** A tar archive with these entries, gzipped. */
function archive(
  entries: readonly {
    path: string;
    type?: 'File' | 'SymbolicLink' | 'Link' | 'FIFO';
    content?: Buffer;
    linkpath?: string;
    size?: number;
  }[],
): Buffer {
  const blocks = entries.flatMap(({ path, type = 'File', content = Buffer.alloc(0), linkpath, size }) => {
    const header = new tar.Header({
      path,
      type,
      size: size ?? content.length,
      mode: 0o644,
      ...(linkpath === undefined ? {} : { linkpath }),
    });
    const block = Buffer.alloc(512);
    header.encode(block);
    return [block, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

const GENEROUS = { maxBytes: 1e6, maxFiles: 10 };

describe('unpack', () => {
  test.each<[string, Parameters<typeof archive>[0], RegExp]>([
    ['climbs out', [{ path: 'top/a' }, { path: 'top/../../evil' }], /"top\S+evil" leaves the folder/],
    ['climbs out of the outermost folder', [{ path: 'top/../evil' }], /leaves the folder/],
    ['is absolute', [{ path: '/tmp/evil' }], /absolute/],
    ['is absolute on Windows', [{ path: 'c:\\evil' }], /absolute/],
    ['is a symbolic link', [{ path: 'top/l', type: 'SymbolicLink', linkpath: '/etc' }], /"top\/l" is a link/],
    ['is a hard link', [{ path: 'top/l', type: 'Link', linkpath: 'top/a' }], /is a link/],
    ['is a pipe', [{ path: 'top/p', type: 'FIFO' }], /is a FIFO/],
    ['is too large', [{ path: 'top/a', content: Buffer.alloc(1_100_000) }], /more than 1000000 bytes/],
    ['is one too many', Array.from({ length: 11 }, (_, i) => ({ path: `top/${i}` })), /more than 10 entries/],
  ])('refuses an archive with an entry that %s, and writes nothing', async (_what, entries, reason) => {
    const path = join(folder(), 'a.tar.gz');
    await writeFile(path, archive(entries));
    const out = join(folder(), 'in', 'out');
    await refusal(unpack(path, out, GENEROUS), reason, 'Nothing was unpacked');
    expect((await readdir(folder())).sort()).toEqual(['a.tar.gz']);
    expect(existsSync('/tmp/evil')).toBe(false);
  });

  test.each([
    ['cut', (whole: Buffer) => whole.subarray(0, whole.length / 2)],
    ['no archive', () => Buffer.from('<html>not found</html>'.repeat(100))],
    ['empty', () => Buffer.alloc(0)],
  ])('refuses an archive that is %s', async (_what, damage) => {
    const path = join(folder(), 'a.tar.gz');
    await writeFile(path, damage(archive([{ path: 'top/a', content: randomBytes(100_000) }])));
    await refusal(unpack(path, join(folder(), 'out'), GENEROUS), /damaged|holds nothing/);
  });

  test('does not read a bomb to its end', async () => {
    const path = join(folder(), 'bomb.tar.gz');
    // Four gigabytes, by its header, of which gzip made a few hundred kilobytes. Whoever reads the second half finds it damaged.
    const bomb = archive([{ path: 'top/a', content: Buffer.alloc(200_000_000), size: 4e9 }]);
    await writeFile(path, bomb.fill(0xff, Math.floor(bomb.length / 2)));
    await refusal(unpack(path, join(folder(), 'out'), GENEROUS), 'more than 1000000 bytes');
  });
});

describe('fetch', () => {
  /** A Waterbirds release of one image a group and split. */
  async function release(): Promise<Buffer> {
    const top = join(folder(), 'made', 'waterbird_complete95_forest2water2');
    const rows = [0, 1, 2].flatMap((split) =>
      [0, 1].flatMap((y) => [0, 1].map((place) => ({ split, y, place, file: `b/${split}${y}${place}.jpg` }))),
    );
    for (const [seed, { file }] of rows.entries()) await putJpeg(join(top, file), 20, 20, seed);
    const lines = rows.map(({ split, y, place, file }) => `${file},${y},${split},${place}\n`);
    await put(join(top, 'metadata.csv'), `img_filename,y,split,place\n${lines.join('')}`);
    const path = join(folder(), 'release.tar.gz');
    const made = { file: path, gzip: true, cwd: join(folder(), 'made') };
    await tar.c(made, ['waterbird_complete95_forest2water2']);
    return readFile(path);
  }

  test('unpacks a data set from a mirror, and from a local copy', async () => {
    const content = await release();
    answer = whole(Buffer.from(content));
    for (const [name, from] of [
      ['mirror', address('waterbirds.tar.gz')],
      ['local', join(folder(), 'release.tar.gz')],
    ] as const) {
      const data = join(folder(), 'data', name);
      const fetched = await fetchDataset('waterbirds', data, { from });
      expect(fetched).toMatchObject({ path: data, source: from, isVerified: false });
      expect(await readdir(data)).toEqual(['b', 'metadata.csv']);
      await failure(fetchDataset('waterbirds', data, { from }), 'OUTPUT_UNWRITABLE', 'holds files');
    }
    expect((await readdir(join(folder(), 'data'))).sort()).toEqual(['local', 'mirror']);
  });

  test('keeps a file of the official name next to the folder, and says which SHA-256 it takes', async () => {
    const content = await release();
    const data = join(folder(), 'data', 'waterbirds');
    const own = join(folder(), 'data', DATASETS.waterbirds.file);
    await mkdir(dirname(own));
    await writeFile(own, content);
    await fetchDataset('waterbirds', data, { from: own });
    await rm(data, { recursive: true });
    answer = whole(Buffer.from(content));
    await fetchDataset('waterbirds', data, { from: address('waterbirds.tar.gz') });
    await rm(data, { recursive: true });
    await writeFile(own, content.subarray(0, content.length / 2));
    await refusal(fetchDataset('waterbirds', data, { from: own }), `${own}: the archive is`);
    expect(await readdir(dirname(own))).toEqual([DATASETS.waterbirds.file]);
    for (const sha256 of ['', '5', 'zzzzzzzz']) {
      await failure(fetchDataset('waterbirds', data, { from: own, sha256 }), 'USAGE');
    }
  });

  test('refuses a mount point before it fetches anything', async () => {
    const inside = 'Name a new folder inside it.';
    await failure(fetchDataset('waterbirds', '/proc', { from: address() }), 'OUTPUT_UNWRITABLE', inside);
    expect(ranges).toEqual([]);
  });

  test('leaves no folder of an archive that is hostile or another one', async () => {
    const from = join(folder(), 'release.tar.gz');
    const data = join(folder(), 'data', 'waterbirds');
    await writeFile(from, archive([{ path: 'top/l', type: 'SymbolicLink', linkpath: '/etc' }]));
    await refusal(fetchDataset('waterbirds', data, { from }));
    await writeFile(from, await release());
    await refusal(fetchDataset('waterbirds', data, { from, sha256: 'abababab' }), 'begins with abababab');
    expect(existsSync(join(folder(), 'data'))).toBe(false);
    const none = fetchDataset('waterbirds', data, { from: join(folder(), 'none') });
    await refusal(none, /none: there is no such file.*`from`/);
  });

  test('checks weights by the digits of their official name, and takes those that are there', async () => {
    answer = whole();
    const out = join(folder(), 'weights');
    const from = address('resnet18.pth');
    await refusal(fetchWeights('resnet18', out, { from }), WEIGHTS.resnet18.sha256);
    expect(existsSync(out)).toBe(false);
    const first = await fetchWeights('resnet18', out, { from, sha256: SHA256 });
    expect(first).toMatchObject({ path: join(out, 'resnet18-f37072fd.pth'), isVerified: true });
    ranges.length = 0;
    const kept = await fetchWeights('resnet18', out, { from, sha256: SHA256 });
    expect(kept).toEqual({ ...first, source: first.path });
    expect(ranges).toEqual([]);
    // Two at once: one fetches, and the other takes its file.
    await rm(first.path);
    const told: string[] = [];
    const onInfo = (text: string): number => told.push(text);
    const both = [1, 2].map(() => fetchWeights('resnet18', out, { from, sha256: SHA256, onInfo }));
    expect((await Promise.all(both)).map(({ bytes }) => bytes)).toEqual([CONTENT.length, CONTENT.length]);
    expect(ranges).toHaveLength(1);
    expect(told).toEqual([`Another process is fetching ${first.path}. Waiting for it.`]);
    expect(await readdir(out)).toEqual(['resnet18-f37072fd.pth']);
    const local = join(folder(), 'vit.safetensors');
    await writeFile(local, CONTENT);
    const copied = await fetchWeights('vit_small_patch16_224', out, { from: local });
    expect(copied).toMatchObject({ isVerified: false, sha256: SHA256 });
  });
});
