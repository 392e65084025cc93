import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { messageOf, SpurmemError } from '#src/errors.js';
import type { SideReady, SideRun, SideSettings, SideSpec } from './case.js';
import { pythonPath, sideScript } from './python.js';

/** A request to a side's process, one JSON object per line. */
export type SideRequest =
  | {
      readonly request: 'prepare';
      readonly workload: string;
      readonly settings: SideSettings;
      readonly device: string;
      readonly threads: number;
    }
  | { readonly request: 'run' };

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));

/** The process that runs our side, in a checkout: always the build, even if a test runs the sources. */
export const WORKER = 'bench/dist/worker.js';

/** Clock ticks per second in /proc, on every Linux that Node runs on. */
const TICKS = 100;

/** Lines of stderr that are kept for the message of a side that fails. */
const KEPT_LINES = 5;

/** A side's process, which answers one request at a time. Dispose it, or declare it with `using`. */
export class Side implements Disposable {
  readonly label: string;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #replies: AsyncIterator<string>;
  readonly #stderr: string[] = [];
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => {
    this.#end();
  };
  #failedToStart: unknown;

  private constructor(
    spec: SideSpec,
    threads: number,
    signal: AbortSignal | undefined,
    more: NodeJS.ProcessEnv,
  ) {
    this.label = spec.label;
    const [command, ...args] = commandOf(spec);
    // Both sides' thread pools are bounded from their start, and neither asks a terminal for anything.
    const environment = { ...process.env, OMP_NUM_THREADS: String(threads), NODE_OPTIONS: '', ...more };
    this.#child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: environment,
      // Ctrl-C reaches this process alone, which then ends its sides.
      detached: true,
    });
    this.#child.on('error', (error) => {
      this.#failedToStart = error;
    });
    // A side that ended is noticed by its missing reply.
    this.#child.stdin.on('error', () => undefined);
    this.#replies = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    createInterface({ input: this.#child.stderr }).on('line', (line) => {
      this.#stderr.push(line);
      if (this.#stderr.length > KEPT_LINES) this.#stderr.shift();
    });
    this.#signal = signal;
    signal?.addEventListener('abort', this.#onAbort);
  }

  /**
   * Starts a side and has it prepare its work.
   *
   * @param environment variables that differ from this process's
   * @throws `BENCH_FAILED` with the process's output
   */
  static async start(
    spec: SideSpec,
    place: { readonly device: string; readonly threads: number; readonly signal?: AbortSignal | undefined },
    environment: NodeJS.ProcessEnv = {},
  ): Promise<{ side: Side; ready: SideReady }> {
    const { device, threads, signal } = place;
    const side = new Side(spec, threads, signal, environment);
    try {
      const ready = await side.#ask({
        request: 'prepare',
        workload: spec.program === 'spurmem' ? spec.workload : spec.script,
        settings: spec.settings,
        device,
        threads,
      });
      return { side, ready: ready as SideReady };
    } catch (error) {
      side[Symbol.dispose]();
      throw error;
    }
  }

  /** One repeat. Throws `BENCH_FAILED` when it fails. */
  async run(): Promise<SideRun> {
    return (await this.#ask({ request: 'run' })) as SideRun;
  }

  /** Peak resident memory of the process in bytes; null if the system does not report it (Linux does). */
  async peakBytes(): Promise<number | null> {
    const status = await readFile(`/proc/${this.#child.pid ?? 0}/status`, 'utf8').catch(() => '');
    const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
    return kibibytes === undefined ? null : Number(kibibytes) * 1024;
  }

  /** Processor seconds that the process and its ended children used; null if the system does not report them. */
  async cpuSeconds(): Promise<number | null> {
    const stat = await readFile(`/proc/${this.#child.pid ?? 0}/stat`, 'utf8').catch(() => '');
    // After the name, which may hold spaces: state is field 3, utime and stime are 14 and 15, those of children 16 and 17.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return fields.length >= 15 && Number.isFinite(ticks) ? ticks / TICKS : null;
  }

  /** Ends the process. */
  [Symbol.dispose](): void {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#child.stdin.end();
    this.#end();
  }

  /** Ends the process with those that it started, such as DataLoader's workers: they are one group. */
  #end(): void {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    process.kill(-pid, 'SIGKILL');
  }

  async #ask(request: SideRequest): Promise<unknown> {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    const line = await this.#replies.next();
    if (this.#signal?.aborted === true) throw new SpurmemError('INTERRUPTED', 'The benchmark was stopped.');
    const reply = line.done === true ? { error: this.#lastWords() } : parseReply(line.value);
    if (isFailure(reply)) {
      throw new SpurmemError('BENCH_FAILED', `The side "${this.label}" failed: ${reply.error}`);
    }
    return reply;
  }

  #lastWords(): string {
    if (this.#failedToStart !== undefined) return messageOf(this.#failedToStart);
    return this.#stderr.length === 0 ? 'its process ended' : `its process ended:\n${this.#stderr.join('\n')}`;
  }
}

function commandOf(spec: SideSpec): [string, ...string[]] {
  return spec.program === 'spurmem'
    ? [process.execPath, join(spec.checkout ?? CHECKOUT, WORKER)]
    : [pythonPath(), sideScript(spec.script)];
}

function parseReply(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return { error: `it printed ${JSON.stringify(line)} instead of JSON` };
  }
}

function isFailure(reply: unknown): reply is { readonly error: string } {
  return typeof reply === 'object' && reply !== null && 'error' in reply;
}
