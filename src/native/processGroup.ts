import { messageOf, SpurmemError, systemCode } from '../errors.js';
import { isWhole, type Range, rangeInWords, RANGES } from '../settings/ranges.js';
import { native } from './addon.js';
import type { Addon, NativeArray, NativeProcessGroup, Network, Tensor } from './interface.js';

/** This process's rows of a batch, which begin at `offset`. */
export interface BatchPart {
  readonly offset: number;
  readonly total: number;
}

/** This process's part of examples that all processes divide among them. */
export interface Share {
  /** Positions in the whole, [N], in their order. */
  readonly positions: Int32Array;
  readonly total: number;
}

/** The processes that do a job together, of which this is one. All of them make the same calls in the same order. */
export class ProcessGroup {
  readonly rank: number;
  readonly worldSize: number;
  readonly #handle: NativeProcessGroup | undefined;

  /** @param other the group to be of; default: this process alone */
  constructor(other?: ProcessGroup | { handle: NativeProcessGroup; rank: number; worldSize: number }) {
    this.rank = other?.rank ?? 0;
    this.worldSize = other?.worldSize ?? 1;
    this.#handle = other instanceof ProcessGroup ? other.#handle : other?.handle;
  }

  /** Whether this process writes files and prints results. */
  get isRankZero(): boolean {
    return this.rank === 0;
  }

  get isDistributed(): boolean {
    return this.worldSize > 1;
  }

  /** The sums over all processes, in an array of the same kind. */
  async sum<Values extends NativeArray>(values: Values): Promise<Values> {
    return this.#handle === undefined ? values : ((await this.#handle.sum(values)) as Values);
  }

  /** The values of each process, by rank; as many in all. */
  async gather(values: Float64Array): Promise<readonly Float64Array[]> {
    const { length } = values;
    const slots = new Float64Array(this.worldSize * length);
    slots.set(values, this.rank * length);
    const all = await this.sum(slots);
    return Array.from({ length: this.worldSize }, (_, i) => all.subarray(i * length, (i + 1) * length));
  }

  /** The values of all examples, written into zeros [total] or [total, ...]; each process has those of its share, [N] or [N, ...]. */
  async gatherShares<Values extends Float32Array | Int32Array>(
    own: Values,
    { positions, total }: Share,
    all: Values,
  ): Promise<Values> {
    const size = all.length / total;
    for (const [i, position] of positions.entries()) {
      all.set(own.subarray(i * size, (i + 1) * size), position * size);
    }
    return this.sum(all);
  }

  /** The rows of all processes' parts of a batch, [total, ...], with their graph; undefined if this process has all. */
  async gatherRows(rows: Tensor, { offset, total }: BatchPart): Promise<Tensor | undefined> {
    return this.#handle?.gather(rows, offset, total);
  }

