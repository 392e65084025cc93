import {
  type ChildProcess,
  type ChildProcessByStdio,
  fork,
  spawn,
  spawnSync,
  type SpawnSyncReturns,
} from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { ErrorCode } from '../../src/errors.js';
import type { ErmOptions } from '../../src/train/recipe.js';
import { expectParts } from '../data/support.js';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAM = join(ROOT, 'bin', 'spurmem.js');
const COMMAND_LINES = join(ROOT, 'test', 'cli', 'commandLines.mjs');
/** The addon that is tested. */
export const ADDON = process.env.SPURMEM_ADDON ?? join(ROOT, 'build-cmake', 'Release', 'spurmem.node');

export interface Outcome {
  /** null when a signal ended the process. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly signal: (name: NodeJS.Signals) => void;
  readonly outcome: Promise<Outcome>;
  /** Resolves once stderr has matched; rejects when the process ends before. */
  readonly printed: (pattern: RegExp) => Promise<void>;
}

/**
 * Starts the command line as a user would.
 *
 * @param environment added to this process's
 * @param program the `bin/spurmem.js` of another installation
 */
export function start(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
  program = PROGRAM,
): Started {
  return startProcess(process.execPath, [program, ...args], environment, 600_000);
}

/** @param timeout milliseconds: a command that hangs fails its test and leaves no process behind */
export function startProcess(
  executable: string,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  timeout: number,
): Started {
  const child = spawn(executable, args, {
    cwd: ROOT,
    env: environmentOf(environment),
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout,
    killSignal: 'SIGKILL',
  });
  const printed = { stdout: '', stderr: '' };
  const outcome = outcomeOf(child, printed);
  return {
    signal: (name) => {
      child.kill(name);
    },
    outcome,
    printed: (pattern) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (pattern.test(printed.stderr)) resolve();
        };
        child.stderr.on('data', check);
        child.once('close', () => {
          reject(new Error(`spurmem ended before it printed ${String(pattern)}:\n${printed.stderr}`));
        });
        check();
      }),
  };
}

/** The exit code and output of a process, once it has ended; `printed` is its output so far. */
export async function outcomeOf(
  child: ChildProcessByStdio<null, Readable, Readable>,
  printed = { stdout: '', stderr: '' },
): Promise<Outcome> {
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => (printed[name] += text));
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return { exitCode, ...printed };
}

/** Runs the command line to its end. */
export async function spurmem(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
  program = PROGRAM,
): Promise<Outcome> {
  return start(args, environment, program).outcome;
}

