/** A file or folder of the server. Clients keep it as NFS's handles: it is stale once it was removed. */
export class Inode {
  isGone = false;
  text = '';
  version = 0;

  constructor(
    /** The client that made it. */
    readonly maker: string,
    readonly entries?: Map<string, Inode>,
  ) {}
}

/** One error of each code, without the cost of a stack. */
const failures = new Map<string, Error>();
function failure(code: string): Error {
  const error = failures.get(code) ?? Object.assign(new Error(code), { code });
  failures.set(code, error);
  return error;
}
const partsOf = (path: string): string[] => path.split('/').slice(1);

/** The tree of an NFS server. Each call is atomic. */
export class Server {
  readonly root = new Inode('', new Map());

  /** Returns what has a path, regardless of caches. */
  find(path: string): Inode | undefined {
    let found: Inode | undefined = this.root;
    for (const name of partsOf(path)) found = found?.entries?.get(name);
    return found;
  }

  /** Returns a handle if it is not stale. */
  valid(inode: Inode): Inode {
    if (inode.isGone) throw failure('ESTALE');
    return inode;
  }

  entries(folder: Inode): Map<string, Inode> {
    const { entries } = this.valid(folder);
    if (!entries) throw failure('ENOTDIR');
    return entries;
  }

  lookup(folder: Inode, name: string): Inode {
    const found = this.entries(folder).get(name);
    if (!found) throw failure('ENOENT');
    return found;
  }

  create(client: string, folder: Inode, name: string, isFolder: boolean, isExclusive: boolean): Inode {
    const entries = this.entries(folder);
    const known = entries.get(name);
    if (known && (isExclusive || known.entries)) throw failure('EEXIST');
    const made = known ?? new Inode(client, isFolder ? new Map() : undefined);
    entries.set(name, made);
    folder.version += 1;
    return made;
  }

  write(file: Inode, text: string): void {
    this.valid(file).text = text;
    file.version += 1;
  }

  remove(folder: Inode, name: string, isFolder: boolean): void {
    const found = this.lookup(folder, name);
    if ((found.entries !== undefined) !== isFolder) throw failure(isFolder ? 'ENOTDIR' : 'EISDIR');
    if ((found.entries?.size ?? 0) > 0) throw failure('ENOTEMPTY');
    this.entries(folder).delete(name);
    folder.version += 1;
    found.isGone = true;
  }

  rename(from: Inode, name: string, to: Inode, target: string): Inode {
    const moved = this.lookup(from, name);
    if (this.entries(to).has(target)) this.remove(to, target, moved.entries !== undefined);
    this.entries(from).delete(name);
    this.entries(to).set(target, moved);
    from.version += 1;
    to.version += 1;
    return moved;
  }
}

/** The server's latest answers about each inode, with their times: by the name of an entry, or by one of the kinds below. */
type Answers = Map<Inode, Map<string, readonly [time: number, value: unknown]>>;
const [LIST, STAT, TEXT] = ['/list', '/stat', '/text'];

/** A call to the server, and the bytes that it moves. */
export interface Call {
  readonly act: () => unknown;
  readonly bytes: number;
}
/** A call of a program, as calls to the server. */
export type Operation<Result> = Generator<Call, Result>;

function* call<Result>(act: () => Result, bytes = 0): Operation<Result> {
  return (yield { act, bytes }) as Result;
}

/**
 * The file system of one client: NFS version 3 with `actimeo`. Names, missing names and attributes come from its cache until they are that
 * old, also in a folder that it has opened or changed since (Linux would ask again). Opening a file or folder asks the server for its version,
 * by its handle.
 */
export class Mount {
  /** This period's and the last one's. */
  #cache: readonly [Answers, Answers] = [new Map(), new Map()];
  #since = 0;

  constructor(
    readonly client: string,
    readonly server: Server,
    readonly now: () => number,
    readonly actimeo: number,
    /** Whether also opening a folder does not ask the server for its version. */
    readonly cachesLists = false,
  ) {}

  /** Returns the version and text of a file. */
  *read(path: string): Operation<string> {
    const file = yield* this.open(path);
    const known = this.#recall(file, TEXT) as { version: number; text: string } | undefined;
    if (known?.version === file.version) return known.text;
    const { version, text } = yield* call(() => this.server.valid(file), file.text.length);
    this.#keep(file, TEXT, { version, text });
    return text;
  }

  *write(file: Inode, text: string): Operation<void> {
    yield* call(() => {
      this.server.write(file, text);
    }, text.length);
  }

