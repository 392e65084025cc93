import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setImmediate } from 'node:timers';
import type { Call, Inode, Mount, Operation } from './sharedFolder.js';

/** Events in the order of virtual time, in milliseconds. */
export class Clock {
  now = 0;
  /** The next one is the last one. */
  readonly #events: { readonly time: number; readonly act: () => void; readonly wakes: boolean }[] = [];

  /** @param wakes whether the act goes on with a program */
  after(ms: number, act: () => void, wakes = true): void {
    if (ms === Infinity) return;
    const time = this.now + ms;
    let [low, high] = [0, this.#events.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#events[middle]?.time ?? 0) > time) low = middle + 1;
      else high = middle;
    }
    this.#events.splice(low, 0, { time, act, wakes });
  }

  async run(isOver: () => boolean): Promise<void> {
    for (let wakes = true; ;) {
      // Programs go on to where they wait.
      if (wakes) await new Promise((resolve) => setImmediate(resolve));
      if (isOver()) return;
      const event = this.#events.pop();
      if (!event) throw new Error('Every program waits for ever.');
      this.now = event.time;
      event.act();
      ({ wakes } = event);
    }
  }
}

/** `AsyncLocalStorage` of a process that does one thing at a time. */
export class Storage {
  #store: unknown;

  getStore(): unknown {
    return this.#store;
  }

  async run<Result>(store: unknown, job: () => Promise<Result>): Promise<Result> {
    const outer = this.#store;
    this.#store = store;
    try {
      return await job();
    } finally {
      this.#store = outer;
    }
  }
}

/** One without content, and so without the product's checks before it writes. */
export class Forgetful extends Storage {
  override getStore(): unknown {
    return undefined;
  }
}

/** The clock, the server and the callbacks that all hosts share. */
export interface World {
  readonly clock: Clock;
  readonly random: () => number;
  readonly newId: () => number;
  /** Executes a call at the server. Returns its answer. */
  readonly execute: (act: () => unknown) => () => unknown;
  /** Called when the server has renamed something to a path. */
  readonly onRename: (host: Host, path: string) => void;
  /** Called when a host has removed a file, by the name of the host that had made it. */
  readonly onRemove: (host: Host, path: string, maker: string) => void;
}

/** A host with one process, which is dead or suspended at times. */
export class Host {
  isDead = false;
  /** The time of all its suspensions. */
  paused = 0;
  /** The time in which it computed. */
  worked = 0;
  #wakes = 0;
  #worksSince: number | undefined;

  readonly clock: Clock;

  constructor(
    readonly name: string,
    readonly mount: Mount,
    readonly world: World,
  ) {
    this.clock = world.clock;
  }

