// Shared by the scripts of this folder: faults.c preloaded into a process, tiny data, and the comparison of two folders.
import { Buffer } from 'node:buffer';
import { execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { clearTimeout, setTimeout } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { buildDominoes, DEFAULT_DOMINOES } from '../../dist/data/dominoes.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const program = fileURLToPath(new URL('../../bin/spurmem.js', import.meta.url));

const ACTIONS = ['none', 'fail', 'shorten', 'kill'];

/** The arguments of a command line as one writes it: words between spaces; what is put in stays whole. */
export function words(texts, ...values) {
  const split = (text) => text.split(/\s+/).filter((word) => word !== '');
  return texts.flatMap((text, i) => [...split(text), ...(i < values.length ? [values[i]].flat() : [])]);
}

/** The network of all runs; SPURMEM_FAULTS_NETWORK names another one, such as `--arch model.pt2`. */
export const NETWORK = words`${(process.env.SPURMEM_FAULTS_NETWORK ?? '--arch resnet20').split(' ')}`;

/** The arguments of a run that takes seconds; epochs and further options follow. */
export function trainArguments(data, out) {
  return words`train erm --data ${data} --out ${out} ${NETWORK} --batch-size 42 --threads 1 --keep-state --quiet --resume`;
}

/** The action of faults.c in processes that are started with its environment. */
export class Faults {
  #file;

  constructor(folder) {
    this.preloaded = join(folder, 'faults.so');
    this.control = join(folder, 'faults.control');
    const source = join(here, 'faults.c');
    execFileSync('cc', ['-O2', '-shared', '-fPIC', '-o', this.preloaded, source, '-ldl']);
    writeFileSync(this.control, Buffer.alloc(512));
    this.#file = openSync(this.control, 'r+');
  }

  get environment() {
    return { LD_PRELOAD: this.preloaded, FAULTS_CONTROL: this.control };
  }

  /**
   * Counts the calls on files whose path contains `below`, from now on, and lets one of them fail or kill its process; a disk that
   * takes half of a write (`shorten`) is full from then on.
   */
  set(given) {
    order(this.#file, given);
  }

  get calls() {
    return callsIn(this.#file);
  }

  close() {
    closeSync(this.#file);
  }
}

/** `Faults.set` through its control file. */
export function order(file, { below = '', action = 'none', call = 0, error = 'ENOSPC', clock = 0 }) {
  const content = Buffer.alloc(512);
  const numbers = [ACTIONS.indexOf(action), call, constants.errno[error], 0, clock];
  numbers.forEach((value, i) => content.writeBigInt64LE(BigInt(value), 8 * i));
  content.write(below, 40);
  writeSync(file, content, 0, 512, 0);
}

/** `Faults.calls` through its control file. */
export function callsIn(file) {
  const content = Buffer.alloc(512);
  readSync(file, content, 0, 512, 0);
  return Number(content.readBigInt64LE(24));
}

/** A temporary folder with dominoes of 116 images, and a function that removes it. */
export async function workplace() {
  const folder = mkdtempSync(join(tmpdir(), 'spurmem-faults-'));
  const data = join(folder, 'data');
  const counts = { train: [40, 8, 6, 30], val: [4, 4, 4, 4], test: [4, 4, 4, 4] };
  await buildDominoes(data, { ...DEFAULT_DOMINOES, counts, size: 32 });
  return { folder, data, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The command line in a process of its own; `killAfter` milliseconds it is killed. */
export function spurmem(args, { environment = {}, killAfter, cwd, shell } = {}) {
  const command = [...(shell ?? []), process.execPath, program, ...args];
  const started = performance.now();
  const child = spawn(command[0], command.slice(1), {
    cwd,
    env: { ...process.env, NODE_OPTIONS: '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (text) => (output += text));
  child.stderr.on('data', (text) => (output += text));
  const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfter);
  return new Promise((resolve) => {
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, output, pid: child.pid, seconds: (performance.now() - started) / 1000 });
    });
  });
}

/** Serves one file in parts, within about a second. Returns its address, and a function that ends it. */
export async function serve(path) {
  const bytes = readFileSync(path);
  const server = createServer(async ({ headers }, response) => {
    const from = Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0);
    const isPart = headers['if-range'] === '"1"' && from < bytes.length;
    const sent = isPart ? bytes.subarray(from) : bytes;
    response.writeHead(isPart ? 206 : 200, {
      etag: '"1"',
      'content-length': sent.length,
      ...(isPart ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}),
    });
    for (let at = 0; at < sent.length && !response.destroyed; at += bytes.length / 40) {
      response.write(sent.subarray(at, at + bytes.length / 40));
      await sleep(25);
    }
    response.end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { address: `http://127.0.0.1:${server.address().port}/file`, close };
}

/** A shell that runs a command under a limit of its own, such as `-n 32`. */
export const limited = (limit) => ['bash', '-c', `ulimit ${limit}; exec "$@"`, 'limited'];

/** Files in which two folders differ: in bytes, or for JSON in any key except times and checksums. */
export function differences(folder, other) {
  const names = new Set([folder, other].flatMap(filesOf));
  return [...names].filter((name) => contentOf(join(folder, name)) !== contentOf(join(other, name)));
}

/** Files of a folder that are neither whole nor known as temporary; an unfinished lock is never read. */
export function damaged(folder) {
  return filesOf(folder).filter((name) => !/\.tmp$|\.lock\//.test(name) && !isWhole(join(folder, name)));
}

export function filesOf(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(join(folder, name)).isFile(),
  );
}

function isWhole(path) {
  const bytes = readFileSync(path);
  try {
    if (path.endsWith('.safetensors')) {
      const start = 8 + Number(bytes.readBigUInt64LE(0));
      const header = JSON.parse(bytes.toString('utf8', 8, start));
      const ends = Object.values(header).map(({ data_offsets: offsets }) => offsets?.[1] ?? 0);
      return bytes.length === start + Math.max(...ends);
    }
    if (path.endsWith('.json')) JSON.parse(bytes.toString());
    if (/\.(html|svg)$/.test(path)) return /<\/(html|svg)>\s*$/.test(bytes.toString());
    return true;
  } catch {
    return false;
  }
}

function contentOf(path) {
  let bytes;
  try {
    bytes = readFileSync(path);
  } catch {
    return 'missing';
  }
  // Its last column has the epochs' times.
  if (path.endsWith('metrics.csv')) return bytes.toString().replace(/,[^,\n]*$/gm, '');
  // The times of a study's runs are the last two columns of their tables.
  if (/-(test|tuning|models)\.csv$/.test(path)) return bytes.toString().replace(/,[^,\n]*,[^,\n]*$/gm, '');
  if (!/\.(jsonl?|html)$/.test(path)) return bytes.toString('latin1');
  return (
    bytes
      .toString()
      .replace(/"(seconds|started|finished|checksum)":\s*[^,}\n]+/g, '"$1": 0')
      // The command, date and machine of a result.
      .replace(/^ {2}"origin": \{[\s\S]*?^ {2}\}/gm, '')
      // A report says when its results were made, and how long epochs took.
      .replace(/(download="training\.(?:csv|json)"\s+href=")[^"]*/g, '$1')
      .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/g, '')
  );
}