  /** Opens a file. Only with a flag that may create it does the server hear of one that this client believes missing. */
  *open(path: string, flag = 'r'): Operation<Inode> {
    return yield* this.#at(path, function* (mount, folder, name, isFresh) {
      if (flag.startsWith('r')) {
        const file = yield* mount.#child(folder, name, isFresh);
        return yield* call(() => mount.server.valid(file));
      }
      return yield* mount.#create(folder, name, false, flag.includes('x'));
    });
  }

  *stat(path: string): Operation<Inode> {
    return yield* this.#at(path, function* (mount, folder, name, isFresh) {
      const inode = yield* mount.#child(folder, name, isFresh);
      if (mount.#recall(inode, STAT) === undefined)
        mount.#keep(inode, STAT, yield* call(() => mount.server.valid(inode)));
      return inode;
    });
  }

  *readdir(path: string): Operation<string[]> {
    return yield* this.#at(path, function* (mount, parent, name, isFresh) {
      const folder = yield* mount.#child(parent, name, isFresh);
      const known = mount.#recall(folder, LIST) as { version: number; names: Set<string> } | undefined;
      if (known && mount.cachesLists) return [...known.names];
      const { version } = yield* call(() => mount.server.valid(folder));
      if (known?.version === version) return [...known.names];
      const names = new Set(yield* call(() => mount.server.entries(folder).keys()));
      mount.#keep(folder, LIST, { version, names });
      return [...names];
    });
  }

  *mkdir(path: string): Operation<void> {
    yield* this.#at(path, function* (mount, folder, name) {
      if (mount.#recall(folder, name)) throw failure('EEXIST');
      yield* mount.#create(folder, name, true, true);
    });
  }

  *remove(path: string, isFolder = false): Operation<void> {
    yield* this.#at(path, function* (mount, folder, name, isFresh) {
      yield* mount.#child(folder, name, isFresh);
      yield* mount.#asked(folder, name, () => {
        mount.server.remove(folder, name, isFolder);
      });
      mount.#note(folder, name, undefined);
    });
  }

  /** @param onRename called as the server renames */
  *rename(path: string, target: string, onRename: () => void): Operation<void> {
    yield* this.#at(path, function* (mount, from, name, isFresh) {
      yield* mount.#child(from, name, isFresh);
      yield* mount.#at(target, function* (_mount, to, newName) {
        const moved = yield* mount.#asked(from, name, () => {
          const renamed = mount.server.rename(from, name, to, newName);
          onRename();
          return renamed;
        });
        mount.#note(from, name, undefined);
        mount.#note(to, newName, moved);
      });
    });
  }

  /** Runs an operation on a name in a folder, and again without the cache if a handle is stale. */
  *#at<Result>(
    path: string,
    act: (mount: Mount, folder: Inode, name: string, isFresh: boolean) => Operation<Result>,
  ): Operation<Result> {
    const parts = partsOf(path);
    const last = parts.length - 1;
    for (const isFresh of [false, true]) {
      try {
        let folder = this.server.root;
        for (let place = 0; place < last; place += 1) {
          const part = parts[place] as string;
          const known = isFresh ? undefined : this.#recall(folder, part);
          folder = known instanceof Inode ? known : yield* this.#child(folder, part, isFresh);
        }
        return yield* act(this, folder, parts[last] as string, isFresh);
      } catch (error) {
        if (isFresh || (error as { code?: string }).code !== 'ESTALE') throw error;
      }
    }
    throw failure('ESTALE');
  }

  *#child(folder: Inode, name: string, isFresh: boolean): Operation<Inode> {
    let found = isFresh ? undefined : (this.#recall(folder, name) as Inode | null | undefined);
    if (found === undefined) {
      found = yield* call(() => this.server.entries(folder).get(name) ?? null);
      this.#keep(folder, name, found);
    }
    if (found === null) throw failure('ENOENT');
    return found;
  }

  *#create(folder: Inode, name: string, isFolder: boolean, isExclusive: boolean): Operation<Inode> {
    const act = () => this.server.create(this.client, folder, name, isFolder, isExclusive);
    const made = yield* this.#asked(folder, name, act);
    this.#note(folder, name, made);
    return made;
  }

  /** Asks the server, and forgets a name about which the cache was wrong. */
  *#asked<Result>(folder: Inode, name: string, act: () => Result): Operation<Result> {
    try {
      return yield* call(act);
    } catch (error) {
      this.#keep(folder, name, undefined);
      throw error;
    }
  }

  /** Keeps a change of its own, which it sees at once. */
  #note(folder: Inode, name: string, inode: Inode | undefined): void {
    this.#keep(folder, name, inode ?? null);
    const listed = this.#recall(folder, LIST) as { names: Set<string> } | undefined;
    if (inode) listed?.names.add(name);
    else listed?.names.delete(name);
  }

  #keep(inode: Inode, key: string, value: unknown): void {
    if (this.now() - this.#since >= this.actimeo) {
      this.#cache = [new Map(), this.#cache[0]];
      this.#since = this.now();
    }
    const answers = this.#cache[0].get(inode) ?? new Map<string, readonly [number, unknown]>();
    this.#cache[0].set(inode, answers.set(key, [this.now(), value]));
  }

  #recall(inode: Inode, key: string): unknown {
    const [newer, older] = this.#cache;
    const [time, value] = newer.get(inode)?.get(key) ?? older.get(inode)?.get(key) ?? [];
    return time !== undefined && this.now() - time < this.actimeo ? value : undefined;
  }
}