  after(ms: number, act: () => void): void {
    this.clock.after(ms, () => {
      if (this.isDead) return;
      if (this.clock.now < this.#wakes) this.after(this.#wakes - this.clock.now, act);
      else act();
    });
  }

  sleep = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      this.after(ms, resolve);
    });

  /** Computes for a time, in which it is not suspended. */
  async work(ms: number): Promise<void> {
    this.#worksSince = this.clock.now;
    for (let left = ms; left > 0;) {
      const { paused } = this;
      await this.sleep(left);
      left = this.paused - paused;
    }
    this.#worksSince = undefined;
    this.worked += ms;
  }

  suspend(ms: number): void {
    this.#wakes = this.clock.now + ms;
    this.paused += ms;
  }

  die(): void {
    this.isDead = true;
    this.worked += this.clock.now - (this.#worksSince ?? this.clock.now);
  }

  setInterval = (act: () => void, ms: number) => {
    const timer = { isCleared: false, unref: () => timer };
    const tick = (): void => {
      if (timer.isCleared) return;
      act();
      this.after(ms, tick);
    };
    this.after(ms, tick);
    return timer;
  };

  /** Makes an operation's calls, of 1 to 3 ms and 100 MB a second. The server executes what was sent, also if the host dies. */
  async #does<Result>(operation: Operation<Result>): Promise<Result> {
    for (let step = operation.next(); ;) {
      if (step.done === true) return step.value;
      const { act, bytes } = step.value;
      const way = 0.5 + this.world.random() + bytes / 2e5;
      const answer = await new Promise<() => unknown>((resolve) => {
        const execute = (): void => {
          const answered = this.world.execute(act);
          this.after(way, () => {
            resolve(answered);
          });
        };
        this.clock.after(way, execute, false);
      });
      step = next(operation, answer);
    }
  }

  /** Executes the operation of a synchronous call, in no time. */
  #doesNow<Result>(operation: Operation<Result>): Result {
    for (let step = operation.next(); ; step = next(operation, this.world.execute(step.value.act)))
      if (step.done === true) return step.value;
  }

  /** Node's modules on this host. */
  modules(): Record<string, unknown> {
    const { mount, name, world } = this;
    const { server } = mount;
    const proc = new Map([
      ['/proc/sys/kernel/random/boot_id', `boot of ${name}`],
      ['/proc/self/ns/pid', 'pid:[4026531836]'],
      ['/proc/thread-self', '100/task/100'],
      ['/proc/100/task/100/stat', `100 (node) ${'7 '.repeat(40)}`],
    ]);
    const ofProc = (path: string): string | undefined => proc.get(path);
    const kind = ({ entries }: Inode) => ({
      isFile: () => !entries,
      isDirectory: () => entries !== undefined,
      isFIFO: () => false,
    });
    const writing = function* (path: string, text: string, flag: string): Operation<void> {
      const file = yield* mount.open(path, flag);
      if (text !== '') yield* mount.write(file, flag === 'a' ? file.text + text : text);
    };
    const remove = async (path: string, isFolder: boolean): Promise<void> => {
      const { maker = name } = server.find(path) ?? {};
      await this.#does(mount.remove(path, isFolder));
      world.onRemove(this, path, maker);
    };
    const rm = async (path: string, { recursive = false, force = false } = {}): Promise<void> => {
      try {
        const { entries } = await this.#does(mount.stat(path));
        const names = entries && recursive ? await this.#does(mount.readdir(path)) : [];
        for (const entry of names) await rm(join(path, entry), { recursive, force });
        await remove(path, entries !== undefined);
      } catch (error) {
        if (!force || (error as { code?: string }).code !== 'ENOENT') throw error;
      }
    };
    const close = () => Promise.resolve();
    const promises = {
      readFile: async (path: string, encoding?: string) => {
        const text = await this.#does(mount.read(path));
        return encoding === undefined ? { toString: () => text } : text;
      },
      writeFile: (path: string, text: string, { flag = 'w' } = {}) => this.#does(writing(path, text, flag)),
      appendFile: (path: string, text: string) => this.#does(writing(path, text, 'a')),
      mkdir: (path: string) => this.#does(mount.mkdir(path)),
      readdir: async (path: string, { withFileTypes = false } = {}) => {
        const names = await this.#does(mount.readdir(path));
        return withFileTypes ? names.map((name) => ({ name, isFile: () => true })) : names;
      },
      rename: (path: string, target: string) => {
        const onRename = (): void => {
          world.onRename(this, target);
        };
        return this.#does(mount.rename(path, target, onRename));
      },
      unlink: (path: string) => remove(path, false),
      rmdir: (path: string) => remove(path, true),
      rm,
      stat: async (path: string) => kind(await this.#does(mount.stat(path))),
      realpath: async (path: string) => this.#does(mount.stat(path)).then(() => path),
      open: async (path: string, flag: string) => {
        const file = await this.#does(mount.open(path, flag));
        const writeFile = (text: string) => this.#does(mount.write(file, text));
        return { writeFile, sync: close, close, [Symbol.asyncDispose]: close };
      },
    };
    return {
      'node:fs': {
        readFileSync: ofProc,
        readlinkSync: ofProc,
        openSync: (path: string) => this.#doesNow(mount.open(path)),
        closeSync: () => undefined,
      },
      'node:fs/promises': promises,
      'node:os': { hostname: () => name },
      'node:timers/promises': { setTimeout: this.sleep },
      'node:crypto': {
        createHash,
        randomUUID: () => `${world.newId().toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`,
        randomInt: (max: number) => Math.floor(max * world.random()),
      },
    };
  }
}

function next<Result>(operation: Operation<Result>, answer: () => unknown): IteratorResult<Call, Result> {
  let value: unknown;
  try {
    value = answer();
  } catch (error) {
    return operation.throw(error);
  }
  return operation.next(value);
}