function environmentOf(
  added: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string | undefined>> {
  const { NODE_OPTIONS: _options, SPURMEM_ADDON: _addon, FORCE_COLOR: _color, ...inherited } = process.env;
  // Wide enough for tables to stay in one piece.
  return { ...inherited, COLUMNS: '300', ...added };
}

/** Runs Node.js with these arguments to its end: a script from the project's folder, or `-e` and code. */
export function node(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
): SpawnSyncReturns<string> {
  const env = { ...process.env, NODE_OPTIONS: '--no-warnings', ...environment };
  const limits = { timeout: 600_000, killSignal: 'SIGKILL' } as const;
  return spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8', env, ...limits });
}

/** A process that runs command lines one after the other: when it has run the last one, and rejects when it ends. */
interface CommandLines {
  readonly child: ChildProcess;
  readonly ended: Promise<never>;
  last: Promise<unknown>;
}

/** By environment. */
const commandLines = new Map<string, CommandLines>();

afterAll(() => {
  for (const { child } of commandLines.values()) child.kill('SIGKILL');
});

function commandLinesIn(environment: Readonly<Record<string, string | undefined>>): CommandLines {
  const key = JSON.stringify(environment);
  const known = commandLines.get(key);
  if (known) return known;
  const env = environmentOf(environment);
  const child = fork(COMMAND_LINES, { cwd: ROOT, env, execArgv: [], silent: true });
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = once(child, 'exit').then(() => {
    throw new Error(`The process that runs command lines has ended:\n${stderr}`);
  });
  ended.catch(() => undefined);
  const started = { child, ended, last: Promise.resolve() };
  commandLines.set(key, started);
  return started;
}

/**
 * As `spurmem`, without a process of its own, whose start takes longer than most answers: for what a command refuses or prints.
 * That a process ends, and how, is for `spurmem` and `start`.
 */
export async function answer(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
): Promise<Outcome> {
  const lines = commandLinesIn(environment);
  const answered = lines.last.then(async () => {
    const message = once(lines.child, 'message');
    lines.child.send(args);
    const [outcome] = (await Promise.race([message, lines.ended])) as [Outcome];
    return outcome;
  });
  lines.last = answered.catch(() => undefined);
  return answered;
}

/**
 * Runs the command line to its end, which must be a good one, and returns what it printed.
 *
 * @param run `answer`, or `spurmem` where the process itself is tested
 */
export async function succeed(
  args: readonly string[],
  run: (args: readonly string[]) => Promise<Outcome> = answer,
): Promise<Outcome> {
  const outcome = await run(args);
  if (outcome.exitCode !== 0) throw new Error(`spurmem ${args.join(' ')} failed:\n${outcome.stderr}`);
  return outcome;
}

/** Checks a failure: exit code, each of the texts on stderr, nothing on stdout, and no stack trace. */
export function expectFailure(outcome: Outcome, exitCode: number, ...texts: readonly string[]): void {
  const { stderr } = outcome;
  for (const text of texts) expect(stderr).toContain(text);
  expect(stderr).not.toMatch(/^ +at .+:\d+/m);
  expect(stderr).not.toContain('Unexpected error');
  expect(outcome).toEqual({ exitCode, stdout: '', stderr });
}

/** Runs a command with `--json`, which must fail with the code and a message that has the parts; the message. */
export async function failure(
  args: readonly string[],
  code: ErrorCode,
  ...parts: readonly (string | RegExp)[]
): Promise<string> {
  return failureIn({}, args, code, ...parts);
}

/** As `failure`, with variables added to the environment. */
export async function failureIn(
  environment: Readonly<Record<string, string | undefined>>,
  args: readonly string[],
  code: ErrorCode,
  ...parts: readonly (string | RegExp)[]
): Promise<string> {
  const { exitCode, stdout, stderr } = await answer([...args, '--json'], environment);
  if (stdout === '') throw new Error(`No document on stdout; stderr:\n${stderr}`);
  const { error } = JSON.parse(stdout) as { error: { code: string; message: string } };
  expect({ code: error.code, exitCode, stderr }).toEqual({
    code,
    exitCode: code === 'USAGE' ? 2 : 1,
    stderr,
  });
  expect(stderr).toContain(error.message);
  expect(stderr).not.toMatch(/^ +at .+:\d+/m);
  expectParts(error.message, parts);
  return error.message;
}

/** Each file below a folder with the hash of its bytes, and each folder. */
export function contentOf(folder: string): Record<string, string> {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(paths.map((path) => [path, contentOfPath(join(folder, path))]));
}

/** Checkpoints are large: one whose time of change is that of the last look is not read again. */
const hashes = new Map<string, string>();

function contentOfPath(path: string): string {
  const found = statSync(path, { bigint: true });
  if (found.isDirectory()) return 'folder';
  const { ino, size, mtimeNs, ctimeNs } = found;
  const version = [ino, size, mtimeNs, ctimeNs].join(' ');
  const known = hashes.get(version) ?? createHash('sha256').update(readFileSync(path)).digest('hex');
  hashes.set(version, known);
  return known;
}

/** `trainArguments` of one epoch, for the library: what `ermRun` makes is what they make. */
export function trainOptions(
  data: string,
  out: string,
): ErmOptions & { readonly data: string; readonly out: string } {
  return {
    data,
    out,
    arch: 'resnet20',
    epochs: 1,
    batchSize: 42,
    keepState: true,
    device: 'cpu',
    threads: 1,
  };
}

/** The arguments of a command line as one writes it: words between spaces; what is put in stays whole. */
export function words(
  texts: TemplateStringsArray,
  ...values: readonly (string | number | readonly string[])[]
): string[] {
  const split = (text = ''): string[] => text.split(/\s+/).filter((word) => word !== '');
  return texts.flatMap((text, i) => {
    const value = i < values.length ? [values[i] ?? ''].flat().map(String) : [];
    return [...split(text), ...value];
  });
}

/** The arguments of a training run that takes seconds; later ones override them. */
export function trainArguments(data: string, out: string, ...more: readonly string[]): string[] {
  return words`train erm --data ${data} --out ${out} --arch resnet20 --epochs 2 --batch-size 42 --keep-state --threads 1 ${more}`;
}