  /** Runs a job in the first process. The others wait for its result, which goes to them as JSON, and fail if it fails. */
  async onRankZero<Result>(job: () => Promise<Result>): Promise<Result> {
    if (!this.isDistributed) return job();
    if (!this.isRankZero) return readOutcome(await this.#broadcast('')) as Result;
    try {
      const result = await job();
      await this.#broadcast(JSON.stringify({ result }));
      return result;
    } catch (error) {
      await this.#broadcast(failureOf(error));
      throw error;
    }
  }

  /**
   * This process's share of a number of examples, batch after batch in turn: the batches are those that one process would have.
   *
   * @param turn the first batch's, if others were dealt before
   */
  shareOfBatches(total: number, batchSize: number, turn = 0): Share {
    const isOwn = (position: number): boolean =>
      (Math.floor(position / batchSize) + turn) % this.worldSize === this.rank;
    return { positions: Int32Array.from(Array(total).keys()).filter(isOwn), total };
  }

  /** This process's part of a list, such as a batch; parts differ by at most one item. Throws `USAGE` for fewer items than processes. */
  partOf<Items extends Int32Array | readonly unknown[]>(items: Items): { own: Items; part: BatchPart } {
    const { rank, worldSize } = this;
    const total = items.length;
    if (total < worldSize) {
      throw new SpurmemError('USAGE', `A batch of ${total} images is too small for ${worldSize} processes.`, {
        parameter: 'batchSize',
        advice: ['Choose a `batchSize` that leaves no such last batch, or start fewer processes.'],
      });
    }
    const start = (of: number): number => Math.floor((of * total) / worldSize);
    const own = items.slice(start(rank), start(rank + 1)) as Items;
    return { own, part: { offset: start(rank), total } };
  }

  /**
   * Has all processes train a network, each on its part of every batch. Its parameters must be the same in all.
   *
   * @param syncBatchNorm whether batch-norm takes its statistics over all parts (torch.nn.SyncBatchNorm)
   */
  async distribute(network: Network, syncBatchNorm: boolean): Promise<void> {
    if (this.#handle) await network.distribute(this.#handle, syncBatchNorm);
  }

  /** Copies a network's buffers, such as running statistics, from the first process. */
  async broadcastBuffers(network: Network): Promise<void> {
    if (this.#handle) await network.copyBuffersFromFirst(this.#handle);
  }

  /** Sums a network's gradients over all processes. */
  async sumGradients(network: Network): Promise<void> {
    if (this.#handle) await network.sumGradients(this.#handle);
  }

  /** The error of a job that failed because another process has ended; libtorch's own does not say so. */
  async lostProcess(error: unknown): Promise<SpurmemError | undefined> {
    if (this.#handle === undefined || systemCode(error) !== 'NATIVE_FAILED') return undefined;
    const missing = [...(await this.#handle.missing())];
    if (missing.length === 0) return undefined;
    const names = missing.length === 1 ? `Process ${missing[0]}` : `Processes ${missing.join(', ')}`;
    return new SpurmemError(
      'PROCESS_LOST',
      `${names} of ${this.worldSize} ended before the others (${messageOf(error)}). The last finished epoch is kept.`,
      { cause: error, advice: ['Look at its own messages, and start all of them again with `resume`.'] },
    );
  }

  /** Returns the first process's text in all processes. */
  async #broadcast(text: string): Promise<string> {
    const handle = this.#handle as NativeProcessGroup;
    const bytes = new TextEncoder().encode(text);
    const [length = 0] = (await handle.copyFromFirst(Int32Array.of(bytes.length))) as Int32Array;
    if (length === 0) return '';
    const own = bytes.length === length ? bytes : new Uint8Array(length);
    return new TextDecoder().decode(await handle.copyFromFirst(own));
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/** A process joins once. */
let joined = new ProcessGroup();

/** The group that this process has joined, or this process alone. */
export function joinedGroup(): ProcessGroup {
  return joined;
}

/**
 * Joins the other processes that `torchrun`, or `srun` with MASTER_ADDR and MASTER_PORT, started with this one, if there are any.
 * Everything trained and traced afterwards is shared among them.
 *
 * @throws `USAGE` when the environment says too little, `NATIVE_FAILED` when some do not come
 */
export async function joinProcessGroup(environment: Environment = process.env): Promise<ProcessGroup> {
  const place = placeIn(environment);
  if (place === undefined || joined.isDistributed) return joined;
  const { rank, size, host, port } = place;
  try {
    joined = new ProcessGroup({ handle: await native().joinProcessGroup(place), rank, worldSize: size });
    return joined;
  } catch (error) {
    throw new SpurmemError(
      'NATIVE_FAILED',
      `Process ${rank} of ${size} cannot join the others at ${host}:${port}: ${messageOf(error)}.`,
      { cause: error, advice: ['MASTER_ADDR and MASTER_PORT must be reached from all of them.'] },
    );
  }
}

/** The place at which the processes meet, by torchrun's names in the environment; undefined for one process. */
function placeIn(environment: Environment): Parameters<Addon['joinProcessGroup']>[0] | undefined {
  const { SLURM_PROCID, SLURM_STEP_NUM_TASKS, MASTER_ADDR: host, MASTER_PORT } = environment;
  // Steps of one task, and unrelated jobs, have no address to meet at.
  const isStep = host !== undefined && SLURM_STEP_NUM_TASKS !== undefined;
  const { RANK = isStep ? SLURM_PROCID : undefined, WORLD_SIZE = isStep ? SLURM_STEP_NUM_TASKS : undefined } =
    environment;
  if (WORLD_SIZE === undefined || WORLD_SIZE === '1') return undefined;
  const size = numberIn('WORLD_SIZE', WORLD_SIZE, RANGES.processes);
  const rank = numberIn('RANK', RANK, [0, size - 1]);
  const port = numberIn('MASTER_PORT', MASTER_PORT, RANGES.port);
  const { TORCHELASTIC_RESTART_COUNT = '0', TORCHELASTIC_USE_AGENT_STORE } = environment;
  const start = numberIn('TORCHELASTIC_RESTART_COUNT', TORCHELASTIC_RESTART_COUNT, RANGES.restarts);
  if (host === undefined || host === '') throw badEnvironment('MASTER_ADDR is missing');
  const hostsStore = rank === 0 && TORCHELASTIC_USE_AGENT_STORE !== 'True';
  // A restart has other keys than the start before it.
  return { rank, size, host, port, hostsStore, prefix: `spurmem/${start}` };
}

/** The number of a variable of the environment. Throws `USAGE`. */
function numberIn(name: string, text: string | undefined, range: Range): number {
  const value = /^\d+$/.test(text ?? '') ? Number(text) : Number.NaN;
  if (isWhole(value, range)) return value;
  throw badEnvironment(`${name} is ${text ?? 'missing'}, and takes ${rangeInWords(range)}`);
}

function badEnvironment(problem: string): SpurmemError {
  return new SpurmemError('USAGE', `The environment names several processes, but ${problem}.`, {
    advice: ['Start the processes by torchrun, or set RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT.'],
  });
}

/** A failed job's outcome, which `readOutcome` throws in the other processes. The value at fault may be beyond JSON. */
export function failureOf(error: unknown): string {
  if (!(error instanceof SpurmemError)) return JSON.stringify({ problem: messageOf(error) });
  const { code, problem, advice, parameter, expected } = error;
  return JSON.stringify({ code, problem, advice, parameter, expected });
}

/** Returns the result of the first process's job, or throws its error. */
export function readOutcome(text: string): unknown {
  const { result, code, problem, ...details } = JSON.parse(text) as Partial<SpurmemError> & {
    result?: unknown;
  };
  if (problem === undefined) return result;
  throw code === undefined ? new Error(problem) : new SpurmemError(code, problem, details);
}
